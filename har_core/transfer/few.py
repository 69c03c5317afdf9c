"""Which windows of a person a model is fitted on to, and which then show what that gained.

A wearer shows each activity once, at the beginning; what they do later is recognised. So the windows to learn from are
the first ones of each activity, in the order of sessions and time, and all that come later are tested. Windows drawn at
random would stand beside the tested ones in time, and flatter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from har_core.splits.roles import Grid, close_to, positions_of
from har_core.windows.schema import NO_GROUP
from har_core.windows.tensors import WindowTensors

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """The windows of one subject, as rows of those that they are chosen from."""

    subject: int
    learnt: dict[int, Rows]
    """By how many of each activity: those to learn from, in time. Each holds the ones before it."""
    tested: Rows
    """Those that share nothing with any to learn from. They are the same for every number."""


def people(windows: WindowTensors, numbers: Sequence[int], *, activities: Collection[int]) -> Iterator[Person]:
    """Each subject of ``windows``, with their first windows of each activity to learn from, and what comes later.

    Nothing is learnt from damaged windows. Where a subject has few windows of an activity, at most half of them are
    learnt from. Windows leave that share samples or copied rows with one to learn from, or come before the last of
    them.

    Args:
        windows: in the order of their keys.
        numbers: windows of each activity to learn from, each at least 1.
        activities: class ids that the model knows; nothing is learnt of others.
    """
    subject, labels = windows.keys["subject"].to_numpy(), windows.labels.numpy()
    sound = ~windows.damaged.numpy()
    groups = windows.duplicate_groups.numpy()
    grid = Grid(windows.windows.shape[1], windows.spec.segment_length)
    positions = positions_of(windows.keys, grid)
    for number in np.unique(subject):
        pools, later = [], []
        for activity in np.unique(labels[subject == number]):
            own = np.flatnonzero((subject == number) & (labels == activity))
            to_learn = own[sound[own]] if activity in activities else own[:0]
            pool = to_learn[: min(max(numbers), len(own) // 2)]
            pools.append(pool)
            later.append(own[own > pool[-1]] if len(pool) else own)
        learnt = {k: np.sort(np.concatenate([pool[:k] for pool in pools])) for k in sorted(numbers)}
        taken, rest = learnt[max(numbers)], np.sort(np.concatenate(later))
        shares = close_to(positions[rest], positions[taken], grid.length)
        shares |= (groups[rest] != NO_GROUP) & np.isin(groups[rest], groups[taken])
        yield Person(int(number), learnt, rest[~shares])
