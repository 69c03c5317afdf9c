"""Zeros of a unit are filled from the rest of the window, and nothing else is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from har_core.datasets.dsads.layout import CHANNELS_PER_UNIT, NUM_CHANNELS, UNITS, RecordingKey, channels_of_unit
from har_core.windows.checks import WindowChecks
from har_core.windows.gaps import fill_gaps
from har_core.windows.schema import channels_of
from har_core.windows.segmentation import segment

if TYPE_CHECKING:
    from tests.har_core.conftest import FindingsOf
    from tests.har_core.windows.conftest import MakeRecording

NUM_UNITS = len(UNITS)


@st.composite
def lost_samples(draw: st.DrawFn) -> np.ndarray:
    """(N, T, U)"""
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 40)), NUM_UNITS)
    return draw(arrays.arrays(np.bool_, shape, elements=st.booleans()))


def with_gaps(lost_NTU: np.ndarray) -> Tensor:
    """Windows whose samples are all different, but for zeros."""
    num_windows, num_timepoints, _ = lost_NTU.shape
    size = num_windows * num_timepoints * NUM_CHANNELS
    windows = torch.arange(1.0, size + 1).reshape(num_windows, num_timepoints, NUM_CHANNELS)
    return torch.where(torch.from_numpy(lost_NTU.repeat(CHANNELS_PER_UNIT, axis=2)), 0.0, windows)


def filled_one_by_one(x_NTC: Tensor, lost_NTU: np.ndarray) -> Tensor:
    """As :func:`fill_gaps` says, sample by sample."""
    filled = x_NTC.clone()
    for window, time, unit in np.argwhere(lost_NTU):
        own = channels_of_unit(unit)
        whole = np.flatnonzero(~lost_NTU[window, :, unit])
        before, after = whole[whole < time], whole[whole > time]
        if not len(whole):
            continue
        if len(before) and (not len(after) or time - before[-1] <= after[0] - time):
            end, mirror = before[-1], 2 * before[-1] + 1 - time
        else:
            end, mirror = after[0], 2 * after[0] - 1 - time
        filled[window, time, own] = x_NTC[window, mirror if mirror in whole else end, own]
    return filled


@given(lost_NTU=lost_samples())
def test_each_gap_is_mirrored_from_its_nearer_end(lost_NTU: np.ndarray) -> None:
    windows = with_gaps(lost_NTU)
    filled = fill_gaps(windows)
    torch.testing.assert_close(filled, filled_one_by_one(windows, lost_NTU), rtol=0, atol=0)
    torch.testing.assert_close(fill_gaps(filled), filled, rtol=0, atol=0)  # registered models fill what is filled


def test_a_gap_at_the_end_is_the_mirror_image_of_what_came_before() -> None:
    lost = np.zeros((1, 10, NUM_UNITS), dtype=np.bool_)
    lost[0, 7:, 2] = True
    windows = with_gaps(lost)
    filled = fill_gaps(windows)
    own = channels_of_unit(2)
    torch.testing.assert_close(filled[0, 7:, own], windows[0, 4:7, own].flip(0), rtol=0, atol=0)


def test_a_zero_on_some_channels_is_a_measurement() -> None:
    windows = torch.ones(1, 5, NUM_CHANNELS)
    windows[0, 2, : CHANNELS_PER_UNIT - 1] = 0
    assert torch.equal(fill_gaps(windows), windows)


def test_windows_are_cut_filled_and_what_is_left_stays_flagged(
    make_recording: MakeRecording, findings_of: FindingsOf
) -> None:
    recording = make_recording(1, 1, (1, 2, 3, 4))
    samples = recording.samples.T  # a view
    samples[:] = np.arange(1, len(samples) + 1)[:, None]
    samples[110:125, channels_of_unit(1)] = 0
    samples[125:250, channels_of_unit(0)] = 0
    samples[240:250, channels_of_unit(3)] = 0  # in the same window as the unit that is lost
    samples[250:270, channels_of_unit(4)] = 7
    samples[300:303, channels_of_unit(2)] = 0  # the audit says nothing of it
    before = samples.copy()
    findings = findings_of(
        ("zero_run", 1, 1, 1, 110, 15, "RA"),
        ("zero_run", 1, 1, 2, 0, 125, "T"),
        ("zero_run", 1, 1, 2, 115, 10, "RL"),
        ("constant_run", 1, 1, 3, 0, 20, "LL"),
    )
    reader = segment([recording], length=125, overlap=0, findings=findings, damaged="fill")
    table = reader.read_all()
    assert reader.schema.metadata[b"har.damaged"] == b"fill"
    assert reader.schema.metadata[b"har.num_repaired"] == b"2"
    assert table["damaged"].to_pylist() == [False, True, True, False]
    expected = fill_gaps(torch.from_numpy(before).reshape(4, 125, NUM_CHANNELS)).reshape(-1, NUM_CHANNELS).numpy()
    np.testing.assert_array_equal(expected[110:125, channels_of_unit(1)], before[95:110, channels_of_unit(1)][::-1])
    assert (expected == 0).all(axis=1).sum() == 0
    assert (expected[:, channels_of_unit(0)] == 0).all(axis=1).sum() == 125
    np.testing.assert_array_equal(channels_of(table).T, expected)
    np.testing.assert_array_equal(samples, before)
    checks = WindowChecks(findings, {RecordingKey(1, 1): recording.segments}, damaged="fill")
    for batch in table.to_batches():
        checks.update(batch, 125)
    assert all(check.passed for check in checks.result())
    told_otherwise = WindowChecks(findings, {RecordingKey(1, 1): recording.segments}, damaged="flag")
    for batch in table.to_batches():
        told_otherwise.update(batch, 125)
    assert [check.name for check in told_otherwise.result() if not check.passed] == ["damage_is_flagged"]


@pytest.mark.parametrize("length", [50, 75])
def test_a_window_is_filled_from_itself_alone(
    make_recording: MakeRecording, findings_of: FindingsOf, length: int
) -> None:
    """As a registered model, which sees nothing else, would."""
    recording = make_recording(1, 1, (1,))
    recording.samples[channels_of_unit(3), 40:60] = 0
    cut = {"length": length, "overlap": 0.5, "findings": findings_of(("zero_run", 1, 1, 1, 40, 20, "RL"))}
    plain, filled = (
        channels_of(segment([recording], **cut, damaged=damaged).read_all())
        .reshape(NUM_CHANNELS, -1, length)
        .transpose(1, 2, 0)
        for damaged in ("flag", "fill")
    )
    np.testing.assert_array_equal(fill_gaps(torch.from_numpy(plain)).numpy(), filled)
    assert (plain != filled).any()
