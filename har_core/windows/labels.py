"""The label of a window, from the labels of its rows. Letters: N windows, K activities of the recordings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from har_core.datasets.recordings import Outline

MIXED = -1
"""In place of an activity number: the rows of the window do not agree."""
OTHER = 0
"""In place of an activity number: they agree, and windows of their label are not cut."""


def window_labels(
    outline: Outline,
    begins: npt.NDArray[np.int64],
    length: int,
    numbers: npt.NDArray[np.int8],
    *,
    share: float | None = None,
) -> npt.NDArray[np.int8]:
    """Activity numbers (N,) of windows, :data:`MIXED` or :data:`OTHER`.

    Args:
        outline: of the recording.
        begins: (N,) the first row of each window.
        length: rows of a window.
        numbers: (K + 1,) the activity number in windows of each of those of the recordings, OTHER for what is left out.
        share: the label of more than this share of the rows counts, at least 0.5; None: only one of all rows.

    >>> outline = Outline(segments=(1,), lengths=(6,), labels=((1, 3), (2, 3)))
    >>> window_labels(outline, np.arange(4), 3, np.int8([0, 1, 2])).tolist()
    [1, -1, -1, 2]
    >>> window_labels(outline, np.arange(4), 3, np.int8([0, 1, 0]), share=0.5).tolist()
    [1, 1, 0, 0]
    """
    activities, sizes = np.array(outline.labels, dtype=np.int64).T
    of_runs = numbers[activities]
    labels = np.unique(of_runs)
    if len(labels) == 1:
        return np.full(len(begins), labels[0])
    ends = np.cumsum([0, *sizes])
    # Between the ends of runs, the number of rows so far that have a label grows by one each row, or not at all.
    so_far = [np.cumsum([0, *np.where(of_runs == label, sizes, 0)]) for label in labels]
    held = np.rint([np.interp(begins + length, ends, rows) - np.interp(begins, ends, rows) for rows in so_far])
    most = held.max(axis=0)
    agree = most == length if share is None else most / length > share
    return np.where(agree, labels[held.argmax(axis=0)], np.int8(MIXED))
