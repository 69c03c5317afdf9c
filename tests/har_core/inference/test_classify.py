from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
from data_sets import POCKET_AND_WRIST, dsads_recording

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import LabelRun, Outline, Recording
from har_core.inference import classify as classify_module
from har_core.inference.classify import PREDICTION_SCHEMA, classify, classify_segments

if TYPE_CHECKING:
    from tests.har_core.conftest import FindingsOf


def recording(subject: int, activity: int, segments: tuple[int, ...]) -> Recording:
    """Every value is 1000 x activity + 100 x channel + segment, plus the sample's index in thousandths."""
    samples = 1000 * activity + 100 * np.arange(DSADS.num_channels, dtype=np.float32)[:, None]
    samples = samples + np.repeat(segments, 125) + np.tile(np.arange(125), len(segments)) / 1000
    return dsads_recording(subject, activity, segments, samples.astype(np.float32))


class _Model:
    """Reads the activity back from the first sample; keeps the windows it saw."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        assert windows.dtype == np.float32
        assert windows.flags.c_contiguous
        self.seen.append(windows)
        activities = (windows[:, 0, 0] // 1000).astype(int)
        rows: np.ndarray = np.eye(DSADS.num_activities)[activities - 1]
        return (rows * 0.81 + 0.01).astype(np.float32)


RECORDINGS = (recording(1, 2, (1, 3)), recording(12, 19, (60,)))
NAMES = {
    (one.subject, one.session, segment): f"a{one.session:02d}/p{one.subject}/s{segment:02d}.txt"
    for one in RECORDINGS
    for segment in one.outline.segments
}


def test_each_window_gets_its_answer() -> None:
    table = classify(RECORDINGS, _Model(), spec=DSADS, length=50, names=NAMES)
    assert table.schema.equals(PREDICTION_SCHEMA)
    assert table["path"].to_pylist() == ["a02/p1/s01.txt"] * 2 + ["a02/p1/s03.txt"] * 2 + ["a19/p12/s60.txt"] * 2
    assert table["start_s"].to_pylist() == [0.0, 2.0] * 3
    assert table["activity"].to_pylist() == [DSADS.activities[1]] * 4 + [DSADS.activities[18]] * 2
    assert table["probability"].to_pylist() == pytest.approx([0.82] * 6)


def test_the_model_sees_time_before_channels() -> None:
    model = _Model()
    classify(RECORDINGS[:1], model, spec=DSADS, length=50)
    windows = np.concatenate(model.seen)
    assert windows.shape == (4, 50, DSADS.num_channels)
    np.testing.assert_array_equal(windows[1], RECORDINGS[0].samples[:, 50:100].T)
    np.testing.assert_array_equal(windows[3], RECORDINGS[0].samples[:, 175:225].T)


def test_the_model_is_asked_of_few_windows_at_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = classify(RECORDINGS, _Model(), spec=DSADS, length=25)
    monkeypatch.setattr(classify_module, "_MOST_WINDOWS", 3)
    model = _Model()
    assert classify(RECORDINGS, model, spec=DSADS, length=25).equals(whole)
    assert {len(windows) for windows in model.seen} <= {1, 2, 3}


# --- Joined segments --------------------------------------------------------------------------------------------------


def test_windows_go_on_where_the_join_is_continuous_and_are_named_by_their_first_segment(
    findings_of: FindingsOf,
) -> None:
    model, one = _Model(), recording(4, 2, (1, 2, 3, 4, 6, 7))
    findings = findings_of(("discontinuous_join", 4, 2, 2, 124, 2), ("zero_run", 4, 2, 1, 0, 99))
    table = classify([one], model, spec=DSADS, length=100, findings=findings)
    places = zip(table["path"].to_pylist(), table["start_s"].to_pylist(), strict=True)
    assert list(places) == [
        ("subject 4, session 2, segment 1", 0.0),  # damaged, and answered as any other
        ("subject 4, session 2, segment 1", 4.0),  # goes on into segment 2; there the stretch ends
        ("subject 4, session 2, segment 3", 0.0),
        ("subject 4, session 2, segment 3", 4.0),  # goes on into segment 4; segment 5 is missing
        ("subject 4, session 2, segment 6", 0.0),
        ("subject 4, session 2, segment 6", 4.0),
    ]
    np.testing.assert_array_equal(np.concatenate(model.seen)[3], one.samples[:, 350:450].T)


def test_windows_of_several_segments_need_stretches_of_that_length(findings_of: FindingsOf) -> None:
    recordings = [recording(4, 2, (1, 2)), recording(4, 3, (1, 3)), recording(4, 5, (8, 9, 10, 11))]
    table = classify(recordings, _Model(), spec=DSADS, length=250, findings=findings_of())
    assert table["path"].to_pylist() == [
        f"subject 4, session {session}, segment {segment}" for session, segment in ((2, 1), (5, 8), (5, 10))
    ]
    assert table["start_s"].to_pylist() == [0.0] * 3


def test_windows_longer_than_a_segment_need_to_know_which_segments_follow_each_other() -> None:
    expected = r"a02/p1/s01.txt: a segment has 125 samples and the model takes windows of 250; .* folder or zip"
    with pytest.raises(InputError, match=expected) as caught:
        classify(RECORDINGS, _Model(), spec=DSADS, length=250, names=NAMES)
    assert "\n" not in str(caught.value)


def test_segments_of_nobody_are_answered_under_any_name() -> None:
    one = recording(1, 7, (1, 2))
    table = classify_segments(one.samples, ["x.txt", "y"], one.outline.starts, _Model(), spec=DSADS, length=60)
    assert table["path"].to_pylist() == ["x.txt", "x.txt", "y", "y"]
    assert table["start_s"].to_pylist() == [0.0, 2.4, 0.0, 2.4]
    assert set(table["activity"].to_pylist()) == {DSADS.activities[6]}


def test_a_model_may_write_into_its_windows() -> None:
    """PyTorch warns of what it may not."""

    def model(windows: np.ndarray) -> np.ndarray:
        assert windows.flags.writeable
        assert windows.flags.c_contiguous
        return np.eye(4, dtype=np.float32)[[3] * len(windows)]

    spec = POCKET_AND_WRIST.replaced(channels=POCKET_AND_WRIST.channels[6:7])  # of one channel a window is a view
    outline = Outline(segments=(1,), lengths=(120,), labels=(LabelRun(2, 120),))
    one = Recording(subject=3, session=8, outline=outline, samples=np.zeros((1, 120), dtype=np.float32))
    assert classify([one], model, spec=spec, length=50).num_rows == 2


def test_segments_of_any_length_keep_their_windows_and_name_their_activities() -> None:
    outline = Outline(segments=(1, 2, 5), lengths=(70, 30, 120), labels=(LabelRun(2, 100), LabelRun(0, 120)))
    samples = np.arange(220, dtype=np.float32) + np.zeros((10, 1), dtype=np.float32)
    one = Recording(subject=3, session=8, outline=outline, samples=samples)
    seen: list[np.ndarray] = []

    def model(windows: np.ndarray) -> np.ndarray:
        seen.append(windows)
        return np.eye(4, dtype=np.float32)[[3] * len(windows)]

    table = classify([one], model, spec=POCKET_AND_WRIST, length=50)
    assert table["path"].to_pylist() == [f"subject 3, session 8, segment {segment}" for segment in (1, 5, 5)]
    assert table["start_s"].to_pylist() == [0.0, 0.0, 1.0], "50 samples in a second"
    assert set(table["activity"].to_pylist()) == {"cycling"}
    assert np.concatenate(seen)[:, 0, 0].tolist() == [0, 100, 150]


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

    classify(reading(), model, spec=DSADS, length=125)
    assert answered == [2, 1]


def test_no_recordings_give_no_rows() -> None:
    table = classify([], _Model(), spec=DSADS, length=125)
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
        classify(RECORDINGS[:1], lambda windows: answer, spec=DSADS, length=125)
