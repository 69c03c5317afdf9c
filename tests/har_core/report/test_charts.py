"""Charts: what is drawn lies in its chart and where the axes say, and covers nothing that must be read."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from narrowing import present

from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.folds import Spread
from har_core.report.charts import Dots, curves, dumbbells, scatter, squares, swarm
from har_core.report.labels import Box, place_labels
from har_core.report.svg import WIDTH, Axis

scores = st.floats(0, 1, allow_nan=False)
ACTIVITIES = dict(enumerate(DSADS.activities, 1))
# parameters, ms for one window, test macro-F1, as measured
MODELS: dict[str, dict[str, tuple[float, float, float]]] = {
    "demo": {
        "CNN": (956_947, 5.27, 0.842),
        "ResNet": (1_827_155, 15.28, 0.796),
        "ShuffleNet": (614_551, 3.77, 0.776),
        "LSTM": (3_255_827, 14.42, 0.679),
    },
    "dsads_loso": {
        "Extra trees": (721_311, 1.44, 0.910),
        "Rocket": (103_429, 8.29, 0.881),
        "Random forest": (59_438, 0.50, 0.871),
        "Compact": (56_947, 0.72, 0.858),
        "Logistic regression": (6_859, 0.18, 0.853),
    },
    "alike": {f"Architecture {number}": (1e6 + number, 5 + number / 100, 0.8 + number / 1e4) for number in range(8)},
}


class Drawing:
    """What stands in a chart, by kind."""

    def __init__(self, chart: str | None) -> None:
        self.root = ET.fromstring(present(chart))  # noqa: S314 it is ours
        _, _, width, height = map(float, present(self.root.get("viewBox")).split())
        assert width == WIDTH
        self.height = height

    def marks(self, tag: str, *classes: str) -> list[ET.Element]:
        found = [mark for mark in self.root.iter(tag) if set(classes) <= set(present(mark.get("class")).split())]
        for mark in found:
            x, y = (float(mark.get(name, mark.get(f"c{name}", 0))) for name in "xy")
            assert 0 <= x <= WIDTH, ET.tostring(mark)
            assert 0 <= y <= self.height, ET.tostring(mark)
        return found

    def circles(self, *classes: str) -> list[tuple[float, ...]]:
        return [
            tuple(float(present(c.get(name))) for name in ("cx", "cy", "r")) for c in self.marks("circle", *classes)
        ]

    def texts(self, *classes: str) -> list[str | None]:
        return [mark.text for mark in self.marks("text", *classes)]

    def paths(self, *classes: str) -> list[str]:
        return [present(mark.get("d")) for mark in self.marks("path", *classes)]


def numbers(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"[\d.]+", path.replace("h 0", ""))]


def test_an_axis_places_values_and_round_ticks() -> None:
    axis = Axis(low=0, high=1, start=100, end=0)
    assert [axis(value) for value in (0, 0.25, 1, 7)] == [100, 75, 0, 0]
    assert axis.ticks(2) == [(100, "0"), (50, "0.5"), (0, "1")]
    assert [label for _, label in Axis(low=0, high=0.4, start=0, end=1).ticks(8)][1:4] == ["0.05", "0.1", "0.15"]


def test_a_logarithmic_axis_has_ticks_at_1_2_5() -> None:
    axis = Axis(low=400_000, high=5_000_000, start=0, end=100, logarithmic=True)
    assert [label for _, label in axis.ticks(5)] == ["500 k", "1 M", "2 M", "5 M"]
    assert axis(math.sqrt(400_000 * 5_000_000)) == pytest.approx(50)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["CNN", "ShuffleNet"]), st.floats(0.01, 1e8), scores), min_size=1, max_size=8)
)
def test_a_scatter_holds_each_point_with_its_name(points: list[tuple[str, float, float]]) -> None:
    drawing = Drawing(scatter(points, x_label="ms", label="Latency"))
    assert len(drawing.circles("disc")) == len(points)
    assert drawing.texts("name") == [name for name, _, _ in points]
    assert len(drawing.texts("tick")) > 2


def test_of_many_points_those_that_none_beats_have_their_names() -> None:
    points = [(f"M{place}", 1.0 + place, 0.5 + 0.01 * place) for place in range(12)]
    beaten = [("Slow", 20.0, 0.4), ("Slower", 30.0, 0.4)]
    drawing = Drawing(scatter([*points, *beaten], x_label="ms", label=""))
    assert drawing.texts("name") == [name for name, _, _ in points]
    assert [title.text for title in drawing.root.iter("title")][-2:] == ["Slow", "Slower"]
    assert len(drawing.circles("beaten")) == 2


@pytest.mark.parametrize("cost", [0, 1], ids=["parameters", "latency"])
@pytest.mark.parametrize("models", MODELS)
def test_labels_cover_no_label_and_no_point(models: str, cost: int) -> None:
    names = list(MODELS[models])
    drawing = Drawing(
        scatter([(name, MODELS[models][name][cost], MODELS[models][name][2]) for name in names], x_label="", label="")
    )
    points = [(name, x, y) for name, (x, y, _) in zip(names, drawing.circles("disc"), strict=True)]
    frame = Box(0, 0, WIDTH, drawing.height)
    labels = [label.box for label in place_labels(points, frame)]
    dots = [Box(x - 5, y - 5, x + 5, y + 5) for _, x, y in points]
    for index, box in enumerate(labels):
        assert box.overlap(frame) == pytest.approx(box.overlap(box))
        assert box.overlap(*dots, *labels[:index]) == 0, names[index]


def test_points_without_numbers_are_left_out() -> None:
    given_points = [("CNN", math.nan, 0.5), ("LSTM", 1.0, math.nan), ("ResNet", 0.0, 0.5)]
    assert scatter(given_points, x_label="", label="") is None
    assert Drawing(scatter([*given_points, ("Rocket", 1.0, 0.5)], x_label="", label="")).texts("name") == ["Rocket"]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.just("CNN"), scores, scores), min_size=1, max_size=8))
def test_dumbbells_hold_both_scores_and_hide_neither(rows: list[tuple[str, float, float]]) -> None:
    drawing = Drawing(dumbbells(rows, label="From here to there"))
    rings, discs = drawing.circles("ring"), drawing.circles("disc")
    assert len(rings) == len(discs) == len(rows)
    for (_, ring_y, ring), (_, disc_y, disc) in zip(rings, discs, strict=True):
        assert ring_y == disc_y
        assert disc <= ring - 1


def test_a_missing_score_leaves_its_end_out() -> None:
    drawing = Drawing(dumbbells([("CNN", 0.8, math.nan)], label="Fall"))
    assert (len(drawing.circles("ring")), drawing.circles("disc"), drawing.paths("fall")) == (1, [], [])
    assert drawing.root.get("aria-label") == "Fall: CNN 0.800 → –"
    assert dumbbells([("CNN", math.nan, math.nan)], label="") is None


def course(score: Sequence[float | None], loss: Sequence[float | None], **changes: Any) -> Drawing:
    values: dict[str, Any] = {"best_epoch": 2, "last_epoch": len(score), "max_loss": 3 / 1.05, "label": ""}
    history = [
        {"epoch": epoch, "validation_macro_f1": own, "validation_loss": lost}
        for epoch, (own, lost) in enumerate(zip(score, loss, strict=True), 1)
    ]
    return Drawing(curves(history, **(values | changes)))


def test_a_course_runs_over_its_epochs() -> None:
    drawing = course([0.0, 0.5, 1.0], [3.0, 1.5, 0.0])
    score, loss = drawing.paths("line", "validation")
    assert numbers(score) == [34, 126, 192, 76, 350, 26]
    assert numbers(loss) == [34, 164, 192, 208, 350, 252]
    assert [numbers(path)[0] for path in drawing.paths("best")] == [192, 192]


@pytest.mark.parametrize("gap", [None, math.nan, math.inf])
def test_an_epoch_without_a_number_leaves_a_gap(gap: float | None) -> None:
    path = course([0.1, gap, 0.3, 0.4], [1.0] * 4).paths("line", "validation")[0]
    assert path.count("M") == 2
    assert path.count("L") == 1


def test_one_epoch_is_a_dot() -> None:
    assert course([0.5], [1.0], best_epoch=1).paths("line", "validation")[0] == "M 34 76 h 0"


def test_a_loss_beyond_the_chart_stays_at_its_edge() -> None:
    assert numbers(course([0.5, 0.5], [1e9, 1.0]).paths("line", "validation")[1])[1] == 164


def test_a_best_epoch_that_is_not_drawn_has_no_mark() -> None:
    assert course([0.5, 0.6], [1.0, 1.0], best_epoch=7).paths("best") == []


def dots(by_subject: dict[int, float], mean: float = 0.5, deviation: float | None = 0.1) -> Dots:
    spread = Spread(mean=mean, standard_deviation=deviation)
    return Dots(name="CNN", words="0.5", spread=spread, by_subject=by_subject, runs={3: "abc"})


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.lists(scores, max_size=40), scores, st.floats(0, 1)), min_size=1, max_size=5))
def test_dots_of_a_swarm_cover_no_other(models: list[tuple[list[float], float, float]]) -> None:
    charts = swarm([dots(dict(enumerate(values, 1)), mean, deviation) for values, mean, deviation in models], label="")
    if not any(values for values, *_ in models):
        assert charts == []
        return
    assert len(charts) == len(models) + 1
    for drawn, (values, *_) in zip(charts[:-1], models, strict=True):
        circles = Drawing(drawn).circles("disc")
        assert len(circles) == len(values)
        for index, (x, y, radius) in enumerate(circles):
            for other_x, other_y, _ in circles[:index]:
                assert math.hypot(x - other_x, y - other_y) >= 2 * radius - 0.2


def test_a_dot_carries_its_subject_while_there_are_few() -> None:
    few = Drawing(swarm([dots({3: 0.5, 8: 0.9})], label="")[0])
    many = Drawing(swarm([dots(dict.fromkeys(range(1, 40), 0.5))], label="")[0])
    assert (few.texts("numeral"), many.texts("numeral")) == (["3", "8"], [])
    assert many.circles("disc")[0][2] < few.circles("disc")[0][2]


def test_a_dot_tells_its_score_and_its_run() -> None:
    drawing = Drawing(swarm([dots({3: 0.5, 8: 0.9})], label="")[0])
    titles = [title.text for title in drawing.root.iter("title")]
    assert titles == ["CNN, subject 3: 0.500, run abc", "CNN, subject 8: 0.900"]


def test_models_share_their_axis() -> None:
    low, high, axis = swarm([dots({1: 0.5}), dots({1: 0.9}, mean=0.9)], label="")
    assert Drawing(low).paths("grid") == Drawing(high).paths("grid")
    assert Drawing(low).circles("disc")[0][0] < Drawing(high).circles("disc")[0][0]
    assert Drawing(axis).texts("tick")


def test_one_fold_has_a_mean_and_no_band() -> None:
    [band] = Drawing(swarm([dots({1: 0.5}, deviation=None)], label="")[0]).marks("rect", "band")
    assert band.get("width") == "0"


def test_a_square_stands_for_each_recording_and_says_what_is_in_it() -> None:
    drawing = Drawing(squares([1, 4], ACTIVITIES, {(4, 19): (3, "error"), (1, 1): (1200, "info")}, label=""))
    boxes = drawing.marks("rect", "box")
    assert [present(box.get("class")).split()[1:] for box in boxes] == [["info"], *[[]] * 36, ["error"]]
    assert [title.text for title in drawing.root.iter("title")] == [
        "subject 1, sitting: 1,200 findings",
        "subject 4, playing basketball: 3 findings",
    ]
    assert drawing.texts("inbox") == ["1k", "3"]
    assert squares([], ACTIVITIES, {}, label="") is None


@pytest.mark.parametrize("num_activities", [2, 20, 21, 40])
def test_squares_of_any_number_of_activities_keep_room_for_a_number(num_activities: int) -> None:
    names = {number: f"activity {number}" for number in range(1, num_activities + 1)} | {0: "other"}
    drawing = Drawing(squares([1, 2, 3], names, {(2, 0): (7, "info")}, label=""))
    boxes = drawing.marks("rect", "box")
    places = {(float(present(box.get("x"))), float(present(box.get("y")))) for box in boxes}
    assert len(boxes) == len(places) == 3 * (num_activities + 1)
    assert all(14 < float(present(box.get("width"))) <= 24 for box in boxes)
    right, bottom = (float(size) for size in present(drawing.root.get("viewBox")).split()[2:])
    assert max(x for x, _ in places) < right
    assert max(y for _, y in places) < bottom
    assert [title.text for title in drawing.root.iter("title")] == ["subject 2, other: 7 findings"]


def test_words_are_escaped() -> None:
    chart = present(dumbbells([('<b>"', 0.8, 0.7)], label='<i>"'))
    assert "<b>" not in chart
    assert "<i>" not in chart
    assert Drawing(chart).texts("name") == ['<b>"']
