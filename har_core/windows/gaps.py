"""Fills gaps: samples of a unit that were lost, and recorded as zeros on all of its channels.

An accelerometer shows gravity and noise, so a unit that is worn never measures zero everywhere. The rule looks at
samples alone, so that a registered model can apply it to what it is given.

Letters: N windows, T timepoints, C channels, U units, D channels of a unit, S = 2·U series.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from har_core.datasets.dsads.layout import CHANNELS_PER_UNIT


def fill_gaps(x_NTC: Tensor, lost: Tensor | float = 0.0) -> Tensor:
    """Raw float32 windows (N, T, 45), in sensor units, with each gap as a mirror image of what lies at its nearer end.

    Each unit is filled by itself, from its own samples in the same window. Where the mirror image would reach beyond
    the window, or into another gap, the whole sample at that end is held. A unit without any whole sample stays zero.
    Nothing else changes; without gaps the result equals ``x_NTC``. ``lost`` is the value of a sample that was lost.
    """
    num_timepoints, num_channels = x_NTC.shape[1:]
    units = (num_channels // CHANNELS_PER_UNIT, CHANNELS_PER_UNIT)
    x_NTUD = x_NTC.reshape(*x_NTC.shape[:2], *units)
    whole_NUT = (x_NTUD != lost).any(dim=3).transpose(1, 2)
    time_T = torch.arange(num_timepoints, device=x_NTC.device)  # whole numbers: engines may round others to bf16
    far = 2 * num_timepoints
    both_NST = torch.cat([torch.where(whole_NUT, time_T, -far), torch.where(whole_NUT, -time_T, -far).flip(2)], dim=1)
    before_NUT, after_NUT = _largest_so_far(both_NST, -far).chunk(2, dim=1)
    after_NUT = -after_NUT.flip(2)
    is_before_NUT = time_T - before_NUT <= after_NUT - time_T
    end_NUT = torch.where(is_before_NUT, before_NUT, after_NUT).clamp(0, num_timepoints - 1)
    mirror_NUT = 2 * end_NUT + torch.where(is_before_NUT, 1, -1) - time_T
    reached_NUT = mirror_NUT.clamp(0, num_timepoints - 1)
    is_there_NUT = (reached_NUT == mirror_NUT) & whole_NUT.gather(2, reached_NUT)
    place_NUT = torch.where(whole_NUT, time_T, torch.where(is_there_NUT, mirror_NUT, end_NUT))
    place_NTUD = place_NUT.transpose(1, 2).unsqueeze(3).expand_as(x_NTUD)
    filled_NTC: Tensor = x_NTUD.gather(1, place_NTUD).flatten(start_dim=2)
    return filled_NTC


def _largest_so_far(x_NST: Tensor, lowest: int) -> Tensor:
    """The largest value up to each timepoint: int64 (N, S, T) to the same shape; none is below ``lowest``.

    It reaches twice as far back with each step, because not every engine knows a cumulative maximum.
    """
    reach = 1
    while reach < x_NST.shape[2]:
        x_NST = torch.maximum(x_NST, functional.pad(x_NST[..., :-reach], (reach, 0), value=lowest))
        reach *= 2
    return x_NST
