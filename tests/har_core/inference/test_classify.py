from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from har_core.base.errors import InputError
from har_core.datasets.dsads.layout import ACTIVITIES, NUM_ACTIVITIES, NUM_CHANNELS, SEGMENT_LENGTH
from har_core.datasets.dsads.recordings import Recording
from har_core.inference import classify as classify_module
from har_core.inference.classify import PREDICTION_SCHEMA, classify, classify_segments

if TYPE_CHECKING:
    from tests.har_core.conftest import FindingsOf


def recording(subject: int, activity: int, segments: tuple[int, ...]) -> Recording:
    """Every value is 1000 x activity + 100 x channel + segment, plus the sample's index in thousandths."""
    samples = 1000 * activity + 100 * np.arange(NUM_CHANNELS, dtype=np.float32)[:, None]
    samples = samples + np.repeat(segments, SEGMENT_LENGTH) + np.tile(np.arange(SEGMENT_LENGTH), len(segments)) / 1000
    return Recording(subject=subject, activity=activity, segments=segments, samples=samples.astype(np.float32))


class _Model:
    """Reads the activity back from the first sample; keeps the windows it saw."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        assert windows.dtype == np.float32
        assert windows.flags.c_contiguous
        self.seen.append(windows)
        activities = (windows[:, 0, 0] // 1000).astype(int)
        rows: np.ndarray = np.eye(NUM_ACTIVITIES)[activities - 1]
        return (rows * 0.81 + 0.01).astype(np.float32)


RECORDINGS = (recording(1, 2, (1, 3)), recording(12, 19, (60,)))


def test_each_window_gets_its_answer() -> None:
    table = classify(RECORDINGS, _Model(), length=50)
    assert table.schema.equals(PREDICTION_SCHEMA)
    assert table["path"].to_pylist() == ["a02/p1/s01.txt"] * 2 + ["a02/p1/s03.txt"] * 2 + ["a19/p12/s60.txt"] * 2
    assert table["start_s"].to_pylist() == [0.0, 2.0] * 3
    assert table["activity"].to_pylist() == [ACTIVITIES[1]] * 4 + [ACTIVITIES[18]] * 2
    assert table["probability"].to_pylist() == pytest.approx([0.82] * 6)


def test_the_model_sees_time_before_channels() -> None:
    model = _Model()
    classify(RECORDINGS[:1], model, length=50)
    windows = np.concatenate(model.seen)
    assert windows.shape == (4, 50, NUM_CHANNELS)
    np.testing.assert_array_equal(windows[1], RECORDINGS[0].samples[:, 50:100].T)
    np.testing.assert_array_equal(windows[3], RECORDINGS[0].samples[:, 175:225].T)


def test_the_model_is_asked_of_few_windows_at_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = classify(RECORDINGS, _Model(), length=25)
    monkeypatch.setattr(classify_module, "_MOST_WINDOWS", 3)
    model = _Model()
    assert classify(RECORDINGS, model, length=25).equals(whole)
    assert {len(windows) for windows in model.seen} <= {1, 2, 3}


# --- Joined segments --------------------------------------------------------------------------------------------------


def test_windows_go_on_where_the_join_is_continuous_and_are_named_by_their_first_segment(
    findings_of: FindingsOf,
) -> None:
    model, one = _Model(), recording(4, 2, (1, 2, 3, 4, 6, 7))
    findings = findings_of(("discontinuous_join", 4, 2, 2, 124, 2), ("zero_run", 4, 2, 1, 0, 99))
    table = classify([one], model, length=100, findings=findings)
    places = zip(table["path"].to_pylist(), table["start_s"].to_pylist(), strict=True)
    assert list(places) == [
        ("a02/p4/s01.txt", 0.0),  # damaged, and answered as any other
        ("a02/p4/s01.txt", 4.0),  # goes on into segment 2; there the stretch ends
        ("a02/p4/s03.txt", 0.0),
        ("a02/p4/s03.txt", 4.0),  # goes on into segment 4; segment 5 is missing
        ("a02/p4/s06.txt", 0.0),
        ("a02/p4/s06.txt", 4.0),
    ]
    np.testing.assert_array_equal(np.concatenate(model.seen)[3], one.samples[:, 350:450].T)


def test_windows_of_several_segments_need_stretches_of_that_length(findings_of: FindingsOf) -> None:
    recordings = [recording(4, 2, (1, 2)), recording(4, 3, (1, 3)), recording(4, 5, (8, 9, 10, 11))]
    table = classify(recordings, _Model(), length=250, findings=findings_of())
    assert table["path"].to_pylist() == ["a02/p4/s01.txt", "a05/p4/s08.txt", "a05/p4/s10.txt"]
    assert table["start_s"].to_pylist() == [0.0] * 3


def test_windows_longer_than_a_segment_need_to_know_which_segments_follow_each_other() -> None:
    expected = r"a02/p1/s01.txt: a segment has 125 samples and the model takes windows of 250; .* folder or zip"
    with pytest.raises(InputError, match=expected) as caught:
        classify(RECORDINGS, _Model(), length=250)
    assert "\n" not in str(caught.value)


def test_segments_of_nobody_are_answered_under_any_name() -> None:
    one = recording(1, 7, (1, 2))
    table = classify_segments(one.samples, ["x.txt", "y"], _Model(), length=60)
    assert table["path"].to_pylist() == ["x.txt", "x.txt", "y", "y"]
    assert table["start_s"].to_pylist() == [0.0, 2.4, 0.0, 2.4]
    assert set(table["activity"].to_pylist()) == {ACTIVITIES[6]}


# --- Reading, and what is refused -------------------------------------------------------------------------------------


def test_recordings_are_read_as_they_are_needed() -> None:
    answered: list[int] = []

    def reading() -> Iterator[Recording]:
        for number, one in enumerate(RECORDINGS):
            assert len(answered) == number
            yield one

    def model(windows: np.ndarray) -> np.ndarray:
        answered.append(len(windows))
        return _Model()(windows)

    classify(reading(), model, length=125)
    assert answered == [2, 1]


def test_no_recordings_give_no_rows() -> None:
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
def test_a_model_that_answers_otherwise_is_refused(answer: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        classify(RECORDINGS[:1], lambda windows: answer, length=125)
