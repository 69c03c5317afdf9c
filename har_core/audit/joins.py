"""Joins of consecutive segments that are not continuous, segments in the wrong order, and segments that are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from har_core.audit.findings import Finding, Place
from har_core.audit.kinds import Kind, Severity
from har_core.audit.signals import Mask, Signals, runs
from har_core.audit.steps import Steps
from har_core.datasets.dsads.layout import NUM_CHANNELS, SEGMENT_LENGTH, RecordingKey
from har_core.settings.audit import AuditSettings

_ALL = range(NUM_CHANNELS)
_FEWEST_TOGETHER = 6
"""Joins that count as broken together though none would alone: too many for chance."""
_LEAST_SHARE_MENDED = 0.5
"""Share of a recording's broken joins that another order must mend, or segments are alike by chance."""


def find_broken_joins(signals: Signals, steps: Steps, settings: AuditSettings) -> Iterator[Finding]:
    """Joins whose step is larger than the steps within segments, and segments that go on in another than the next one.

    A join can be both: broken, with the segment known that would have followed.
    """
    consecutive = np.diff(np.asarray(signals.segments)) == 1
    broken = _broken(steps, settings)
    ends = [Place(signals.key, segment, SEGMENT_LENGTH - 1) for segment in signals.segments]
    for join in np.flatnonzero(broken & consecutive).tolist():
        yield Finding(Kind.DISCONTINUOUS_JOIN, Severity.INFO, ends[join], 2, _ALL)
    if broken.any():
        links = _in_time(_followers(steps, broken | ~consecutive, settings), broken | ~consecutive)
        if len(links) < _LEAST_SHARE_MENDED * broken.sum():
            return
        for index, follower in links:
            other = Place(signals.key, signals.segments[follower], 0)
            yield Finding(Kind.WRONG_ORDER, Severity.ERROR, ends[index], 2, _ALL, other=other)


def _broken(steps: Steps, settings: AuditSettings) -> Mask:
    """(S - 1,) the joins whose step is too large for a sound one, and those that are too many to be sound.

    If many joins of a recording are broken, smaller steps are evidence too: as many joins as possible count as broken,
    as long as no more than a share of them are expected to be sound (Benjamini and Hochberg, "Controlling the false
    discovery rate", Journal of the Royal Statistical Society B 57(1), 1995; the null distribution is that of the steps
    within segments).
    """
    scores = steps.scores(slice(None, -1), slice(1, None))
    broken: Mask = scores >= settings.join_score
    larger = 1 + len(steps.within) - np.searchsorted(steps.within, scores, side="left")
    chance = larger / (1 + len(steps.within))
    rank = np.arange(1, len(scores) + 1)
    below = np.flatnonzero(np.sort(chance) <= settings.join_error_rate * rank / len(scores))
    if len(below) and rank[below[-1]] >= _FEWEST_TOGETHER:
        broken |= chance <= np.sort(chance)[below[-1]]
    return broken


def _followers(steps: Steps, broken: Mask, settings: AuditSettings) -> Iterator[tuple[int, int]]:
    """Segments whose end goes on at the beginning of another one, and of no second one, and so for that beginning."""
    num_segments = len(broken) + 1
    ends = np.flatnonzero(np.append(broken, True))  # the last segment has no next one to go on in
    begins = np.flatnonzero(np.insert(broken, 0, True))
    scores = np.full((num_segments, num_segments), np.inf)
    for end in ends.tolist():
        scores[end, begins] = steps.scores([end], slice(None))[begins]
    np.fill_diagonal(scores, np.inf)
    scores[np.arange(num_segments - 1), np.arange(1, num_segments)] = np.inf  # known to be broken
    fits = scores <= settings.order_score
    may_fit = scores < settings.join_score
    for end, begin in np.argwhere(fits):
        if may_fit[end].sum() == 1 and may_fit[:, begin].sum() == 1:
            yield int(end), int(begin)


def _in_time(links: Iterable[tuple[int, int]], broken: Mask) -> list[tuple[int, int]]:
    """The links that can be true: without those that lead back to where they began."""
    stretch = np.cumsum(np.insert(broken, 0, False)).tolist()  # the number of the unbroken stretch of each segment
    links = list(links)
    goes_on_in = {stretch[end]: stretch[begin] for end, begin in links}

    def ends(reached: int | None) -> bool:
        for _ in links:
            reached = None if reached is None else goes_on_in.get(reached)
        return reached not in goes_on_in

    return [(end, begin) for end, begin in links if ends(stretch[end])]


def find_missing(segments: Mapping[RecordingKey, Sequence[int]]) -> Iterator[Finding]:
    """Segments that are missing between 1 and the largest number of the set, of every subject and activity in it."""
    last = max(max(numbers) for numbers in segments.values())
    for subject in sorted({key.subject for key in segments}):
        for activity in sorted({key.activity for key in segments}):
            key = RecordingKey(subject, activity)
            is_missing = np.ones(last, dtype=np.bool_)
            is_missing[np.asarray(segments.get(key, ()), dtype=np.int64) - 1] = False
            for first, count in runs(is_missing):
                place = Place(key, first + 1, 0)
                yield Finding(Kind.MISSING_SEGMENT, Severity.WARNING, place, count * SEGMENT_LENGTH, _ALL)
