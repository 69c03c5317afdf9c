"""Zeros of a unit are filled from the rest of the window, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from data_sets import SPECS
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import recordings_of
from har_core.spec.dataset import DatasetSpec
from har_core.windows.checks import WindowChecks
from har_core.windows.gaps import fill_gaps
from har_core.windows.schema import channels_of
from har_core.windows.segmentation import segment

if TYPE_CHECKING:
    from tests.har_core.conftest import FindingsOf
    from tests.har_core.windows.conftest import MakeRecording

GROUPS = DSADS.channels_of_place
MIXED = (*((channel,) for channel in (3, 0)), (1, 5, 9), (2, 4, 6, 7, 8))
"""Channels of places that do not lie one after another."""
all_groups = pytest.mark.parametrize(
    "groups", [*(spec.channels_of_place for spec in SPECS), MIXED], ids=[*(spec.name for spec in SPECS), "mixed"]
)

Groups = Sequence[Sequence[int]]


def lost_samples(draw: st.DataObject, groups: Groups) -> np.ndarray:
    """(N, T, P)"""
    shape = (draw.draw(st.integers(1, 3)), draw.draw(st.integers(1, 40)), len(groups))
    return draw.draw(arrays.arrays(np.bool_, shape, elements=st.booleans()))


def with_gaps(lost_NTP: np.ndarray, groups: Groups) -> Tensor:
    """Windows whose samples are all different, but for zeros."""
    num_windows, num_timepoints, _ = lost_NTP.shape
    num_channels = sum(map(len, groups))
    size = num_windows * num_timepoints * num_channels
    windows = torch.arange(1.0, size + 1).reshape(num_windows, num_timepoints, num_channels)
    for place, group in enumerate(groups):
        windows[..., list(group)] *= torch.from_numpy(~lost_NTP[..., place, None])
    return windows


def filled_one_by_one(x_NTC: Tensor, lost_NTP: np.ndarray, groups: Groups) -> Tensor:
    """As :func:`fill_gaps` says, sample by sample."""
    filled = x_NTC.clone()
    for window, time, place in np.argwhere(lost_NTP):
        own = list(groups[place])
        whole = np.flatnonzero(~lost_NTP[window, :, place])
        before, after = whole[whole < time], whole[whole > time]
        if not len(whole):
            continue
        if len(before) and (not len(after) or time - before[-1] <= after[0] - time):
            end, mirror = before[-1], 2 * before[-1] + 1 - time
        else:
            end, mirror = after[0], 2 * after[0] - 1 - time
        filled[window, time, own] = x_NTC[window, mirror if mirror in whole else end, own]
    return filled


@all_groups
@given(data=st.data())
def test_each_gap_is_mirrored_from_its_nearer_end(groups: Groups, data: st.DataObject) -> None:
    lost_NTP = lost_samples(data, groups)
    windows = with_gaps(lost_NTP, groups)
    filled = fill_gaps(windows, groups)
    torch.testing.assert_close(filled, filled_one_by_one(windows, lost_NTP, groups), rtol=0, atol=0)
    torch.testing.assert_close(fill_gaps(filled, groups), filled, rtol=0, atol=0)  # registered models fill once more


@given(data=st.data())
def test_the_order_of_channels_does_not_matter(data: st.DataObject) -> None:
    """In order there is a view with an axis for the places; in another order there is none."""
    windows = with_gaps(lost_samples(data, GROUPS), GROUPS)
    order = data.draw(st.permutations(range(DSADS.num_channels)))
    moved = [[order.index(channel) for channel in group] for group in GROUPS]
    torch.testing.assert_close(
        fill_gaps(windows[..., list(order)], moved), fill_gaps(windows, GROUPS)[..., list(order)], rtol=0, atol=0
    )


@all_groups
def test_filling_can_be_exported(groups: Groups) -> None:
    class Filling(torch.nn.Module):
        def forward(self, windows: Tensor) -> Tensor:
            return fill_gaps(windows, groups)

    windows = with_gaps(np.random.default_rng(0).random((3, 20, len(groups))) < 0.3, groups)
    batch = {0: torch.export.Dim("batch", min=1, max=64)}
    exported = torch.export.export(Filling(), (windows[:2],), dynamic_shapes=(batch,))
    torch.testing.assert_close(exported.module()(windows), fill_gaps(windows, groups), rtol=0, atol=0)


def test_a_gap_at_the_end_is_the_mirror_image_of_what_came_before() -> None:
    lost = np.zeros((1, 10, len(GROUPS)), dtype=np.bool_)
    lost[0, 7:, 2] = True
    windows = with_gaps(lost, GROUPS)
    filled = fill_gaps(windows, GROUPS)
    own = list(GROUPS[2])
    torch.testing.assert_close(filled[0, 7:, own], windows[0, 4:7, own].flip(0), rtol=0, atol=0)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_zero_on_some_channels_is_a_measurement(spec: DatasetSpec) -> None:
    windows = torch.ones(1, 5, spec.num_channels)
    windows[0, 2, list(spec.channels_of_place[0][:-1])] = 0
    assert torch.equal(fill_gaps(windows, spec.channels_of_place), windows)


def test_windows_are_cut_filled_and_what_is_left_stays_flagged(
    make_recording: MakeRecording, findings_of: FindingsOf
) -> None:
    recording = make_recording(1, 1, (1, 2, 3, 4))
    samples = recording.samples.T  # a view
    samples[:] = np.arange(1, len(samples) + 1)[:, None]
    own = [list(group) for group in GROUPS]
    samples[110:125, own[1]] = 0
    samples[125:250, own[0]] = 0
    samples[240:250, own[3]] = 0  # in the same window as the unit that is lost
    samples[250:270, own[4]] = 7
    samples[300:303, own[2]] = 0  # the audit says nothing of it
    before = samples.copy()
    findings = findings_of(
        ("zero_run", 1, 1, 1, 110, 15, "RA"),
        ("zero_run", 1, 1, 2, 0, 125, "T"),
        ("zero_run", 1, 1, 2, 115, 10, "RL"),
        ("constant_run", 1, 1, 3, 0, 20, "LL"),
    )
    reader = segment(recordings_of(DSADS, [recording]), length=125, findings=findings, damaged="fill")
    table = reader.read_all()
    assert reader.schema.metadata[b"har.damaged"] == b"fill"
    assert reader.schema.metadata[b"har.num_repaired"] == b"2"
    assert table["damaged"].to_pylist() == [False, True, True, False]
    expected = fill_gaps(torch.from_numpy(before).reshape(4, 125, 45), GROUPS).reshape(-1, 45).numpy()
    np.testing.assert_array_equal(expected[110:125, own[1]], before[95:110, own[1]][::-1])
    assert (expected == 0).all(axis=1).sum() == 0
    assert (expected[:, own[0]] == 0).all(axis=1).sum() == 125
    np.testing.assert_array_equal(channels_of(table).T, expected)
    np.testing.assert_array_equal(samples, before)
    checks = WindowChecks(findings, {recording.key: recording.outline}, damaged="fill")
    for batch in table.to_batches():
        checks.update(batch, 125)
    assert all(check.passed for check in checks.result())
    told_otherwise = WindowChecks(findings, {recording.key: recording.outline}, damaged="flag")
    for batch in table.to_batches():
        told_otherwise.update(batch, 125)
    assert [check.name for check in told_otherwise.result() if not check.passed] == ["damage_is_flagged"]


@pytest.mark.parametrize("length", [50, 75])
def test_a_window_is_filled_from_itself_alone(
    make_recording: MakeRecording, findings_of: FindingsOf, length: int
) -> None:
    """As a registered model, which sees nothing else, would."""
    recording = make_recording(1, 1, (1,))
    recording.samples[list(GROUPS[3]), 40:60] = 0
    cut = {"length": length, "overlap": 0.5, "findings": findings_of(("zero_run", 1, 1, 1, 40, 20, "RL"))}
    plain, filled = (
        channels_of(segment(recordings_of(DSADS, [recording]), **cut, damaged=damaged).read_all())
        .reshape(DSADS.num_channels, -1, length)
        .transpose(1, 2, 0)
        for damaged in ("flag", "fill")
    )
    np.testing.assert_array_equal(fill_gaps(torch.from_numpy(plain), GROUPS).numpy(), filled)
    assert (plain != filled).any()
