"""Channels that hold what belongs to others: two with the same values, or two (or two units) exchanged.

An exchange is told in two ways. In a stretch of segments: at its ends two channels jump, each to where the other one
was, while the other channels go on. In a whole recording: a magnetometer is quieter than the other sensors of its unit,
and an accelerometer, which feels gravity, has the larger norm than a gyroscope. ``docs/audit.md`` says what cannot be
told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from har_core.audit.findings import Finding, Kind, Severity
from har_core.audit.places import channels_of
from har_core.audit.signals import Mask, Signals, Values, long_runs
from har_core.audit.steps import Steps
from har_core.dsads.layout import SEGMENT_LENGTH, SENSORS, UNITS
from har_core.settings.audit import AuditSettings

_ACC, _GYRO, _MAG = (SENSORS.index(sensor) for sensor in ("acc", "gyro", "mag"))
_Exchange = tuple[list[int], list[int]]
"""Channels, and those that hold their values and whose values they hold."""
_CHUNK = 25
"""Rows that are compared at once; a run of twice as many holds a whole chunk wherever it begins."""


def find_duplicated(signals: Signals, settings: AuditSettings, standing_still: Mask) -> Iterator[Finding]:
    """Pairs of channels that are equal for many rows, those left out in which either stands still.

    Args:
        signals: the recording.
        settings: the least number of rows.
        standing_still: (units, n) rows that do not count.
    """
    num_channels = len(signals.channels)
    bits = signals.channels.view(np.uint32).reshape(num_channels, -1, _CHUNK).astype(np.uint64)
    weights = np.random.default_rng(0).integers(1, 2**62, _CHUNK, dtype=np.uint64) * 2 + 1
    hashes = bits @ weights  # (C, chunks)
    order = np.argsort(hashes, axis=0, kind="stable")
    ordered = np.take_along_axis(hashes, order, axis=0)
    pairs = set()
    for lag in range(1, num_channels):
        same = ordered[lag:] == ordered[:-lag]
        if not same.any():
            break
        rank, chunk = np.nonzero(same)
        moves = (bits[order[rank, chunk], chunk] != bits[order[rank, chunk], chunk, :1]).any(axis=1)
        pairs |= set(zip(order[rank, chunk][moves], order[rank + lag, chunk][moves], strict=True))
    still = np.repeat(standing_still, num_channels // len(standing_still), axis=0)
    for one, other in sorted((int(min(pair)), int(max(pair))) for pair in pairs):
        equal = (signals.channels[one] == signals.channels[other]) & ~still[one] & ~still[other]
        for row, num_rows in long_runs(equal, settings.copied_rows_of_channel):
            yield signals.finding(Kind.DUPLICATED_CHANNELS, Severity.ERROR, row, num_rows, [one, other])


def find_swapped_sensors(signals: Signals, steps: Steps) -> Iterator[Finding]:
    """Channels that, throughout a recording, move as those of another sensor of their unit do."""
    noise = steps.usual.reshape(len(UNITS), len(SENSORS), 3)
    norms = np.median(np.sqrt(np.square(signals.sensors).sum(axis=2)), axis=2)  # (units, sensors)
    for unit in range(len(UNITS)):
        magnetic = [channels_of(unit)[3 * _MAG + axis] for axis in range(3)]
        others = [channel for channel in channels_of(unit) if channel not in magnetic]
        of = dict(zip(channels_of(unit), noise[unit].ravel(), strict=True))
        quiet, loud = sorted(others, key=of.__getitem__), sorted(magnetic, key=of.__getitem__, reverse=True)
        swapped = [pair for pair in zip(quiet, loud, strict=False) if of[pair[0]] < of[pair[1]]]
        if swapped:
            channels = [channel for pair in swapped for channel in pair]
            yield signals.finding(Kind.SWAPPED_CHANNELS, Severity.ERROR, 0, signals.num_rows, channels)
        elif norms[unit, _ACC] < norms[unit, _GYRO]:
            channels = [channels_of(unit)[3 * sensor + axis] for sensor in (_ACC, _GYRO) for axis in range(3)]
            yield signals.finding(Kind.SWAPPED_CHANNELS, Severity.ERROR, 0, signals.num_rows, channels)


def find_swapped_stretches(signals: Signals, steps: Steps, settings: AuditSettings) -> Iterator[Finding]:
    """Stretches of segments in which two channels, or two units, are exchanged."""
    by_segment = signals.channels.reshape(len(signals.channels), -1, SEGMENT_LENGTH)
    levels = np.stack([by_segment.mean(axis=2), by_segment.std(axis=2)])  # (2, C, S)
    turns: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for join in range(len(signals.segments) - 1):
        for ones, others in _exchanges_at(steps, join, settings):
            if _levels_change_places(levels[:, :, join : join + 2], ones, others):
                turns[(*ones, *others)].append(join)
    num_segments = len(signals.segments)
    for channels, joins in turns.items():
        begins = np.zeros(num_segments, dtype=np.int64)
        begins[np.asarray(joins) + 1] = 1
        exchanged = np.cumsum(begins) % 2 == 1
        if exchanged.sum() * 2 > num_segments:  # what most segments have counts as right
            exchanged = ~exchanged
        for first, size in long_runs(exchanged, 1):
            row, num_rows = first * SEGMENT_LENGTH, size * SEGMENT_LENGTH
            yield signals.finding(Kind.SWAPPED_CHANNELS, Severity.ERROR, row, num_rows, list(channels))


def _exchanges_at(steps: Steps, join: int, settings: AuditSettings) -> list[_Exchange]:
    """Two units, or pairs of channels, each of which goes on as the other at a join, while the rest goes on as it was.

    The rest tells an exchange from a gap in time, after which a left and a right leg may well have changed places.
    """
    own = steps.z_squared(join, join + 1)  # (C,)
    jumping = np.flatnonzero(own >= settings.swap_jump**2)
    if len(jumping) < 2:  # noqa: PLR2004 - it takes two
        return []
    crossed = _crossed(steps, join)

    def goes_on(z_squared: Values) -> bool:
        return bool(steps.score(z_squared) <= settings.order_score)

    for one, other in combinations(map(channels_of, range(len(UNITS))), 2):
        ones, others = list(one), list(other)
        both = ones + others
        jumps = steps.score(own[both]) >= settings.join_score
        if jumps and goes_on(crossed[both, others + ones]) and goes_on(np.delete(own, both)):
            return [(ones, others)]
    fits = np.maximum(crossed, crossed.T) <= settings.swap_fit**2
    pairs = [(int(one), int(other)) for one, other in combinations(jumping, 2) if fits[one, other]]
    involved = {channel for pair in pairs for channel in pair}
    is_clear = len(involved) == 2 * len(pairs)
    if is_clear and goes_on(np.delete(own, sorted(involved))):
        return [([one], [other]) for one, other in pairs]
    return []


def _crossed(steps: Steps, join: int) -> Values:
    """(C, C) squared steps from each channel before a join to each channel after it, in usual units of the two."""
    size = steps.after[:, join + 1] - steps.before[:, [join]]
    usual = np.maximum(steps.usual, steps.usual.T)
    shake = np.maximum(steps.shake_before[:, [join]], steps.shake_after[:, join + 1])
    return np.asarray(size**2 / (usual**2 + shake**2), dtype=np.float32)


def _levels_change_places(levels: Values, ones: list[int], others: list[int]) -> bool:
    """Whether mean and deviation of the segments around a join say the same as the join itself.

    Args:
        levels: (2, C, 2) mean and deviation of each channel in the segment before and in the one after.
        ones: channels that may have been exchanged with ``others``.
        others: as many.
    """
    both, crossed = ones + others, others + ones
    before, after = levels[:, both, 0], levels[:, both, 1]
    scale = levels[1][both].max(axis=1) + levels[1][crossed].max(axis=1) + np.finfo(np.float32).tiny
    stays = (np.abs(after - before) / scale).sum()
    changes = (np.abs(after - levels[:, crossed, 0]) / scale).sum()
    return bool(changes <= stays / 2)
