"""Two channels, sensors of one place, or places that hold each other's values in a stretch of segments.

Letters: C channels, S segments, J = S - 1 joins, P pairs (channels, sensors, places), W channels on one side of a pair.

In each segment of a recording a pair is either as usual or exchanged. There are two kinds of evidence: at a join where
this changes, both channels jump, each to where the other one was; and in an exchanged segment each channel has the mean
and the deviation that are usual for the other one. Both are log-likelihoods, both must favour an exchange, and dynamic
programming finds the likeliest course over all segments (Viterbi, "Error bounds for convolutional codes", IEEE
Transactions on Information Theory 13(2), 1967). A course may only change where all other channels go on as they were:
after a gap in time a left and a right leg may well have changed places, but then so has the rest of the body.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from har_core.audit.findings import Finding
from har_core.audit.kinds import Kind, Severity
from har_core.audit.needs import Need, moving_channels
from har_core.audit.signals import Signals, Values, runs
from har_core.audit.steps import Steps
from har_core.settings.audit import AuditSettings
from har_core.spec.dataset import DatasetSpec

Costs = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_NOISE = 4.0
"""What a change costs, so that noise makes none, and the most evidence against a course at any one join or segment."""

_Pairs = tuple[Indices, Indices]
"""The two sides (P, W) of pairs."""


def _as_pairs(pairs: Iterable[tuple[Sequence[int], Sequence[int]]], spec: DatasetSpec) -> list[_Pairs]:
    """Pairs by their size, without those beside which nothing moves."""
    of_size = defaultdict(list)
    for pair in pairs:
        of_size[len(pair[0])].append(pair)
    num_moving = len(moving_channels(spec))
    sides = (np.array(alike).transpose(1, 0, 2) for size, alike in of_size.items() if 0 < 2 * size < num_moving)
    return [(ones, others) for ones, others in sides]


def _pairs_of_places(spec: DatasetSpec) -> Mapping[str, list[_Pairs] | None]:
    """Two places that have the same sensors, in the same order."""
    moving = set(moving_channels(spec))
    places = [tuple(channel for channel in own if channel in moving) for own in spec.channels_of_place]
    has = {own: [(spec.channels[channel].sensor, spec.channels[channel].axis) for channel in own] for own in places}
    alike = [(one, other) for one, other in combinations(has, 2) if has[one] == has[other]]
    return {} if spec.segment_length is None else {"all": _as_pairs(alike, spec) or None}


def _pairs_within_places(spec: DatasetSpec) -> Mapping[str, list[_Pairs] | None]:
    """Two sensors of one place, and any two channels that move."""
    if spec.segment_length is None:
        return {"all": None}
    sensors = [(one.axes, other.axes) for one, other in combinations(spec.triads, 2) if one.place == other.place]
    moving = np.array(moving_channels(spec))
    one, other = np.triu_indices(len(moving), 1)
    channels = [(moving[one, None], moving[other, None])] if len(moving) > 2 else []  # noqa: PLR2004 - one beside them
    return {"all": [*_as_pairs(sensors, spec), *channels] or None}


PLACES = Need(
    kinds=(Kind.SWAPPED_CHANNELS,),
    look=_pairs_of_places,
    lacking="of two places: no two have the same sensors, with others beside them",
)
PARTS = Need(
    kinds=(Kind.SWAPPED_CHANNELS,),
    look=_pairs_within_places,
    lacking="in a part of a recording: recordings do not come as parts of one length, with channels that have an axis",
)


def find_swapped_stretches(signals: Signals, steps: Steps, settings: AuditSettings) -> Iterator[Finding]:
    """Stretches of segments in which two places, sensors or channels are exchanged, compared with most segments."""
    outline = signals.outline
    pairs = [pair for need in (PLACES, PARTS) for alike in need.met(signals.spec) for pair in alike]
    if not (pairs and outline.in_parts) or len(outline.segments) < 2:  # noqa: PLR2004 - a change needs two
        return
    jumps = _Jumps(steps)
    levels = _Levels(signals)
    courses = [course for ones, others in pairs for course in _likely_courses(jumps, levels, ones, others, settings)]
    taken: set[int] = set()
    for _, channels, exchanged in sorted(courses, key=lambda course: -course[0]):
        if taken.isdisjoint(channels):  # two exchanged places are no nine pairs of exchanged channels
            taken.update(channels)
            for first, size in runs(exchanged):
                row, end = outline.starts[[first, first + size]].tolist()
                yield Finding(Kind.SWAPPED_CHANNELS, Severity.ERROR, signals.place(row), end - row, channels)


def _likely_courses(
    jumps: _Jumps, levels: _Levels, ones: Indices, others: Indices, settings: AuditSettings
) -> Iterator[tuple[float, list[int], npt.NDArray[np.bool_]]]:
    """Evidence, channels, and (S,) where they are exchanged, of the pairs for which that is likelier than not."""
    stay, change = jumps.costs(ones, others)
    change[jumps.rest_scores(stay, ones) > settings.order_score] = np.inf
    hopeful = np.flatnonzero((stay - change).max(axis=1) >= settings.swap_evidence_of_joins / 2)
    if not len(hopeful):
        return
    ones, others, stay, change = ones[hopeful], others[hopeful], stay[hopeful], change[hopeful]
    usual, crossed = levels.costs(ones, others)
    exchanged, cost = _cheapest(usual, crossed, stay, change + _NOISE)
    evidence = usual.sum(axis=1) + stay.sum(axis=1) - cost
    turns = np.diff(exchanged, axis=1)
    of_joins = np.where(turns, stay - np.where(turns, change, 0.0), 0.0)
    of_levels = np.where(exchanged, usual - crossed, 0.0)
    is_likely = (evidence >= settings.swap_evidence) & (of_joins.sum(axis=1) >= settings.swap_evidence_of_joins)
    # Plenty of evidence at one end would carry the course past the other end, where noise hides the change.
    is_likely &= (of_levels.sum(axis=1) > 0) & (np.hstack([of_joins, of_levels]) > -_NOISE).all(axis=1)
    for index in np.flatnonzero(is_likely):
        yield float(evidence[index]), [*ones[index].tolist(), *others[index].tolist()], exchanged[index]


class _Jumps:
    """The evidence of the joins."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._own = np.log1p(steps.z_squared(slice(None, -1), slice(1, None)))  # (C, J)
        size = steps.after[None, :, 1:] - steps.before[:, None, :-1]  # (C before, C after, J)
        usual = np.maximum(steps.usual, steps.usual.T)[:, :, None]
        shake = np.maximum(steps.shake_before[:, None, :-1], steps.shake_after[None, :, 1:])
        self._crossed = np.log1p(size**2 / (usual**2 + shake**2))

    def costs(self, ones: Indices, others: Indices) -> tuple[Costs, Costs]:
        """(P, J) of each channel going on as itself, and as the other one."""
        stay = (self._own[ones] + self._own[others]).sum(axis=1, dtype=np.float64)
        change = (self._crossed[ones, others] + self._crossed[others, ones]).sum(axis=1, dtype=np.float64)
        return stay, change

    def rest_scores(self, stay: Costs, ones: Indices) -> Costs:
        """(P, J) the scores of the steps of all moving channels outside the pairs."""
        moving = self._own[self._steps.moving]
        return self._steps.standardised((moving.sum(axis=0) - stay) / (len(moving) - 2 * ones.shape[1]))


class _Levels:
    """The evidence of the segments themselves: the mean and the deviation of each channel."""

    def __init__(self, signals: Signals) -> None:
        lengths, rows = signals.outline.lengths, signals.channels
        by_segment = (
            [rows.reshape(len(rows), len(lengths), -1)]  # all at once
            if len(set(lengths)) == 1
            else [own[:, None] for own in np.split(rows, signals.outline.starts[1:-1], axis=1)]
        )
        self._mean = np.concatenate([own.mean(axis=2) for own in by_segment], axis=1)
        self._noise = np.log(np.concatenate([own.std(axis=2) for own in by_segment], axis=1) + np.float32(1e-3))
        self._usual_mean, mean_spread = _median_and_spread(self._mean)
        self._usual_noise, noise_spread = _median_and_spread(self._noise)
        # Where a level hardly varies, a quarter of the channel's own movement is no change, nor are 15 % of it.
        self._mean_spread = mean_spread + np.exp(self._usual_noise) / 4
        self._noise_spread = noise_spread + np.float32(0.15)

    def costs(self, ones: Indices, others: Indices) -> tuple[Costs, Costs]:
        """(P, S) of each channel holding its own values, and the other's."""
        usual = self._cost(ones, ones) + self._cost(others, others)
        return usual, self._cost(ones, others) + self._cost(others, ones)

    def _cost(self, channels: Indices, found_in: Indices) -> Costs:
        mean = (self._mean[found_in] - self._usual_mean[channels]) / self._mean_spread[channels]
        noise = (self._noise[found_in] - self._usual_noise[channels]) / self._noise_spread[channels]
        return np.asarray((np.log1p(mean**2) + np.log1p(noise**2)).sum(axis=1, dtype=np.float64))


def _median_and_spread(values: Values) -> tuple[Values, Values]:
    """(C, 1) each: the median over segments, and the deviation of a normal distribution with the same quartiles."""
    median = np.median(values, axis=1, keepdims=True)
    return median, np.median(np.abs(values - median), axis=1, keepdims=True) * np.float32(1.4826)


def _cheapest(usual: Costs, crossed: Costs, stay: Costs, change: Costs) -> tuple[npt.NDArray[np.bool_], Costs]:
    """(P, S) the cheapest course, True where exchanged, and its cost (P,).

    ``usual`` and ``crossed`` (P, S) are the costs of a segment that is as usual or exchanged, ``stay`` and ``change``
    (P, J) those of not changing or changing at a join.
    """
    num_segments = usual.shape[1]
    cost = np.stack([usual[:, 0], crossed[:, 0]])
    came_over = np.zeros((num_segments, 2, len(usual)), dtype=np.bool_)
    for segment in range(1, num_segments):
        along, over = cost + stay[:, segment - 1], cost[::-1] + change[:, segment - 1]
        came_over[segment] = over < along
        cost = np.minimum(along, over) + np.stack([usual[:, segment], crossed[:, segment]])
    course = np.zeros(usual.shape, dtype=np.bool_)
    course[:, -1] = cost[1] < cost[0]
    for segment in range(num_segments - 1, 0, -1):
        here = course[:, segment]
        course[:, segment - 1] = here ^ came_over[segment, here.astype(np.int64), np.arange(len(here))]
    return course, cost.min(axis=0)
