"""Fills gaps: samples of a place that were lost, and recorded as zeros on all of its channels.

An accelerometer shows gravity and noise, so sensors that are worn never measure zero everywhere. The rule looks at
samples alone, so that a registered model can apply it to what it is given.

Letters: N windows, T timepoints, C channels, P places, D channels of a place, S = 2·P series.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor
from torch.nn import functional


def fill_gaps(x_NTC: Tensor, groups: Sequence[Sequence[int]], lost: Tensor | float = 0.0) -> Tensor:
    """Raw float32 windows (N, T, C), in sensor units, with each gap as a mirror image of what lies at its nearer end.

    Each place is filled by itself, from its own samples in the same window. Where the mirror image would reach beyond
    the window, or into another gap, the whole sample at that end is held. A place without any whole sample stays zero.
    Nothing else changes; without gaps the result equals ``x_NTC``.

    Args:
        x_NTC: the windows.
        groups: the channels of each place; each channel is in one
            (:attr:`DatasetSpec.channels_of_place <har_core.spec.dataset.DatasetSpec.channels_of_place>`).
        lost: the value of a sample that was lost.
    """
    if not are_alike(groups):
        whole_NTP = torch.stack([(x_NTC[..., list(group)] != lost).any(dim=2) for group in groups], dim=2)
        place_of = {channel: place for place, group in enumerate(groups) for channel in group}
        source_NTP = _sources(whole_NTP.transpose(1, 2)).transpose(1, 2)
        return x_NTC.gather(1, source_NTP[..., [place_of[channel] for channel in range(x_NTC.shape[2])]])
    x_NTPD = x_NTC.reshape(*x_NTC.shape[:2], len(groups), len(groups[0]))
    source_NPT = _sources((x_NTPD != lost).any(dim=3).transpose(1, 2))
    filled_NTC: Tensor = x_NTPD.gather(1, source_NPT.transpose(1, 2).unsqueeze(3).expand_as(x_NTPD)).flatten(2)
    return filled_NTC


def are_alike(groups: Sequence[Sequence[int]]) -> bool:
    """Whether groups of channels have one size and lie one after another, so that a view has an axis for them.

    >>> are_alike([(0, 1), (2, 3)]), are_alike([(0,), (1, 2)]), are_alike([(0, 2), (1, 3)])
    (True, False, False)
    """
    in_order = list(chain.from_iterable(groups))
    return len(set(map(len, groups))) == 1 and in_order == list(range(len(in_order)))


def _sources(whole_NPT: Tensor) -> Tensor:
    """The timepoint, int64 (N, P, T), whose sample stands at each timepoint in the end."""
    num_timepoints = whole_NPT.shape[2]
    time_T = torch.arange(num_timepoints, device=whole_NPT.device)  # whole numbers: engines may round others to bf16
    far = 2 * num_timepoints
    both_NST = torch.cat([torch.where(whole_NPT, time_T, -far), torch.where(whole_NPT, -time_T, -far).flip(2)], dim=1)
    before_NPT, after_NPT = _largest_so_far(both_NST, -far).chunk(2, dim=1)
    after_NPT = -after_NPT.flip(2)
    is_before_NPT = time_T - before_NPT <= after_NPT - time_T
    end_NPT = torch.where(is_before_NPT, before_NPT, after_NPT).clamp(0, num_timepoints - 1)
    mirror_NPT = 2 * end_NPT + torch.where(is_before_NPT, 1, -1) - time_T
    reached_NPT = mirror_NPT.clamp(0, num_timepoints - 1)
    is_there_NPT = (reached_NPT == mirror_NPT) & whole_NPT.gather(2, reached_NPT)
    return torch.where(whole_NPT, time_T, torch.where(is_there_NPT, mirror_NPT, end_NPT))


def _largest_so_far(x_NST: Tensor, lowest: int) -> Tensor:
    """The largest value up to each timepoint: int64 (N, S, T) to the same shape; none is below ``lowest``.

    It reaches twice as far back with each step, because not every engine knows a cumulative maximum.
    """
    reach = 1
    while reach < x_NST.shape[2]:
        x_NST = torch.maximum(x_NST, functional.pad(x_NST[..., :-reach], (reach, 0), value=lowest))
        reach *= 2
    return x_NST
