from __future__ import annotations

import numpy as np
import pytest

from har_core.base.errors import InputError
from har_core.datasets.dsads.layout import ACTIVITIES, NUM_ACTIVITIES, NUM_CHANNELS, SEGMENT_LENGTH
from har_core.datasets.dsads.recordings import Recording
from har_core.inference.classify import PREDICTION_SCHEMA, classify


def recording(subject: int, activity: int, segments: tuple[int, ...]) -> Recording:
    """Every value is 1000 x activity + 100 x channel + segment, plus the sample's index in thousandths."""
    samples = np.empty((len(segments), SEGMENT_LENGTH, NUM_CHANNELS), dtype=np.float32)
    samples[:] = 1000 * activity + np.array(segments)[:, None, None] + 100 * np.arange(NUM_CHANNELS)
    samples += np.arange(SEGMENT_LENGTH)[None, :, None] / 1000
    return Recording(subject=subject, activity=activity, segments=segments, samples=samples)


class _Model:
    """Reads the activity back from the first sample; keeps the windows it saw."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        assert windows.dtype == np.float32
        assert windows.flags.c_contiguous
        self.seen.append(windows)
        activities = (windows[:, 0, 0] // 1000).astype(int)
        return (np.eye(NUM_ACTIVITIES)[activities - 1] * 0.81 + 0.01).astype(np.float32)


RECORDINGS = (recording(1, 2, (1, 3)), recording(12, 19, (60,)))


def test_each_window_gets_its_answer():
    table = classify(RECORDINGS, _Model(), length=50, overlap=0.5)
    assert table.schema.equals(PREDICTION_SCHEMA)
    starts = [0.0, 1.0, 2.0, 3.0]
    assert table["path"].to_pylist() == ["a02/p1/s01.txt"] * 4 + ["a02/p1/s03.txt"] * 4 + ["a19/p12/s60.txt"] * 4
    assert table["start_s"].to_pylist() == starts * 3
    assert table["activity"].to_pylist() == [ACTIVITIES[1]] * 8 + [ACTIVITIES[18]] * 4
    assert table["probability"].to_pylist() == pytest.approx([0.82] * 12)


def test_the_model_sees_time_before_channels():
    model = _Model()
    classify(RECORDINGS[:1], model, length=50, overlap=0.5)
    windows = np.concatenate(model.seen)
    assert windows.shape == (8, 50, NUM_CHANNELS)
    np.testing.assert_array_equal(windows[1], RECORDINGS[0].samples[0, 25:75])
    np.testing.assert_array_equal(windows[7], RECORDINGS[0].samples[1, 75:125])


@pytest.mark.parametrize("batch_size", [1, 3, 256])
def test_batches_change_nothing_and_stay_small(batch_size):
    model = _Model()
    table = classify(RECORDINGS, model, length=50, overlap=0.5, batch_size=batch_size)
    assert table.equals(classify(RECORDINGS, _Model(), length=50, overlap=0.5))
    assert max(len(windows) for windows in model.seen) <= batch_size


def test_recordings_are_read_as_they_are_needed():
    answered = []

    def reading():
        for number, one in enumerate(RECORDINGS):
            assert len(answered) == number
            yield one

    def model(windows):
        answered.append(len(windows))
        return _Model()(windows)

    classify(reading(), model, length=125)
    assert answered == [2, 1]


def test_no_recordings_give_no_rows():
    table = classify([], _Model(), length=125)
    assert table.num_rows == 0
    assert table.schema.equals(PREDICTION_SCHEMA)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.full((2, 18), 1 / 18), r"shape \(2, 18\) for 2 windows, expected \(2, 19\)"),
        (np.full((1, 19), 1 / 19), r"shape \(1, 19\) for 2 windows"),
        (np.full((2, 19), np.nan), "not finite"),
    ],
)
def test_a_model_that_answers_otherwise_is_refused(answer, message):
    with pytest.raises(InputError, match=message):
        classify(RECORDINGS[:1], lambda windows: answer, length=125)


def test_impossible_windows_are_refused():
    with pytest.raises(InputError, match="window length"):
        classify(RECORDINGS, _Model(), length=126)
