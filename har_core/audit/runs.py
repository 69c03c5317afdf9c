"""Rows that are zero or repeat the one before: on all channels, a unit or a channel; and channels at an extreme.

A run on all channels is not reported again for the units, nor a run on a unit for its channels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from har_core.audit.findings import Finding
from har_core.audit.kinds import Kind, Severity
from har_core.audit.signals import Mask, Signals, runs
from har_core.datasets.dsads.layout import CHANNELS_PER_UNIT, NUM_CHANNELS, UNITS, channels_of_unit
from har_core.settings.audit import AuditSettings

_Runs = defaultdict[tuple[Kind, int, int], list[int]]
"""Kind, first row and length of runs, with the channels on which they are."""


def find_runs(signals: Signals, settings: AuditSettings) -> tuple[list[Finding], Mask, Mask]:
    """Zero runs, constant runs and saturation of one recording.

    Returns:
        The findings; where each unit stands still (units, n), alone or with all others; and where all do (n,).
    """
    by_unit = (len(UNITS), CHANNELS_PER_UNIT, signals.num_rows)
    is_zero = signals.channels == 0
    is_held = signals.channels[:, 1:] == signals.channels[:, :-1]  # row t + 1 repeats row t
    zero = is_zero.reshape(by_unit).all(axis=1)
    held = is_held.reshape(*by_unit[:2], -1).all(axis=1)

    everywhere = np.zeros((1, signals.num_rows), dtype=np.bool_)
    all_zero, all_held = zero.all(axis=0, keepdims=True), held.all(axis=0, keepdims=True)
    least = settings.zero_rows, settings.held_rows
    found = _on_groups([range(NUM_CHANNELS)], all_zero, all_held, everywhere, least)
    on_units = np.repeat(everywhere, len(UNITS), axis=0)
    least = settings.zero_rows, settings.held_rows_of_unit
    found |= _on_groups([channels_of_unit(unit) for unit in range(len(UNITS))], zero, held, on_units, least)

    of_severity = {Severity.ERROR: found, Severity.WARNING: _on_channels(signals, is_held, on_units, settings)}
    findings = [
        Finding(kind, severity, signals.place(row), num_rows, channels)
        for severity, gathered in of_severity.items()
        for (kind, row, num_rows), channels in gathered.items()
    ]
    return findings, on_units, everywhere[0]


def _on_groups(groups: Sequence[range], zero: Mask, held: Mask, covered: Mask, least: tuple[int, int]) -> _Runs:
    """Zero runs and constant runs of G groups of channels, with the least number of rows of either.

    ``zero`` (G, n) says which rows are zero, ``held`` (G, n - 1) whether row t + 1 repeats row t. Rows in ``covered``
    (G, n) do not count; those of the runs found are added to it.
    """
    gathered: _Runs = defaultdict(list)
    for channels, is_zero, is_held, rows in zip(groups, zero, held, covered, strict=True):
        for kind in (Kind.ZERO_RUN, Kind.CONSTANT_RUN):
            found = runs(is_zero & ~rows, least[0]) if kind is Kind.ZERO_RUN else _held_runs(is_held, rows, least[1])
            for row, num_rows in found:
                gathered[kind, row, num_rows].extend(channels)
                rows[row : row + num_rows] = True
    return gathered


def _on_channels(signals: Signals, is_held: Mask, on_units: Mask, settings: AuditSettings) -> _Runs:
    gathered: _Runs = defaultdict(list)
    least = min(settings.held_rows_of_channel, settings.saturated_rows)
    for channel, values in enumerate(signals.channels):
        low, high = values.min(), values.max()
        for row, num_rows in _held_runs(is_held[channel], on_units[channel // CHANNELS_PER_UNIT], least):
            # A channel that never moves is stuck, but not at an extreme.
            at_extreme = low < high and values[row] in (low, high) and values[row] != 0
            if at_extreme and num_rows >= settings.saturated_rows:
                gathered[Kind.SATURATION, row, num_rows].append(channel)
            elif num_rows >= settings.held_rows_of_channel:
                gathered[Kind.ZERO_RUN if values[row] == 0 else Kind.CONSTANT_RUN, row, num_rows].append(channel)
    return gathered


def _held_runs(is_held: Mask, covered: Mask, least: int) -> list[tuple[int, int]]:
    """Runs of at least ``least`` rows that are equal, none of them covered; ``is_held`` (n - 1,) is of neighbours."""
    free = is_held & ~covered[1:] & ~covered[:-1]
    return [(row, size + 1) for row, size in runs(free, max(least - 1, 1))]
