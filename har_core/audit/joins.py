"""Joins of consecutive segments that are not continuous, segments in the wrong order, and segments that are missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import product, starmap

import numpy as np

from har_core.audit.findings import Finding, Place
from har_core.audit.kinds import Kind, Severity
from har_core.audit.needs import Need, moving_channels
from har_core.audit.signals import Mask, Signals, runs
from har_core.audit.steps import Steps
from har_core.datasets.recordings import Outline, RecordingKey
from har_core.settings.audit import AuditSettings
from har_core.spec.dataset import DatasetSpec


def _steps(spec: DatasetSpec) -> Mapping[str, int | None]:
    return {"all": spec.segment_length if moving_channels(spec) else None}


PARTS = Need(
    kinds=(Kind.MISSING_SEGMENT,),
    look=lambda spec: {"all": spec.segment_length},
    lacking="recordings do not come as parts of one length",
)
STEPS = Need(
    kinds=(Kind.DISCONTINUOUS_JOIN, Kind.WRONG_ORDER),
    look=_steps,
    lacking="recordings do not come as parts of one length, with channels that have an axis",
)
_FEWEST_TOGETHER = 6
"""Joins that count as broken together though none would alone: too many for chance."""
_LEAST_SHARE_MENDED = 0.5
"""Share of a recording's broken joins that another order must mend, or segments are alike by chance."""


def find_broken_joins(signals: Signals, steps: Steps, settings: AuditSettings) -> Iterator[Finding]:
    """Joins whose step is larger than the steps within segments, and segments that go on in another than the next one.

    A join can be both: broken, with the segment known that would have followed.
    """
    outline, every = signals.outline, range(signals.spec.num_channels)
    if not (STEPS.met(signals.spec) and outline.in_parts):
        return
    broken, joinable = _broken(steps, settings), outline.is_joinable
    begins = outline.starts.tolist()
    for join in np.flatnonzero(broken & joinable).tolist():
        yield Finding(Kind.DISCONTINUOUS_JOIN, Severity.INFO, signals.place(begins[join + 1] - 1), 2, every)
    if broken.any():
        links = _in_time(_followers(steps, broken | ~joinable, settings), broken | ~joinable)
        if len(links) < _LEAST_SHARE_MENDED * broken.sum():
            return
        for index, follower in links:
            end, other = signals.place(begins[index + 1] - 1), signals.place(begins[follower])
            yield Finding(Kind.WRONG_ORDER, Severity.ERROR, end, 2, every, other=other)


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


def find_missing(outlines: Mapping[RecordingKey, Outline], spec: DatasetSpec) -> Iterator[Finding]:
    """Segments that are missing between 1 and the largest number of the set, of every subject and session in it.

    Their activity is that of the recording, or of the session if there is no recording; 0 where it is not one alone.
    """
    numbers = [number for outline in outlines.values() for number in outline.segments]
    expected = np.arange(min(1, *numbers), max(numbers) + 1)
    of_session: defaultdict[int, frozenset[int]] = defaultdict(frozenset)
    for key, outline in outlines.items():
        of_session[key.session] |= outline.activities
    for length in PARTS.met(spec):
        for key in starmap(RecordingKey, product(sorted({key.subject for key in outlines}), sorted(of_session))):
            activities = outlines[key].activities if key in outlines else of_session[key.session]
            activity = max(activities) if len(activities) == 1 else 0
            present = outlines[key].segments if key in outlines else ()
            for index, count in runs(~np.isin(expected, present)):
                place = Place(key, int(expected[index]), 0, activity)
                yield Finding(Kind.MISSING_SEGMENT, Severity.WARNING, place, count * length, range(spec.num_channels))
