"""Changes training windows without changing their activity: as if worn, moved or recorded a little differently.

The caller says which channels belong together. All randomness is from PyTorch's global generators. What makes one
window of two, activities included, is in :mod:`har_core.training.mixing`.

Letters: N windows, T timepoints, C channels, G units, S sensors, V sensors with three axes, K knots.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor
from torch.nn.functional import normalize

from har_core.settings.augmentation import AugmentationSettings

Triad = tuple[int, int, int]
"""Indices of the x, y and z channel of one sensor."""
Change = Callable[[Tensor], Tensor]
"""Makes changed windows (N, T, C), a new tensor, of windows (N, T, C)."""

NUM_KNOTS = 6
"""Of the curves along a window, ends included (Um et al. 2017)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which channels belong together, and what they were normalised by."""

    triads: Sequence[Triad]
    """Sensors whose three axes are all there (V); other channels are sensors of their own."""
    units: Sequence[int]
    """The sensor unit, or place, of each channel (C), from 0; units that are not seen have their numbers too."""
    mean: Tensor
    """float32 (C,), in sensor units."""
    standard_deviation: Tensor
    """float32 (C,), in sensor units."""

    @property
    def num_units(self) -> int:
        """Units up to the last one that is seen, G."""
        return max(self.units, default=-1) + 1

    @property
    def sensors(self) -> list[int]:
        """The sensor of each channel (C), numbered from 0: those of three axes first."""
        of_channel = {channel: sensor for sensor, triad in enumerate(self.triads) for channel in triad}
        for channel in range(len(self.units)):
            of_channel.setdefault(channel, max(of_channel.values(), default=-1) + 1)
        return [of_channel[channel] for channel in range(len(self.units))]

    def to_sensor_units(self, windows_NTC: Tensor) -> Tensor:
        """Normalised windows in sensor units."""
        device = windows_NTC.device
        return torch.addcmul(self.mean.to(device), windows_NTC, self.standard_deviation.to(device))

    def from_sensor_units(self, windows_NTC: Tensor) -> Tensor:
        """Windows in sensor units, normalised."""
        device = windows_NTC.device
        return (windows_NTC - self.mean.to(device)) / self.standard_deviation.to(device)


def make_augmentation(settings: AugmentationSettings, layout: Layout) -> Change | None:
    """All changes that ``settings`` ask for, one after the other; None if there are none.

    First what moves or scales the measured quantity, in sensor units, then time, then noise, then what is lost.
    """
    changes: list[Change] = []
    in_sensor_units: list[Change] = []
    if settings.rotation_degrees and layout.triads:
        in_sensor_units.append(rotation(layout, degrees=settings.rotation_degrees))
    if settings.scaling or settings.magnitude_warp:
        in_sensor_units.append(scaling(layout, constant=settings.scaling, drifting=settings.magnitude_warp))
    if in_sensor_units:
        changes += [layout.to_sensor_units, *in_sensor_units, layout.from_sensor_units]
    if settings.time_warp or settings.crop or settings.time_shift:
        changes.append(retiming(warp=settings.time_warp, crop=settings.crop, shift=settings.time_shift))
    if settings.jitter:
        changes.append(jitter(settings.jitter))
    if settings.channel_dropout:
        changes.append(channel_dropout(settings.channel_dropout))
    if settings.holding:
        changes.append(holding(layout, probability=settings.holding, longest=settings.longest_gap))
    if settings.blanking:
        changes.append(blanking(layout, probability=settings.blanking, longest=settings.longest_gap))
    if settings.unit_dropout:
        changes.append(unit_dropout(layout, probability=settings.unit_dropout))
    if not changes:
        return None

    def augment(windows_NTC: Tensor) -> Tensor:
        for change in changes:
            windows_NTC = change(windows_NTC)
        return windows_NTC

    return augment


def rotation(layout: Layout, *, degrees: float) -> Change:
    """Turns each unit of each window by a random angle about a random axis, as if it had been strapped on askew.

    All sensors of a unit turn together, as do all samples of a window. Angles are normally distributed; channels of
    incomplete sensors stay. The method is from T. T. Um et al., "Data augmentation of wearable sensor data for
    Parkinson's disease monitoring using convolutional neural networks", 2017; small angles are our choice.

    Args:
        layout: windows are in sensor units.
        degrees: standard deviation of the angle.
    """
    channels_V3 = torch.tensor(layout.triads, dtype=torch.int64).reshape(-1, 3)
    units_V = torch.tensor([layout.units[x] for x, _, _ in layout.triads], dtype=torch.int64)
    radians, num_units = math.radians(degrees), layout.num_units

    def rotate(windows_NTC: Tensor) -> Tensor:
        shape_NG = (len(windows_NTC), num_units)
        rotations_NG33 = rotation_matrices(torch.randn(*shape_NG, 3), radians * torch.randn(shape_NG))
        # One matrix of all channels for each window: a product is quicker than to gather and scatter the sensors.
        num_channels = windows_NTC.shape[2]
        turned_NCC = torch.eye(num_channels).repeat(len(windows_NTC), 1, 1)
        turned_NCC[:, channels_V3[:, None, :], channels_V3[:, :, None]] = rotations_NG33[:, units_V]
        return torch.bmm(windows_NTC, turned_NCC.to(windows_NTC.device))

    return rotate


def rotation_matrices(axes: Tensor, radians: Tensor) -> Tensor:
    """Rotations by ``radians`` (…) about ``axes`` (…, 3) of any length except 0: (…, 3, 3), by Rodrigues' formula."""
    x, y, z = normalize(axes, dim=-1).unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(*x.shape, 3, 3)
    angle = radians[..., None, None]
    rotations: Tensor = torch.eye(3) + torch.sin(angle) * cross + (1 - torch.cos(angle)) * (cross @ cross)
    return rotations


def scaling(layout: Layout, *, constant: float, drifting: float) -> Change:
    """Multiplies each sensor of each window by a factor, which may drift: scaling and magnitude warping of Um et al.

    The axes of a sensor share the factor, so directions stay. Logarithms of factors are normally distributed, so that
    none is negative; the drift is a cubic spline through :data:`NUM_KNOTS` random values.

    Args:
        layout: windows are in sensor units.
        constant: standard deviation of the logarithm that holds for the whole window.
        drifting: standard deviation of the logarithm at each knot.
    """
    sensors_C = torch.tensor(layout.sensors, dtype=torch.int64)
    num_sensors = max(layout.sensors, default=-1) + 1

    def scale(windows_NTC: Tensor) -> Tensor:
        num_windows, num_timepoints, _ = windows_NTC.shape
        logarithms = constant * torch.randn(num_windows, 1, num_sensors).index_select(-1, sensors_C)
        if drifting:
            knots_NKS = drifting * torch.randn(num_windows, NUM_KNOTS, num_sensors)
            logarithms = logarithms + curves(knots_NKS.index_select(-1, sensors_C), num_timepoints)
        return windows_NTC * logarithms.exp().to(windows_NTC.device)

    return scale


def retiming(*, warp: float, crop: float, shift: float) -> Change:
    """Moves the samples of each window along time: time warping and cropping (Um et al. 2017), and a shift.

    Each new sample is read, between two old ones along a straight line, at a place that the three decide together, so
    that windows are interpolated once. All channels move alike.

    Args:
        warp: standard deviation of the logarithm of the speed at each of :data:`NUM_KNOTS` knots.
        crop: largest share cut off; what is left is resized to the full length.
        shift: largest share of the window by which it moves; what leaves at one end enters at the other.
    """

    def retime(windows_NTC: Tensor) -> Tensor:
        num_windows, num_timepoints, num_channels = windows_NTC.shape
        last = num_timepoints - 1
        places_NT = torch.arange(num_timepoints, dtype=torch.float32).expand(num_windows, -1)
        if warp:
            speeds_NT = curves(warp * torch.randn(num_windows, NUM_KNOTS, 1), num_timepoints).squeeze(-1).exp()
            elapsed_NT = speeds_NT.cumsum(dim=1) - speeds_NT[:, :1]
            places_NT = elapsed_NT * (last / elapsed_NT[:, -1:].clamp(min=torch.finfo().tiny))
        if crop:
            lost_N1 = crop * torch.rand(num_windows, 1)
            places_NT = last * lost_N1 * torch.rand(num_windows, 1) + (1 - lost_N1) * places_NT
        if shift:
            steps_N1 = (num_timepoints * shift * (2 * torch.rand(num_windows, 1) - 1)).round().to(torch.int64)
            places_NT = places_NT.gather(1, (torch.arange(num_timepoints) - steps_N1) % num_timepoints)
        before_NT = places_NT.floor().clamp(0, last)
        row_of_N1 = num_timepoints * torch.arange(num_windows)[:, None]
        samples = windows_NTC.reshape(-1, num_channels)

        def at(timepoints_NT: Tensor) -> Tensor:
            return samples[(row_of_N1 + timepoints_NT.to(torch.int64)).flatten().to(samples.device)]

        at_place = at(before_NT)
        if warp or crop:
            beyond = (places_NT - before_NT).reshape(-1, 1).to(samples.device)
            at_place = torch.lerp(at_place, at((before_NT + 1).clamp(max=last)), beyond)
        return at_place.view_as(windows_NTC)

    return retime


def jitter(deviation: float) -> Change:
    """Adds normally distributed noise to every sample, in standard deviations of the channel (Um et al. 2017)."""
    return lambda windows_NTC: windows_NTC.add(torch.randn_like(windows_NTC), alpha=deviation)


def channel_dropout(probability: float) -> Change:
    """Replaces channels of windows by their mean, so that no channel is relied on alone; one at least stays.

    After N. Srivastava et al., "Dropout", 2014, of inputs; what stays is not scaled, because zeros are no lower sums
    here.
    """

    def drop(windows_NTC: Tensor) -> Tensor:
        lost_NC = _lost(len(windows_NTC), windows_NTC.shape[2], probability)
        return windows_NTC.masked_fill(lost_NC[:, None].to(windows_NTC.device), 0.0)

    return drop


def unit_dropout(layout: Layout, *, probability: float) -> Change:
    """Loses units of windows: they hold zeros in sensor units, as where a unit fails; one at least stays."""
    seen, zeros_C = sorted(set(layout.units)), _zeros(layout)
    units_C = torch.tensor([seen.index(unit) for unit in layout.units], dtype=torch.int64)

    def drop(windows_NTC: Tensor) -> Tensor:
        lost_NC = _lost(len(windows_NTC), len(seen), probability)[:, units_C]
        return torch.where(lost_NC[:, None].to(windows_NTC.device), zeros_C.to(windows_NTC.device), windows_NTC)

    return drop


def blanking(layout: Layout, *, probability: float, longest: float) -> Change:
    """Blanks a stretch of units of windows with zeros in sensor units, as recordings hold where samples are lost.

    T. DeVries and G. W. Taylor, "Improved regularization of convolutional neural networks with cutout", 2017, along
    time.

    Args:
        layout: windows are normalised.
        probability: that a unit of a window loses a stretch.
        longest: its largest share of the window.
    """
    zeros_C = _zeros(layout)

    def blank(windows_NTC: Tensor) -> Tensor:
        _, lost_NTC = _lost_stretches(windows_NTC, layout, probability=probability, longest=longest)
        return torch.where(lost_NTC, zeros_C.to(windows_NTC.device), windows_NTC)

    return blank


def holding(layout: Layout, *, probability: float, longest: float) -> Change:
    """Holds the sample before a stretch (its first one where nothing is before) of units of windows.

    Recordings do so where samples are late. Arguments as for :func:`blanking`.
    """

    def hold(windows_NTC: Tensor) -> Tensor:
        first_N1C, lost_NTC = _lost_stretches(windows_NTC, layout, probability=probability, longest=longest)
        return torch.where(lost_NTC, windows_NTC.gather(1, (first_N1C - 1).clamp(min=0)), windows_NTC)

    return hold


def _lost_stretches(
    windows_NTC: Tensor, layout: Layout, *, probability: float, longest: float
) -> tuple[Tensor, Tensor]:
    """The first timepoint, int64 (N, 1, C), of a random stretch of each unit, and where it is, bool (N, T, C).

    Lengths are of at least one timepoint. Each length up to the longest is as likely, and each place.
    """
    num_windows, num_timepoints, _ = windows_NTC.shape
    shape_N1G, units_C = (num_windows, 1, layout.num_units), torch.tensor(layout.units, dtype=torch.int64)
    lengths_N1G = torch.randint(1, max(1, round(longest * num_timepoints)) + 1, shape_N1G)
    first_N1G = (torch.rand(shape_N1G) * (num_timepoints - lengths_N1G + 1)).to(torch.int64)
    beyond_N1G = first_N1G + torch.where(torch.rand(shape_N1G) < probability, lengths_N1G, 0)
    first_N1C, beyond_N1C = (places[..., units_C].to(windows_NTC.device) for places in (first_N1G, beyond_N1G))
    timepoints_T1 = torch.arange(num_timepoints, device=windows_NTC.device)[:, None]
    return first_N1C, (timepoints_T1 >= first_N1C) & (timepoints_T1 < beyond_N1C)


def curves(knots_NKC: Tensor, num_timepoints: int) -> Tensor:
    """Smooth curves (N, T, C): cubic splines through values (N, K, C) at knots in equal distances, ends included."""
    return _spline(num_timepoints) @ knots_NKC


@cache
def _spline(num_timepoints: int) -> Tensor:
    """(T, K): what each value at a knot adds at each timepoint of its curve."""
    knots = CubicSpline(np.linspace(0, 1, NUM_KNOTS), np.eye(NUM_KNOTS))
    return torch.from_numpy(knots(np.linspace(0, 1, num_timepoints))).float()


def _lost(num_windows: int, num_parts: int, probability: float) -> Tensor:
    """Which parts of a window are lost, bool (N, parts); a window that would lose all keeps one of them."""
    drawn = torch.rand(num_windows, num_parts)
    return (drawn < probability) & (drawn < drawn.amax(dim=1, keepdim=True))


def _zeros(layout: Layout) -> Tensor:
    """What zeros in sensor units are once normalised (C)."""
    return -layout.mean / layout.standard_deviation
