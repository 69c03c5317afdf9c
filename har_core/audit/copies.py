"""Rows that occur a second time, on all channels or on a place: at any offset, in the same recording or others.

Letters: n rows of all recordings one after another, C channels, P places where sensors are worn. A pair of equal rows
lies on the diagonal ``d`` of its offset; rows that correspond one after another lie on one diagonal one after another,
and make one range. Rows in a run (zeros, held values) are no evidence of a copy, but do not end one either; nor are
rows in which a value is missing, or rows of few channels that occur often, as those of a coarse sensor at rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from har_core.audit.findings import Finding
from har_core.audit.kinds import Kind, Severity
from har_core.audit.needs import CHANNELS_IN_ALL, CHANNELS_OF_PLACE, Need, rows_of_group, turning_places
from har_core.audit.signals import Mask, Signals, columns, runs
from har_core.settings.audit import AuditSettings

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]

_MOST_IN_ALL_PAIRS = 8
"""Rows that occur more often than this are each compared only with the next one of their kind."""
_BLOCK = 125
"""Rows that are compared at once."""

PLACES = Need(
    kinds=(Kind.DUPLICATE_ROWS,),
    look=turning_places,
    lacking="rows of a place without a sensor with three axes repeat by chance",
)


class Corresponding(NamedTuple):
    """Rows ``first`` to ``first + length - 1`` equal those from ``other`` on; ``first < other``."""

    first: int
    other: int
    length: int


_Covered = dict[int, list[Corresponding]]
"""Ranges by their diagonal."""


def hash_rows(signals: Signals) -> Hashes:
    """(P, n) a hash of the values of each place in each row; equal rows have equal hashes, on any machine."""
    weights = np.random.default_rng(0).integers(1, 2**62, signals.spec.num_channels, dtype=np.uint64) * 2 + 1
    bits = signals.channels.view(np.uint32)
    hashes = np.stack(
        [(bits[own] * weights[own, None]).sum(axis=0) for own in map(columns, signals.spec.channels_of_place)]
    )
    # The low bits of a sum of products depend on the low bits of the values alone, which are often zero.
    hashes ^= hashes >> np.uint64(32)
    hashes *= np.uint64(0xD6E8FEB86659FD93)
    hashes ^= hashes >> np.uint64(32)
    return hashes


def find_copies(
    recordings: Sequence[Signals], hashes: Hashes, idle: Mask, all_idle: Mask, settings: AuditSettings
) -> Iterator[Finding]:
    """Maximal ranges of rows that correspond.

    All arrays are of all recordings one after another: ``hashes`` (P, n) of :func:`hash_rows`, ``idle`` (P, n) rows
    that are no evidence on a place, ``all_idle`` (n,) on all channels.
    """
    spec = recordings[0].spec
    places = PLACES.met(spec)
    if not places:
        return
    store = _Store(recordings)
    weights = np.random.default_rng(1).integers(1, 2**62, len(hashes), dtype=np.uint64) * 2 + 1
    combined = (hashes * weights[:, None]).sum(axis=0, dtype=np.uint64)
    channels: Sequence[int] = range(spec.num_channels)
    least = rows_of_group(settings.copied_rows, len(channels), CHANNELS_IN_ALL)
    if len(channels) < CHANNELS_IN_ALL:
        all_idle = all_idle | _occur_often(combined)
    covered: _Covered = defaultdict(list)
    for found in _correspondences(store, combined, all_idle, channels=channels, least=least, covered={}):
        yield store.finding(found, channels)
        covered[found.other - found.first].append(found)
    by_range: defaultdict[Corresponding, list[int]] = defaultdict(list)
    for place in places:
        channels, own, rows = spec.channels_of_place[place], hashes[place], idle[place]
        least = rows_of_group(settings.copied_rows_of_unit, len(channels), CHANNELS_OF_PLACE)
        if len(channels) < CHANNELS_OF_PLACE:
            rows = rows | _occur_often(own)
        for found in _correspondences(store, own, rows, channels=channels, least=least, covered=covered):
            by_range[found].extend(channels)
    for found, of_places in by_range.items():
        yield store.finding(found, of_places)


def _occur_often(hashes: Hashes) -> Mask:
    """(n,) rows that occur too often to be compared with all others of their kind."""
    _, kind, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    return np.asarray(counts[kind] > _MOST_IN_ALL_PAIRS)


class _Store:
    """The rows of all recordings, numbered through."""

    def __init__(self, recordings: Sequence[Signals]) -> None:
        self._recordings = recordings
        self.starts = np.cumsum([0, *(recording.num_rows for recording in recordings)])

    def recording_of(self, rows: Rows | int) -> npt.NDArray[np.intp]:
        """The index of the recording that each row belongs to."""
        return np.searchsorted(self.starts, rows, side="right") - 1

    def equal(self, found: Corresponding, channels: Sequence[int]) -> Mask:
        """(length,) whether the values themselves are equal, or missing in both."""
        one, other = (
            signals.channels[columns(channels), row : row + found.length].view(np.uint32)
            for signals, row in map(self._locate, found[:2])
        )
        same: Mask = (one == other).all(axis=0)
        return same

    def room(self, found: Corresponding) -> tuple[int, int]:
        """Rows that remain of both recordings before and after a range."""
        (one, row), (other, other_row) = map(self._locate, found[:2])
        return min(row, other_row), min(one.num_rows - row, other.num_rows - other_row) - found.length

    def finding(self, found: Corresponding, channels: Sequence[int]) -> Finding:
        """A range as a finding: the earlier place first."""
        (one, row), (other, other_row) = map(self._locate, found[:2])
        severity = Severity.WARNING if one is other else Severity.ERROR
        return Finding(Kind.DUPLICATE_ROWS, severity, one.place(row), found.length, channels, other.place(other_row))

    def _locate(self, row: int) -> tuple[Signals, int]:
        """The recording that a row belongs to, and the row counted from its start."""
        index = int(self.recording_of(row))
        return self._recordings[index], row - int(self.starts[index])


def _correspondences(
    store: _Store, hashes: Hashes, idle: Mask, *, channels: Sequence[int], least: int, covered: _Covered
) -> Iterator[Corresponding]:
    """Maximal ranges of ``least`` rows or more that correspond, without pairs in the ranges that are covered."""
    firsts, others = _equal_pairs(hashes, np.flatnonzero(~idle))
    reached: dict[int, int] = {}  # the row up to which each diagonal is done
    for seed in _diagonal_runs(store, firsts, others):
        diagonal = seed.other - seed.first
        if seed.first < reached.get(diagonal, -1):
            continue
        grown = _grow(store, hashes, seed)
        reached[diagonal] = grown.first + grown.length
        counts = store.equal(grown, channels)
        for other in covered.get(diagonal, ()):
            start = other.first - grown.first
            counts[max(start, 0) : max(start + other.length, 0)] = False
        for start, length in runs(counts):
            moving = np.flatnonzero(~idle[grown.first + start : grown.first + start + length])
            if len(moving) and (size := int(moving[-1] - moving[0]) + 1) >= least:
                shift = start + int(moving[0])
                yield Corresponding(grown.first + shift, grown.other + shift, size)


def _equal_pairs(hashes: Hashes, rows: Rows) -> tuple[Rows, Rows]:
    """Pairs of ``rows`` (ascending) with equal hashes, the smaller row first."""
    order = np.argsort(hashes[rows], kind="stable")
    ordered, values = rows[order], hashes[rows][order]
    is_new = np.append(True, values[1:] != values[:-1])
    group = np.cumsum(is_new) - 1
    size = np.bincount(group)[group] if len(group) else group
    firsts, others = [], []
    for lag in range(1, _MOST_IN_ALL_PAIRS):
        same = group[lag:] == group[:-lag]
        if lag > 1:
            same &= size[lag:] <= _MOST_IN_ALL_PAIRS
        firsts.append(ordered[:-lag][same])
        others.append(ordered[lag:][same])
    return np.concatenate(firsts), np.concatenate(others)


def _diagonal_runs(store: _Store, firsts: Rows, others: Rows) -> list[Corresponding]:
    """Pairs one after another on a diagonal, within one recording on either side, as ranges."""
    if not len(firsts):
        return []
    order = np.lexsort((firsts, others - firsts))
    firsts, others = firsts[order], others[order]
    one, other = store.recording_of(firsts), store.recording_of(others)
    follows = (np.diff(firsts) == 1) & (np.diff(others) == 1) & (np.diff(one) == 0) & (np.diff(other) == 0)
    begins = np.flatnonzero(np.append(True, ~follows))
    lengths = np.diff(np.append(begins, len(firsts)))
    triples = np.stack([firsts[begins], others[begins], lengths], axis=1)
    return [Corresponding(*map(int, triple)) for triple in triples]


def _grow(store: _Store, hashes: Hashes, found: Corresponding) -> Corresponding:
    """As far as the rows before and after it correspond, even those that are no evidence."""
    room_before, room_after = store.room(found)
    before = _matching(hashes, found.first - 1, found.other - 1, room_before, -1)
    after = _matching(hashes, found.first + found.length, found.other + found.length, room_after, 1)
    return Corresponding(found.first - before, found.other - before, before + found.length + after)


def _matching(hashes: Hashes, one: int, other: int, room: int, direction: int) -> int:
    """How many rows from ``one`` and ``other`` on have equal hashes, at most ``room``."""
    done = 0
    while done < room:
        offsets = direction * np.arange(done, min(done + _BLOCK, room))
        differing = np.flatnonzero(hashes[one + offsets] != hashes[other + offsets])
        if len(differing):
            return done + int(differing[0])
        done += len(offsets)
    return done
