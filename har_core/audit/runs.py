"""Rows that are zero or repeat the one before: on all channels, a place or a channel; and channels at an extreme.

A run on all channels is not reported again for the places, nor a run on a place for its channels. Rows in which a value
is missing make no run, and a row of the same time as the one before does not repeat it: a stream that was read at the
times of another one must have equal values there. Letters: C channels, P places, n rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from har_core.audit.findings import Finding
from har_core.audit.kinds import Kind, Severity
from har_core.audit.needs import (
    CHANNELS_IN_ALL,
    CHANNELS_OF_PLACE,
    Need,
    moving_channels,
    rows_of_group,
    turning_places,
)
from har_core.audit.signals import Mask, Signals, columns, runs
from har_core.settings.audit import AuditSettings
from har_core.spec.dataset import DatasetSpec

_Runs = defaultdict[tuple[Kind, int, int], list[int]]
"""Kind, first row and length of runs, with the channels on which they are."""


def _moving(spec: DatasetSpec) -> Mapping[str, int | None]:
    moving = moving_channels(spec)
    return {name: channel if channel in moving else None for channel, name in enumerate(spec.channel_names)}


PLACES = Need(
    kinds=(Kind.ZERO_RUN, Kind.CONSTANT_RUN),
    look=turning_places,
    lacking="of a place without a sensor with three axes only single channels are looked at",
)
CHANNELS = Need(
    kinds=(Kind.CONSTANT_RUN, Kind.SATURATION),
    look=_moving,
    lacking="a single channel without an axis may well keep its value",
)


def find_runs(signals: Signals, settings: AuditSettings) -> tuple[list[Finding], Mask, Mask]:
    """Zero runs, constant runs and saturation of one recording.

    Returns:
        The findings; where each place stands still (P, n), alone or with all others; and where all do (n,).
    """
    spec, present = signals.spec, ~signals.lost()
    is_zero = signals.channels == 0
    is_held = signals.channels[:, 1:] == signals.channels[:, :-1]  # row t + 1 repeats row t
    if signals.at_once is not None:
        is_held &= ~signals.at_once
    own = [columns(indices) for indices in spec.channels_of_place]
    zero = np.stack([is_zero[of_place].all(axis=0) for of_place in own]) & present
    held = np.stack([is_held[of_place].all(axis=0) for of_place in own]) & present[:, 1:] & present[:, :-1]

    everywhere = np.zeros(signals.num_rows, dtype=np.bool_)
    places = PLACES.met(spec)
    found: _Runs = defaultdict(list)
    if places:
        every = range(spec.num_channels)
        least = settings.zero_rows, 1 + rows_of_group(settings.held_rows - 1, len(every), CHANNELS_IN_ALL)
        all_zero, all_held = np.logical_and.reduce(zero), np.logical_and.reduce(held)
        _add_runs(found, every, zero=all_zero, held=all_held, covered=everywhere, least=least)
    on_places = np.repeat(everywhere[None], len(spec.places), axis=0)
    for place in places:
        indices = spec.channels_of_place[place]
        least = settings.zero_rows, 1 + rows_of_group(settings.held_rows_of_unit - 1, len(indices), CHANNELS_OF_PLACE)
        _add_runs(found, indices, zero=zero[place], held=held[place], covered=on_places[place], least=least)

    of_severity = {Severity.ERROR: found, Severity.WARNING: _on_channels(signals, is_held, on_places, settings)}
    findings = [
        Finding(kind, severity, signals.place(row), num_rows, channels)
        for severity, gathered in of_severity.items()
        for (kind, row, num_rows), channels in gathered.items()
    ]
    return findings, on_places, everywhere


def _add_runs(
    gathered: _Runs, channels: Iterable[int], *, zero: Mask, held: Mask, covered: Mask, least: tuple[int, int]
) -> None:
    """Gather zero runs and constant runs of a group of channels, with the least number of rows of either.

    ``zero`` (n,) says which rows are zero, ``held`` (n - 1,) whether row t + 1 repeats row t. Rows in ``covered`` (n,)
    do not count; those of the runs found are added to it.
    """
    for kind in (Kind.ZERO_RUN, Kind.CONSTANT_RUN):
        found = runs(zero & ~covered, least[0]) if kind is Kind.ZERO_RUN else _held_runs(held, covered, least[1])
        for row, num_rows in found:
            gathered[kind, row, num_rows].extend(channels)
            covered[row : row + num_rows] = True


def _on_channels(signals: Signals, is_held: Mask, on_places: Mask, settings: AuditSettings) -> _Runs:
    gathered: _Runs = defaultdict(list)
    least = min(settings.held_rows_of_channel, settings.saturated_rows)
    moving = set(CHANNELS.met(signals.spec))
    for channel, values in enumerate(signals.channels):
        low, high = values.min(), values.max()
        covered = on_places[signals.spec.place_of_channel[channel]]
        if signals.missing is not None:
            covered = covered | signals.missing[channel]
        for row, num_rows in _held_runs(is_held[channel], covered, least):
            # A channel that never moves is stuck, but not at an extreme.
            at_extreme = low < high and values[row] in (low, high) and values[row] != 0
            if at_extreme and num_rows >= settings.saturated_rows:
                kind = Kind.SATURATION
            elif num_rows >= settings.held_rows_of_channel:
                kind = Kind.ZERO_RUN if values[row] == 0 else Kind.CONSTANT_RUN
            else:
                continue
            if channel in moving or kind is Kind.ZERO_RUN:
                gathered[kind, row, num_rows].append(channel)
    return gathered


def _held_runs(is_held: Mask, covered: Mask, least: int) -> list[tuple[int, int]]:
    """Runs of at least ``least`` rows that are equal, none of them covered; ``is_held`` (n - 1,) is of neighbours."""
    free = is_held & ~covered[1:] & ~covered[:-1]
    return [(row, size + 1) for row, size in runs(free, max(least - 1, 1))]
