"""Recordings are made regular and complete: gaps, missing values, irregular times, another rate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from data_sets import POCKET_AND_WRIST
from hypothesis import given
from hypothesis import strategies as st

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import Outline, Recording, RecordingKey, Recordings, label_runs, recordings_of
from har_core.windows.checks import WindowChecks
from har_core.windows.dataset import write_windows
from har_core.windows.regular import regular
from har_core.windows.segmentation import segment
from har_core.windows.tensors import read_tensors

if TYPE_CHECKING:
    from tests.har_core.conftest import FindingsOf
    from tests.har_core.windows.conftest import MakeRecording

RATE = POCKET_AND_WRIST.sampling_rate_hz
KEY = RecordingKey(1, 1)


def recording_of(
    times: np.ndarray,
    *,
    lengths: tuple[int, ...] | None = None,
    labels: np.ndarray | None = None,
    subject: int = 1,
) -> Recording:
    """Channel c is 10 c + the time in s: a straight line, so that linear interpolation is exact."""
    num_rows = len(times)
    samples = (10 * np.arange(POCKET_AND_WRIST.num_channels)[:, None] + times).astype(np.float32)
    lengths = lengths or (num_rows,)
    runs = label_runs(np.ones(num_rows, np.int8) if labels is None else labels)
    outline = Outline(segments=tuple(range(3, 3 + len(lengths))), lengths=lengths, labels=runs)
    return Recording(subject=subject, session=1, outline=outline, samples=samples, times=times)


def of(*recordings: Recording) -> Recordings:
    return recordings_of(POCKET_AND_WRIST, recordings)


def straight(recording: Recording, starts: list[float], rate: float) -> None:
    """The segments are on the line again, from these times on."""
    begins, offsets = recording.outline.starts, 10 * np.arange(POCKET_AND_WRIST.num_channels)[:, None]
    for first, stop, start in zip(begins, begins[1:], starts, strict=False):
        expected = offsets + start + np.arange(stop - first) / rate
        np.testing.assert_allclose(recording.samples[:, first:stop], expected, atol=2e-4)


def test_what_is_regular_and_complete_is_handed_on_as_it_is() -> None:
    recording = recording_of(np.arange(100) / RATE, lengths=(40, 60))
    made = regular(of(recording))
    assert made.recordings.load(KEY) is recording
    assert made.recordings.outlines == {KEY: recording.outline}
    assert not made.row_maps
    assert set(made.counts.values()) == {0}


def test_parts_are_not_looked_at(make_recording: MakeRecording) -> None:
    outlines = {KEY: make_recording().outline}
    unread = Recordings(spec=DSADS, outlines=outlines, load=lambda _: pytest.fail("read"), origin="real")
    assert regular(unread).recordings is unread
    assert regular(unread, sampling_rate_hz=25).recordings is unread


def test_a_longer_time_without_a_row_breaks_a_recording() -> None:
    times = np.concatenate([np.arange(50), np.arange(74, 100), np.arange(126, 150)]) / RATE  # 0.5 s, then 0.54 s
    recording = recording_of(times, labels=np.repeat([1, 2], 50).astype(np.int8))
    made = regular(of(recording), longest_gap_s=0.51)
    assert made.counts == {"num_gaps": 1, "num_interpolated": 0, "num_resampled": 1}
    new = made.recordings.load(KEY)
    assert new.outline.segments == (1, 2)
    assert new.outline.lengths == (100, 24)
    straight(new, [0.0, 126 / RATE], RATE)
    assert new.outline == made.recordings.outlines[KEY]
    assert new.times is None


@st.composite
def missing_values(draw: st.DrawFn) -> tuple[np.ndarray, tuple[int, ...]]:
    """(C, R), and the lengths of segments."""
    lengths = tuple(draw(st.lists(st.integers(5, 40), min_size=1, max_size=3)))
    missing = np.zeros((POCKET_AND_WRIST.num_channels, sum(lengths)), dtype=np.bool_)
    for _ in range(draw(st.integers(0, 4))):
        channel, first = draw(st.integers(0, len(missing) - 1)), draw(st.integers(0, sum(lengths) - 1))
        missing[channel, first : first + draw(st.integers(1, 14))] = True
    return missing, lengths


@given(made=missing_values(), longest=st.integers(0, 10))
def test_short_stretches_are_interpolated_and_long_ones_break(
    made: tuple[np.ndarray, tuple[int, ...]], longest: int
) -> None:
    missing, lengths = made
    recording = recording_of(np.arange(sum(lengths)) / RATE, lengths=lengths)
    recording.samples[missing] = np.nan
    lost = np.zeros(sum(lengths), dtype=np.bool_)
    segment_of = np.repeat(np.arange(len(lengths)), lengths)
    for channel, row in np.argwhere(missing):
        own = [r for r in range(len(lost)) if segment_of[r] == segment_of[row]]
        before = next((r for r in range(row, own[0] - 1, -1) if not missing[channel, r]), None)
        after = next((r for r in range(row, own[-1] + 1) if not missing[channel, r]), None)
        lost[row] |= before is None or after is None or after - before - 1 > longest
    result = regular(of(recording), longest_interpolation_s=longest / RATE + 1e-9)
    if lost.all():
        assert not len(result.recordings)
        return
    new = result.recordings.load(KEY)
    kept = np.flatnonzero(~lost)
    np.testing.assert_allclose(
        new.samples, 10 * np.arange(POCKET_AND_WRIST.num_channels)[:, None] + kept / RATE, atol=1e-4
    )
    ends = np.flatnonzero((np.diff(kept) > 1) | (np.diff(segment_of[kept]) > 0)) + 1
    assert new.outline.starts.tolist() == [0, *ends.tolist(), len(kept)]
    assert result.num_interpolated == int((missing.any(axis=0) & ~lost).sum())
    assert result.num_resampled == 0
    if len(kept) == len(lost):
        assert new.outline == recording.outline


@given(seed=st.integers(0, 10_000), rate=st.sampled_from([20.0, 50.0, 64.0]))
def test_irregular_times_are_put_on_a_grid(seed: int, rate: float) -> None:
    times = np.cumsum(np.random.default_rng(seed).uniform(0.005, 0.1, size=80))
    labels = np.repeat([1, 0, 3, 2], 20).astype(np.int8)
    recording = recording_of(times, labels=labels)
    made = regular(of(recording), sampling_rate_hz=rate)
    new = made.recordings.load(KEY)
    assert made.recordings.spec.sampling_rate_hz == rate
    assert new.outline.segments == recording.outline.segments
    assert new.outline.num_rows == int((times[-1] - times[0]) * rate + 1e-6) + 1
    assert new.samples.flags.c_contiguous
    straight(new, [times[0]], rate)
    grid = times[0] + np.arange(new.outline.num_rows) / rate
    beside = np.searchsorted(times, grid - 1e-6).clip(1, len(times) - 1)
    near = [{labels[i - 1], labels[i]} for i in beside]
    assert all(label in those for label, those in zip(new.outline.row_labels().tolist(), near, strict=True))
    assert made.num_resampled == 1


@pytest.mark.parametrize("rate", [25.0, 20.0, 100.0, 62.5])
def test_another_rate_keeps_slow_signals(rate: float) -> None:
    times = np.arange(500) / RATE
    recording = recording_of(times, lengths=(200, 300))
    recording.samples[:] = np.sin(2 * np.pi * times + np.arange(POCKET_AND_WRIST.num_channels)[:, None])
    new = regular(of(recording), sampling_rate_hz=rate).recordings.load(KEY)
    assert new.outline.lengths == (200 * rate / RATE, 300 * rate / RATE)
    for first, stop, start in zip(new.outline.starts, new.outline.starts[1:], (0, 4), strict=False):
        own = start + np.arange(stop - first) / rate
        expected = np.sin(2 * np.pi * own + np.arange(POCKET_AND_WRIST.num_channels)[:, None])
        inner = slice(int(rate / 2), -int(rate / 2))
        np.testing.assert_allclose(new.samples[:, first:stop][:, inner], expected[:, inner], atol=0.03)
    assert new.samples.dtype == np.float32


def test_parts_of_another_rate_are_parts_again(make_recording: MakeRecording, findings_of: FindingsOf) -> None:
    recordings = recordings_of(DSADS, [make_recording(1, 1, (1, 2, 4))])
    made = regular(recordings, sampling_rate_hz=50)
    assert made.recordings.spec.segment_length == 250
    assert made.recordings.outlines[KEY] == Outline.of_parts((1, 2, 4), 250, 1)
    reader = segment(made.recordings, length=500, join=True, findings=findings_of(), regular=made)
    assert reader.schema.metadata[b"har.num_resampled"] == b"1"
    assert reader.read_all().select(["segment", "start"]).to_pylist() == [{"segment": 1, "start": 0}]
    with pytest.raises(InputError, match="whole samples"):
        regular(recordings, sampling_rate_hz=10.5)


def test_findings_are_told_of_the_new_rows(findings_of: FindingsOf, tmp_path: Path) -> None:
    """At half the rate, with a gap that makes two segments of one."""
    times = np.concatenate([np.arange(200), np.arange(300, 500)]) / RATE
    recordings = of(recording_of(times))
    findings = findings_of(
        ("zero_run", 1, 1, 3, 50, 3, "wrist"),
        ("constant_run", 1, 1, 3, 279, 1),
        ("duplicate_rows", 1, 1, 3, 100, 20, "all", (1, 1, 3, 360)),
        spec=POCKET_AND_WRIST,
    )
    made = regular(recordings, sampling_rate_hz=25)
    how: dict[str, Any] = {"damaged": "flag"}
    reader = segment(made.recordings, length=20, findings=findings, regular=made, **how)
    checks = WindowChecks(findings, made.recordings.outlines, row_maps=made.row_maps, **how)
    summary = write_windows(reader, tmp_path / "windows.parquet", checks=checks)
    tensors = read_tensors(tmp_path / "windows.parquet")
    assert tensors.keys.select(["segment", "start"]).to_pylist() == [
        {"segment": segment, "start": start} for segment in (1, 2) for start in range(0, 100, 20)
    ]
    assert tensors.damaged.nonzero().flatten().tolist() == [
        1,
        6,
        7,
    ]  # rows 25 and 26, then those at either side of row 279
    # Row 119 is as near to the last row of one window as to the first of the next.
    assert tensors.duplicate_groups.tolist() == [-1, -1, 0, 0, -1, -1, -1, -1, -1, 0]
    assert summary.num_windows == 10
    without = WindowChecks(findings, made.recordings.outlines, **how)
    for batch in segment(made.recordings, length=20, findings=findings, regular=made):
        without.update(batch, 20)
    assert not all(check.passed for check in without.result())


@pytest.mark.parametrize("offset", range(4))
def test_copies_stay_linked_at_another_rate_wherever_they_begin(
    findings_of: FindingsOf, tmp_path: Path, offset: int
) -> None:
    """A row of a lower rate stands for several rows as read: other ones of each copy, unless it begins in step."""
    recordings = of(*(recording_of(np.arange(400) / RATE, subject=subject) for subject in (1, 2)))
    copied = ("duplicate_rows", 1, 1, 3, 40, 200, "all", (2, 1, 3, 40 + offset))
    findings = findings_of(copied, spec=POCKET_AND_WRIST)
    made = regular(recordings, sampling_rate_hz=RATE / 4)
    path = tmp_path / "windows.parquet"
    write_windows(segment(made.recordings, length=10, findings=findings, regular=made), path)
    tensors = read_tensors(path)
    subjects = tensors.keys["subject"].to_numpy()
    one, other = (set(tensors.duplicate_groups.numpy()[subjects == subject].tolist()) - {-1} for subject in (1, 2))
    assert one
    assert one == other


def test_zeros_that_were_resampled_are_damage_and_not_filled(findings_of: FindingsOf, tmp_path: Path) -> None:
    recording = recording_of(np.arange(400) / RATE)
    findings = findings_of(("zero_run", 1, 1, 3, 100, 10, "wrist"), spec=POCKET_AND_WRIST)
    made = regular(of(recording), sampling_rate_hz=RATE / 2)
    how: dict[str, Any] = {"damaged": "fill"}
    checks = WindowChecks(findings, made.recordings.outlines, row_maps=made.row_maps, **how)
    reader = segment(made.recordings, length=20, findings=findings, regular=made, **how)
    summary = write_windows(reader, tmp_path / "windows.parquet", checks=checks)
    assert (summary.num_damaged > 0, summary.num_repaired) == (True, 0)


def test_a_piece_of_one_row_is_no_missing_value() -> None:
    times = np.append(np.arange(50) / RATE, 10.0)
    made = regular(of(recording_of(times)), sampling_rate_hz=RATE / 2)
    assert all(np.isfinite(recording.samples).all() for recording in made.recordings)
