"""Rows that are zero or repeat the one before: on all channels, on a unit, on a channel; and channels at an extreme.

What is found on all channels is not told again of the units, nor of the channels what is found on their unit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from har_core.audit.findings import Finding, Kind, Severity
from har_core.audit.places import CHANNELS_PER_UNIT, channels_of
from har_core.audit.signals import Mask, Signals, long_runs
from har_core.datasets.dsads.layout import NUM_CHANNELS, UNITS
from har_core.settings.audit import AuditSettings

_ALL = list(range(NUM_CHANNELS))
_Runs = Mapping[tuple[int, int], list[int]]
"""First row and length of runs, with the channels on which they are."""


@dataclass(frozen=True, slots=True, eq=False)
class StandStill:
    """Where a recording stands still."""

    findings: tuple[Finding, ...]
    units: Mask
    """(units, n): rows in a run of the unit, or of all channels."""
    all_channels: Mask
    """(n,): rows in a run of all channels."""


def find_runs(signals: Signals, settings: AuditSettings) -> StandStill:
    """Zero runs, constant runs and saturation of one recording."""
    by_unit = (len(UNITS), CHANNELS_PER_UNIT, signals.num_rows)
    is_zero = signals.channels == 0
    is_held = signals.channels[:, 1:] == signals.channels[:, :-1]  # row t + 1 repeats row t
    zero_on_units = is_zero.reshape(by_unit).all(axis=1)
    held_on_units = is_held.reshape(*by_unit[:2], -1).all(axis=1)
    findings: list[Finding] = []

    def tell(kind: Kind, severity: Severity, found: _Runs) -> None:
        for (row, num_rows), channels in found.items():
            findings.append(signals.finding(kind, severity, row, num_rows, channels))

    everywhere = np.zeros(signals.num_rows, dtype=np.bool_)
    found: _Runs = dict.fromkeys(long_runs(zero_on_units.all(axis=0), settings.zero_rows), _ALL)
    tell(Kind.ZERO_RUN, Severity.ERROR, found)
    _mark(everywhere, found)
    found = dict.fromkeys(_held_runs(held_on_units.all(axis=0), everywhere, settings.held_rows), _ALL)
    tell(Kind.CONSTANT_RUN, Severity.ERROR, found)
    _mark(everywhere, found)

    on_units = np.tile(everywhere, (len(UNITS), 1))
    for kind, least in ((Kind.ZERO_RUN, settings.zero_rows), (Kind.CONSTANT_RUN, settings.held_rows_of_unit)):
        gathered: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for unit, covered in enumerate(on_units):
            if kind is Kind.ZERO_RUN:
                found_here = long_runs(zero_on_units[unit] & ~covered, least)
            else:
                found_here = _held_runs(held_on_units[unit], covered, least)
            for run in found_here:
                gathered[run].extend(channels_of(unit))
            _mark(covered, dict.fromkeys(found_here, _ALL))
        tell(kind, Severity.ERROR, gathered)

    for kind, found in _on_channels(signals, is_held, on_units, settings):
        tell(kind, Severity.WARNING, found)
    return StandStill(tuple(findings), on_units, everywhere)


def _on_channels(
    signals: Signals, is_held: Mask, on_units: Mask, settings: AuditSettings
) -> Iterator[tuple[Kind, _Runs]]:
    gathered: dict[Kind, defaultdict[tuple[int, int], list[int]]] = {
        kind: defaultdict(list) for kind in (Kind.ZERO_RUN, Kind.CONSTANT_RUN, Kind.SATURATION)
    }
    least = min(settings.held_rows_of_channel, settings.saturated_rows)
    for channel, values in enumerate(signals.channels):
        low, high = values.min(), values.max()
        for row, num_rows in _held_runs(is_held[channel], on_units[channel // CHANNELS_PER_UNIT], least):
            # A channel that never moves is stuck, but at no extreme.
            at_extreme = low < high and values[row] in (low, high) and values[row] != 0
            if at_extreme and num_rows >= settings.saturated_rows:
                gathered[Kind.SATURATION][row, num_rows].append(channel)
            elif num_rows >= settings.held_rows_of_channel:
                kind = Kind.ZERO_RUN if values[row] == 0 else Kind.CONSTANT_RUN
                gathered[kind][row, num_rows].append(channel)
    yield from gathered.items()


def _held_runs(is_held: Mask, covered: Mask, least: int) -> list[tuple[int, int]]:
    """Runs of at least ``least`` rows that are equal, none of them covered; ``is_held`` (n - 1,) is of neighbours."""
    free = is_held & ~covered[1:] & ~covered[:-1]
    return [(row, size + 1) for row, size in long_runs(free, max(least - 1, 1))]


def _mark(rows: Mask, found: _Runs) -> None:
    for row, num_rows in found:
        rows[row : row + num_rows] = True
