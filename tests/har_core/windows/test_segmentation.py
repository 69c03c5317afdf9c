"""Cutting recordings into windows."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.origin import Origin
from har_core.datasets.recordings import Recording, RecordingKey, Recordings, recordings_of
from har_core.settings.windows import stride_of
from har_core.windows.schema import KEY_COLUMNS, NAMED_COLUMNS, channels_of, window_schema
from har_core.windows.segmentation import segment

PART_LENGTH = 125
lengths = st.integers(1, PART_LENGTH)
overlaps = st.floats(0, 1, exclude_max=True)


def cut(recordings: Sequence[Recording], *, length: int, overlap: float) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """Keys, and windows (N, T, C)."""
    table = segment(recordings_of(DSADS, recordings), length=length, overlap=overlap).read_all()
    keys = list(zip(*(table[name].to_pylist() for name in KEY_COLUMNS), strict=True))
    return keys, channels_of(table).reshape(DSADS.num_channels, -1, length).transpose(1, 2, 0)


@given(length=lengths, overlap=overlaps)
@settings(max_examples=40)
def test_every_window_is_its_slice_of_the_recording(
    make_recording: Callable[..., Recording], length: int, overlap: float
) -> None:
    recording = make_recording(7, 4, (2, 9))
    keys, windows = cut([recording], length=length, overlap=overlap)
    assert len(keys) == len(windows)
    for (subject, session, number, start), window in zip(keys, windows, strict=True):
        assert (subject, session) == (7, 4)
        first = recording.outline.segments.index(number) * PART_LENGTH + start
        np.testing.assert_array_equal(window, recording.samples[:, first : first + length].T)


@given(length=lengths, overlap=overlaps)
def test_starts_are_regular_and_cover_the_segment(
    make_recording: Callable[..., Recording], length: int, overlap: float
) -> None:
    keys, _ = cut([make_recording(1, 1, (1, 2))], length=length, overlap=overlap)
    stride = stride_of(length, overlap)
    starts = [start for *_, number, start in keys if number == 1]
    assert starts == [start for *_, number, start in keys if number == 2]
    assert starts == list(range(0, PART_LENGTH - length + 1, stride))
    assert len(starts) == (PART_LENGTH - length) // stride + 1
    covered = set().union(*(range(start, start + length) for start in starts))
    assert covered == set(range(starts[-1] + length))  # no gap, and less than a stride is left at the end
    assert PART_LENGTH - len(covered) < stride
    assert len(set(keys)) == len(keys)


@given(length=lengths, overlap=overlaps)
def test_stride_repeats_the_share_asked_for_within_a_sample(length: int, overlap: float) -> None:
    stride = stride_of(length, overlap)
    assert 1 <= stride <= length
    if stride > 1:
        assert abs((length - stride) - length * overlap) <= 0.5


@pytest.mark.parametrize(
    ("length", "overlap", "starts"),
    [
        (125, 0.0, [0]),
        (50, 0.0, [0, 50]),
        (50, 0.5, [0, 25, 50, 75]),
        (100, 0.29, [0]),
        (25, 0.2, [0, 20, 40, 60, 80, 100]),
    ],
)
def test_starts(make_recording: Callable[..., Recording], length: int, overlap: float, starts: list[int]) -> None:
    keys, _ = cut([make_recording(1, 1, (1,))], length=length, overlap=overlap)
    assert [start for *_, start in keys] == starts


def test_rows_are_in_order_of_their_keys(recordings: Recordings) -> None:
    keys, _ = cut(list(recordings), length=60, overlap=0.5)
    assert keys == sorted(set(keys))


def test_schema_and_metadata(recordings: Recordings) -> None:
    reader = segment(recordings, length=40, overlap=0.25)
    assert reader.schema.equals(window_schema(DSADS, 40), check_metadata=False)
    assert reader.schema.metadata == {
        b"har.dataset": DSADS.to_json().encode(),
        b"har.none": b"drop",
        b"har.sampling_rate_hz": b"25",
        b"har.window_length": b"40",
        b"har.overlap": b"0.25",
        b"har.step": b"30",
        b"har.origin": b"real",
        b"har.damaged": b"not audited",
        b"har.join_segments": b"false",
        b"har.num_dropped": b"0",
        b"har.num_repaired": b"0",
        b"har.num_gaps": b"0",
        b"har.num_interpolated": b"0",
        b"har.num_resampled": b"0",
        b"har.num_mixed": b"0",
        b"har.num_other": b"0",
    }
    field = reader.schema.field("RA_ygyro")
    assert field.type == pa.list_(pa.field("element", pa.float32(), nullable=False), 40)
    assert field.metadata == {b"description": b"right arm, gyroscope, y axis", b"unit": b"rad/s"}
    assert reader.schema.names == [*NAMED_COLUMNS, *DSADS.channel_names]


@pytest.mark.parametrize("origin", ["real", "synthetic"])
def test_origin_of_the_recordings_is_kept(make_recording: Callable[..., Recording], origin: Origin) -> None:
    recordings = recordings_of(DSADS, [make_recording()], origin=origin)
    reader = segment(recordings, length=125, overlap=0)
    assert reader.schema.metadata[b"har.origin"] == origin.encode()
    assert reader.read_all().num_rows == 2


@pytest.mark.parametrize(
    ("length", "overlap", "values"),
    [(0, 0, ["0"]), (126, 0, ["126"]), (10, 1, ["1"]), (10, -0.1, ["-0.1"]), (126, float("nan"), ["126", "nan"])],
)
def test_impossible_windows_are_refused_at_once(length: int, overlap: float, values: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        segment(recordings_of(DSADS, []), length=length, overlap=overlap)
    assert [problem.value for problem in caught.value.problems] == values


def many(make_recording: Callable[..., Recording], num: int, read: list[int]) -> Recordings:
    """Recordings that are made when they are asked for, which ``read`` tells."""

    def load(key: RecordingKey) -> Recording:
        read.append(key.subject)
        return make_recording(*key)

    outline = make_recording().outline
    return Recordings(
        spec=DSADS,
        outlines={RecordingKey(subject, 1): outline for subject in range(1, num + 1)},
        load=load,
        origin="real",
    )


def test_recordings_are_read_when_their_windows_are_asked_for(make_recording: Callable[..., Recording]) -> None:
    read: list[int] = []
    reader = segment(many(make_recording, 3, read), length=125)
    assert read == []
    reader.read_next_batch()
    assert read == [1]


def test_memory_does_not_grow_with_the_recordings(make_recording: Callable[..., Recording]) -> None:
    def peak(num_recordings: int) -> int:
        tracemalloc.start()
        before = pa.total_allocated_bytes()
        most = 0
        for _ in segment(many(make_recording, num_recordings, []), length=25, overlap=0.5):
            most = max(most, pa.total_allocated_bytes() - before)
        _, python = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return python + most

    few, many_more = peak(4), peak(60)
    assert many_more < 1.5 * few


def test_a_long_recording_comes_in_pieces(make_recording: Callable[..., Recording]) -> None:
    recording = make_recording(1, 1, tuple(range(1, 41)))
    batches = list(segment(recordings_of(DSADS, [recording]), length=64, overlap=0.99))
    assert len(batches) > 1
    assert sum(batch.num_rows for batch in batches) == 40 * 62
    assert max(batch.nbytes for batch in batches) < 2**25


@pytest.mark.parametrize(("step", "overlap"), [(10, 0.75), (40, 0.0), (60, 0.0)])
def test_a_step_stands_in_place_of_an_overlap(recordings: Recordings, step: int, overlap: float) -> None:
    reader = segment(recordings, length=40, step=step)
    assert reader.schema.metadata[b"har.step"] == str(step).encode()
    assert float(reader.schema.metadata[b"har.overlap"]) == overlap
    starts = [row["start"] for row in reader.read_all().select(["segment", "start"]).to_pylist() if row["segment"] == 1]
    assert sorted(set(starts)) == list(range(0, 125 - 40 + 1, step))
