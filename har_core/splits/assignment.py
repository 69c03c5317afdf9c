"""The role of each window in a fold, before copies and damage remove any (:mod:`har_core.splits.roles`)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.splits.protocols import NUM_LEAKY_FOLDS, Fold
from har_core.splits.roles import ROLES, roles_of_windows

LEAKY_SEED = 0
"""Of the drawing of segments, so that every architecture meets the same folds."""


def assign_roles(fold: Fold, keys: pa.Table) -> npt.NDArray[np.int8]:
    """The role of each window in a fold, before anything leaves it.

    ``leaky`` draws whole segments (those of the windows' first samples) at random, each activity spread evenly over the
    folds: fold k tests one fifth of the segments, the next fifth validates, the rest trains.

    Args:
        fold: of :func:`folds`, for the subjects in ``keys``.
        keys: N rows with :data:`~har_core.windows.schema.KEY_COLUMNS`, in any order.

    Returns:
        int8 (N,): an index into :data:`~har_core.splits.roles.ROLES`, or UNUSED.

    Raises:
        InputError: the fold names a subject in two roles.
    """
    if fold.subjects_apart:
        return roles_of_windows(keys, dict(zip(ROLES, (fold.training, fold.validation, fold.test), strict=True)))
    parts = _leaky_parts(keys)
    roles = np.full(len(parts), ROLES.index("training"), dtype=np.int8)
    roles[parts == (fold.index + 1) % NUM_LEAKY_FOLDS] = ROLES.index("validation")
    roles[parts == fold.index] = ROLES.index("test")
    return roles


def _leaky_parts(keys: pa.Table) -> npt.NDArray[np.int64]:
    """The fifth (N,), 0 to 4, that the segment of each window was drawn into."""
    columns = [keys[name].to_numpy().astype(np.int64) for name in ("activity", "subject", "segment")]
    segments, of_window = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    generator = np.random.default_rng(LEAKY_SEED)
    parts = np.empty(len(segments), dtype=np.int64)
    num_dealt = 0
    for activity in np.unique(segments[:, 0]):
        own = np.flatnonzero(segments[:, 0] == activity)
        # Dealing goes on where the last activity stopped, or the first fifths would get every remainder.
        parts[generator.permutation(own)] = (num_dealt + np.arange(len(own))) % NUM_LEAKY_FOLDS
        num_dealt += len(own)
    dealt: npt.NDArray[np.int64] = parts[of_window.reshape(-1)]
    return dealt
