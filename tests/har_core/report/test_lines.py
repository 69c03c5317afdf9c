"""Lines by number: they lie where the axes say, and their names cover no other name."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st
from narrowing import present

from har_core.report.lines import Line, common_axis, line_chart, spread
from har_core.report.svg import WIDTH

scores = st.floats(0, 1, allow_nan=False)
TOP, BOTTOM = 24, 244


def line(kind: str, by_number: dict[int, float], intervals: dict[int, tuple[float, float]] | None = None) -> Line:
    return Line(kind=kind, name=kind, scores=by_number, intervals=intervals or {})


def drawn(*lines: Line) -> ET.Element:
    return ET.fromstring(line_chart(lines, common_axis(lines), x_label="windows", label="Chart"))  # noqa: S314 ours


def marks(root: ET.Element, tag: str, *classes: str) -> list[ET.Element]:
    return [mark for mark in root.iter(tag) if set(classes) <= set(present(mark.get("class")).split())]


def numbers(mark: ET.Element) -> list[float]:
    return [float(number) for number in re.findall(r"[\d.]+", present(mark.get("d")))]


def test_a_line_goes_through_its_scores() -> None:
    root = drawn(line("a", {0: 0.5, 1: 0.6, 5: 0.9}), line("b", {5: 0.7, 10: 0.8}), line("level", {0: 0.5}))
    [first, second, level] = marks(root, "path", "line")
    xs, ys = numbers(first)[::2], numbers(first)[1::2]
    assert xs == sorted(xs)
    assert ys == sorted(ys, reverse=True)
    assert numbers(second)[0] == xs[2]
    assert numbers(level)[1] == ys[0]
    assert present(level.get("d")).split()[3] == "H"
    ticks = [mark.text for mark in marks(root, "text", "tick") if mark.get("text-anchor") == "middle"]
    assert ticks == ["0", "1", "5", "10"]


def test_intervals_stand_beside_each_other() -> None:
    """But at 0, where all lines meet."""
    root = drawn(
        line("a", {0: 0.5, 1: 0.6}, {1: (0.55, 0.7)}),
        line("b", {0: 0.5, 1: 0.6}, {1: (0.52, 0.65)}),
        line("level", {0: 0.5}, {0: (0.4, 0.6)}),
    )
    first, second, level = (numbers(mark) for mark in marks(root, "path", "interval"))
    assert abs(first[0] - second[0]) >= 2
    assert first[1] > first[2]
    own = {mark.get("cx") for mark in marks(root, "circle", "point") if float(present(mark.get("cx"))) < first[0] - 20}
    assert own == {f"{level[0]:g}"}


@settings(max_examples=50, deadline=None)
@given(st.lists(scores, min_size=1, max_size=6), st.sets(st.integers(1, 10_000), min_size=1, max_size=40))
def test_no_name_covers_another(ends: list[float], at: set[int]) -> None:
    root = drawn(*(line(f"way{place}", dict.fromkeys(sorted(at), end)) for place, end in enumerate(ends)))
    heights = sorted(float(present(mark.get("y"))) for mark in marks(root, "text", "way"))
    assert len(heights) == len(ends)
    assert all(after - before > 12.8 for before, after in pairwise(heights))
    ticks = [mark for mark in marks(root, "text", "tick") if mark.get("text-anchor") == "middle"]
    places = [float(present(mark.get("x"))) for mark in ticks]
    assert all(after - before > 17.8 for before, after in pairwise(places))
    assert all(0 <= place <= WIDTH for place in places)


@given(st.lists(st.floats(TOP, BOTTOM), max_size=10))
def test_names_stay_in_the_chart_and_in_order(heights: list[float]) -> None:
    places = spread(sorted(heights))
    assert places == sorted(places)
    assert all(TOP <= place <= BOTTOM for place in places)
    assert all(after - before > 12.999 for before, after in pairwise(places))
