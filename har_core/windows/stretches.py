"""Cuts samples into windows: stretches of rows that windows may not leave, and the windows within them.

Rows count from 0 over the segments of one recording, in order. Letters: N windows, T timepoints, C channels, R rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view


def stretches_between(starts: npt.NDArray[np.integer], breaks: npt.NDArray[np.bool_]) -> tuple[range, ...]:
    """The stretches of S segments, as ranges of rows.

    Args:
        starts: (S + 1,) the first row of each segment, and the number of rows.
        breaks: (S - 1,) which joins end a stretch.

    >>> stretches_between(np.array([0, 125, 250, 300]), np.array([False, True]))
    (range(0, 250), range(250, 300))
    """
    ends = [0, *starts[1:-1][breaks].tolist(), int(starts[-1])]
    return tuple(range(first, end) for first, end in pairwise(ends))


def begins_of(stretches: Sequence[range], length: int, stride: int) -> npt.NDArray[np.int64]:
    """First rows (N,) of all windows, ascending: from the start of each stretch on, every ``stride`` rows.

    >>> begins_of([range(125), range(125, 375)], 100, 50).tolist()
    [0, 125, 175, 225, 275]
    """
    of_stretch = [np.arange(stretch.start, stretch.stop - length + 1, stride) for stretch in stretches]
    return np.concatenate([np.empty(0, dtype=np.int64), *of_stretch])


def cut(
    samples: npt.NDArray[np.float32], stretches: Sequence[range], length: int, stride: int, *, at_most: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """The windows that begin at :func:`begins_of`, in that order, at most ``at_most`` of them at a time.

    Args:
        samples: (C, R).
        stretches: what no window leaves.
        length: rows in a window.
        stride: rows from the start of one window to the next.
        at_most: windows that are handed over together.

    Yields:
        First rows (N,), and samples (C, N, T), which are a view where windows follow each other without overlap.
    """
    begins, num_done = begins_of(stretches, length, stride), 0
    for first, num_blocks, block_length in _pieces(stretches, length, stride, at_most):
        blocks = samples[:, first : first + num_blocks * block_length].reshape(len(samples), num_blocks, block_length)
        windows = sliding_window_view(blocks, length, axis=2)[:, :, ::stride]  # (C, blocks, windows, T)
        windows = windows.reshape(len(samples), -1, length)
        yield begins[num_done : num_done + windows.shape[1]], windows
        num_done += windows.shape[1]


def _pieces(stretches: Sequence[range], length: int, stride: int, at_most: int) -> Iterator[tuple[int, int, int]]:
    """First row, blocks, and rows of a block: blocks one after another that are cut alike into windows.

    Stretches of one length that follow each other go together, so that a recording cut segment by segment is one piece.
    """
    for block_length, group in groupby(stretches, key=len):
        alike = list(group)
        num_windows = (block_length - length) // stride + 1
        if block_length < length:
            continue
        if num_windows <= at_most:
            step = at_most // num_windows
            for index in range(0, len(alike), step):
                yield alike[index].start, len(alike[index : index + step]), block_length
        else:
            for stretch in alike:
                for window in range(0, num_windows, at_most):
                    num_here = min(at_most, num_windows - window)
                    yield stretch.start + window * stride, 1, (num_here - 1) * stride + length
