"""Which activities are taken for each other, on answers whose counts are known, and windows on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_sets import POCKET_AND_WRIST

from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.confused import Answers, WindowKey, read_traces
from har_core.inference.predictions import column_of, predictions_schema
from har_core.spec.dataset import DatasetSpec
from har_core.windows.schema import batch_of, window_schema

SPEC = DSADS


def predictions(
    taken: dict[tuple[int, int], list[int]], *, role: str = "test", damaged: bool = False, seed: int = 0
) -> pa.Table:
    """A window of each (subject, activity) for each of what it was taken for; its segment is its place there."""
    rows = [
        (subject, activity, segment, own)
        for (subject, activity), every in taken.items()
        for segment, own in enumerate(every, 1)
    ]
    subjects, activities, segments, answers = map(np.array, zip(*rows, strict=True))
    number = len(rows)
    columns = {
        "subject": subjects,
        "session": activities + 1,
        "segment": segments,
        "start": np.zeros(number),
        "label": activities,
        "damaged": np.full(number, damaged),
        "probabilities": column_of(np.eye(SPEC.num_activities)[answers]),
        "role": [role] * number,
        "seed": np.full(number, seed),
    }
    schema = predictions_schema(SPEC)
    return pa.table([pa.array(columns[field.name]).cast(field.type) for field in schema], schema=schema)


def test_pairs_count_both_ways_and_most_come_first() -> None:
    answers = Answers()
    answers.add(predictions({(1, 0): [0, 1, 1], (1, 1): [1, 0], (1, 2): [3], (2, 3): [3]}))
    first, second = answers.most_confused()
    assert (first.actual, first.taken, first.num_wrong, first.num_answers) == (0, 1, 3, 5)
    assert (second.actual, second.taken, second.num_wrong, second.num_answers) == (2, 3, 1, 2)


def test_the_window_that_most_trainings_agree_on_is_shown() -> None:
    answers = Answers()
    answers.add(predictions({(1, 0): [1, 0, 0], (2, 0): [1, 1, 0], (2, 1): [0, 1]}))
    answers.add(predictions({(1, 0): [0, 0, 0], (2, 0): [0, 1, 0], (2, 1): [1, 1]}, seed=1))
    [pair] = answers.most_confused()
    assert pair.wrong.key == WindowKey(2, 1, 2, 0)
    assert (pair.wrong.num_agreeing, pair.wrong.num_answers) == (2, 2)
    assert pair.right is not None
    assert pair.right.key == WindowKey(2, 1, 3, 0)  # of the same subject
    assert pair.other is not None
    assert pair.other.key == WindowKey(2, 2, 2, 0)


def test_another_subject_stands_in_and_what_is_not_there_is_left() -> None:
    answers = Answers()
    answers.add(predictions({(1, 0): [1], (2, 0): [0]}))
    [pair] = answers.most_confused()
    assert pair.right is not None
    assert pair.right.key.subject == 2
    assert pair.other is None
    assert [own.activity for own in pair.shown] == [0, 0]


@pytest.mark.parametrize("left_out", [{"role": "validation"}, {"damaged": True}])
def test_validation_and_damaged_windows_do_not_count(left_out: dict[str, object]) -> None:
    answers = Answers()
    answers.add(predictions({(1, 0): [0, 0]}))
    answers.add(predictions({(1, 0): [1, 1]}, **left_out))  # type: ignore[arg-type]
    assert answers.most_confused() == ()
    assert Answers().most_confused() == ()


def write_windows(path: Path, spec: DatasetSpec, keys: list[WindowKey], samples: np.ndarray) -> None:
    """``samples`` (N, C, T)."""
    number, num_channels, length = samples.shape
    schema = window_schema(spec, length)
    named = {name: np.array(values) for name, values in zip(WindowKey._fields, zip(*keys, strict=True), strict=True)}
    named |= {"activity": np.ones(number), "damaged": np.zeros(number, bool), "duplicate_group": -np.ones(number)}
    flat = np.ascontiguousarray(samples.transpose(1, 0, 2).reshape(num_channels, -1), dtype=np.float32)
    table = pa.Table.from_batches([batch_of(named, flat, schema)])
    pq.write_table(table.replace_schema_metadata(spec.to_metadata()), path)


def test_traces_are_lengths_of_vectors(tmp_path: Path) -> None:
    answers = Answers()
    answers.add(predictions({(1, 0): [1, 0], (1, 1): [1]}))
    confused = answers.most_confused()
    keys = [WindowKey(1, 1, 1, 0), WindowKey(9, 1, 1, 0), WindowKey(1, 1, 2, 0), WindowKey(1, 2, 1, 0)]
    samples = np.random.default_rng(0).normal(size=(4, SPEC.num_channels, 6)).astype(np.float32)
    write_windows(tmp_path / "windows.parquet", SPEC, keys, samples)
    traces = read_traces(confused, tmp_path / "windows.parquet", SPEC)
    assert traces.sensors == ("torso acc", "right arm acc", "left arm acc", "right leg acc", "left leg acc")
    assert traces.of_vectors
    assert {*traces.samples} == {keys[0], keys[2], keys[3]}
    [left_leg] = [triad.axes for triad in SPEC.triads if triad.kind == "acc" and triad.place == 4]
    expected = np.linalg.norm(samples[2][list(left_leg)], axis=0)
    assert traces.samples[keys[2]][4] == pytest.approx(expected, rel=1e-6)


def test_windows_that_are_gone_have_no_traces(tmp_path: Path) -> None:
    answers = Answers()
    answers.add(predictions({(1, 0): [1]}))
    samples = np.zeros((1, SPEC.num_channels, 6))
    write_windows(tmp_path / "windows.parquet", SPEC, [WindowKey(5, 1, 1, 0)], samples)
    assert read_traces(answers.most_confused(), tmp_path / "windows.parquet", SPEC).samples == {}


def test_windows_of_another_data_set_have_no_traces(tmp_path: Path) -> None:
    answers = Answers()
    answers.add(predictions({(1, 0): [1]}))
    other = POCKET_AND_WRIST.replaced(activities=SPEC.activities)
    write_windows(tmp_path / "windows.parquet", other, [WindowKey(1, 1, 1, 0)], np.zeros((1, other.num_channels, 6)))
    assert read_traces(answers.most_confused(), tmp_path / "windows.parquet", SPEC).samples == {}


def test_single_channels_stand_in_where_no_sensor_has_three_axes(tmp_path: Path) -> None:
    channels = [channel for channel in POCKET_AND_WRIST.channels if channel.axis != "z"]
    spec = POCKET_AND_WRIST.replaced(channels=channels, activities=SPEC.activities)
    answers = Answers()
    answers.add(predictions({(1, 0): [1]}))
    samples = np.random.default_rng(0).normal(size=(1, spec.num_channels, 6)).astype(np.float32)
    write_windows(tmp_path / "windows.parquet", spec, [WindowKey(1, 1, 1, 0)], samples)
    traces = read_traces(answers.most_confused(), tmp_path / "windows.parquet", spec)
    assert not traces.of_vectors
    assert traces.sensors == spec.channel_names[:6]
    assert np.array_equal(traces.samples[WindowKey(1, 1, 1, 0)][1], samples[0][1])
