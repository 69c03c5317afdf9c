"""Geometry: everything that is drawn lies in its drawing, and values lie where the axis says."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.report.charts.axes import WIDTH, Axis
from har_core.report.charts.curves import curves
from har_core.report.charts.dumbbells import dumbbells
from har_core.report.charts.scatter import scatter
from har_core.report.charts.squares import squares
from har_core.report.charts.swarm import Spots, swarm

scores = st.floats(0, 1, allow_nan=False)


def test_an_axis_places_values_and_round_ticks():
    axis = Axis(low=0, high=1, start=100, end=0)
    assert [axis(value) for value in (0, 0.25, 1)] == [100, 75, 0]
    assert [(tick.position, tick.label) for tick in axis.ticks(2)] == [(100, "0"), (50, "0.5"), (0, "1")]


def test_a_logarithmic_axis_has_ticks_at_1_2_5():
    axis = Axis(low=400_000, high=5_000_000, start=0, end=100, logarithmic=True)
    assert [tick.label for tick in axis.ticks(5)] == ["500 k", "1 M", "2 M", "5 M"]
    assert axis(math.sqrt(400_000 * 5_000_000)) == 50


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["CNN", "ShuffleNet"]), st.floats(0.01, 1e8), scores), min_size=1, max_size=8)
)
def test_points_and_ticks_lie_in_the_scatter(points):
    chart = scatter(points)
    assert len(chart.points) == len(points)
    for point in chart.points:
        assert chart.left <= point.x <= chart.right
        assert chart.top <= point.y <= chart.bottom
        assert 0 <= point.label_x <= WIDTH
    assert all(chart.left <= tick.position <= chart.right for tick in chart.x_ticks)
    assert all(chart.top <= tick.position <= chart.bottom for tick in chart.y_ticks)


def test_labels_of_near_points_do_not_cover_each_other():
    chart = scatter([("ShuffleNet", 1.00, 0.80), ("ResNet", 1.05, 0.801), ("LSTM", 1.10, 0.802), ("CNN", 9.0, 0.5)])
    boxes = []
    for point in chart.points:
        width = 6.3 * len(point.name)
        left = point.label_x - {"start": 0, "middle": width / 2, "end": width}[point.anchor]
        boxes.append((left, left + width, point.label_y))
    for index, (left, right, y) in enumerate(boxes):
        for other_left, other_right, other_y in boxes[:index]:
            assert right <= other_left or other_right <= left or abs(y - other_y) > 9


def test_points_without_numbers_are_left_out():
    assert scatter([("CNN", math.nan, 0.5), ("LSTM", 1.0, math.nan), ("ResNet", 0.0, 0.5)]) is None
    assert [point.name for point in scatter([("CNN", 1.0, 0.5), ("LSTM", 1.0, math.nan)]).points] == ["CNN"]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.just("CNN"), scores, scores), min_size=1, max_size=8))
def test_dumbbells_lie_in_their_drawing(rows):
    chart = dumbbells(rows)
    for row in chart.rows:
        assert chart.left <= row.before <= chart.right
        assert chart.left <= row.after <= chart.right
        assert 0 < row.y < chart.bottom < chart.height


def test_a_missing_score_leaves_its_end_out():
    [row] = dumbbells([("CNN", 0.8, math.nan)]).rows
    assert row.after is None
    assert row.before is not None
    assert row.text == "0.800 → –"
    assert dumbbells([("CNN", math.nan, math.nan)]) is None


def numbers(path):
    return [float(number) for number in re.findall(r"[\d.]+", path.replace("h0", ""))]


def course(score, loss, **changes):
    values = {"best_epoch": 2, "last_epoch": len(score), "highest_loss": 3.0}
    epochs = list(range(1, len(score) + 1))
    return curves(epochs=epochs, score=score, losses=[("validation", loss)], **(values | changes))


def test_a_course_runs_over_its_epochs():
    chart = course([0.0, 0.5, 1.0], [3.0, 1.5, 0.0])
    score, loss = chart.panels
    middle = (chart.left + chart.right) / 2
    assert numbers(score.lines[0].path) == [chart.left, score.bottom, middle, 76, chart.right, score.top]
    assert numbers(loss.lines[0].path) == [chart.left, loss.top, middle, 208, chart.right, loss.bottom]
    assert chart.best_x == middle


@pytest.mark.parametrize("gap", [None, math.nan, math.inf])
def test_an_epoch_without_a_number_leaves_a_gap(gap):
    path = course([0.1, gap, 0.3, 0.4], [1.0] * 4).panels[0].lines[0].path
    assert path.count("M") == 2
    assert path.count("L") == 1


def test_one_epoch_is_a_dot():
    chart = course([0.5], [1.0], best_epoch=1)
    assert re.fullmatch(r"M[\d.]+ [\d.]+h0", chart.panels[0].lines[0].path)


def test_a_loss_beyond_the_drawing_stays_at_its_edge():
    chart = course([0.5, 0.5], [1e9, 1.0])
    assert numbers(chart.panels[1].lines[0].path)[1] == chart.panels[1].top


def test_a_best_epoch_that_is_not_drawn_has_no_mark():
    assert course([0.5, 0.6], [1.0, 1.0], best_epoch=7).best_x is None


def spots(by_subject, mean=0.5, deviation=0.1, name="CNN"):
    return Spots(name=name, text="", by_subject=by_subject, mean=mean, standard_deviation=deviation)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.lists(scores, max_size=40), scores, st.floats(0, 1)), min_size=1, max_size=5))
def test_dots_lie_in_their_row_and_cover_no_other(rows):
    chart = swarm([spots(dict(enumerate(values, 1)), mean, deviation) for values, mean, deviation in rows])
    if not any(values for values, *_ in rows):
        assert chart is None
        return
    last = 0.0
    for row, (values, *_) in zip(chart.rows, rows, strict=True):
        assert len(row.dots) == len(values)
        assert last <= row.top
        for index, dot in enumerate(row.dots):
            assert chart.left <= dot.x - chart.radius + 0.1
            assert dot.x + chart.radius <= chart.right + 0.1
            assert row.top <= dot.y - chart.radius
            assert dot.y + chart.radius <= row.bottom
            for other in row.dots[:index]:
                assert math.hypot(dot.x - other.x, dot.y - other.y) >= 2 * chart.radius - 0.1
        assert chart.left <= row.low <= row.mean <= row.high <= chart.right
        last = row.bottom
    assert last <= chart.bottom <= chart.height


def test_a_dot_carries_its_subject_while_there_are_few():
    few, many = swarm([spots({3: 0.5, 8: 0.9})]), swarm([spots(dict.fromkeys(range(1, 40), 0.5))])
    assert [dot.label for dot in few.rows[0].dots] == ["3", "8"]
    assert {dot.label for dot in many.rows[0].dots} == {""}
    assert many.radius < few.radius


def test_one_fold_has_a_mean_and_no_band():
    [row] = swarm([spots({1: 0.5}, mean=0.5, deviation=None)]).rows
    assert row.low == row.mean == row.high


def test_a_square_stands_for_each_recording_and_says_what_is_in_it():
    chart = squares([1, 4], {(4, 19): (3, "error"), (1, 1): (1200, "info")})
    assert len(chart.squares) == 2 * 19
    first, last = chart.squares[0], chart.squares[-1]
    assert (first.label, first.severity, first.words) == ("1k", "info", "subject 1, sitting: 1,200 findings")
    assert (last.label, last.severity, last.words) == ("3", "error", "subject 4, playing basketball: 3 findings")
    assert {box.severity for box in chart.squares[1:-1]} == {""}
    assert last.x + chart.side <= WIDTH
    assert last.y + chart.side <= chart.height
    assert squares([], {}) is None
