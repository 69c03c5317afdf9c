"""Where windows begin: stretches of rows that windows may not leave, and the pieces in which they are cut.

Rows count from 0 over the segments of one recording, in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from har_core.datasets.dsads.layout import SEGMENT_LENGTH


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows ``first`` to before ``stop`` of a recording, whole segments."""

    first: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.first


@dataclass(frozen=True, slots=True)
class Piece:
    """Blocks of ``block_length`` rows each, one after another from row ``first`` on, each cut into windows alike."""

    first: int
    num_blocks: int
    block_length: int


def stretches_between(breaks: npt.NDArray[np.bool_]) -> tuple[Stretch, ...]:
    """The stretches of S segments, where ``breaks`` (S - 1,) says which joins end one.

    >>> stretches_between(np.array([False, True]))
    (Stretch(first=0, stop=250), Stretch(first=250, stop=375))
    """
    ends = [*(np.flatnonzero(breaks) + 1).tolist(), len(breaks) + 1]
    firsts = [0, *ends[:-1]]
    return tuple(Stretch(first * SEGMENT_LENGTH, end * SEGMENT_LENGTH) for first, end in zip(firsts, ends, strict=True))


def begins_of(stretches: Sequence[Stretch], length: int, stride: int) -> npt.NDArray[np.int64]:
    """First rows (N,) of all windows, ascending: from the start of each stretch on, every ``stride`` rows.

    >>> begins_of([Stretch(0, 125), Stretch(125, 375)], 100, 50).tolist()
    [0, 125, 175, 225, 275]
    """
    of_stretch = [np.arange(stretch.first, stretch.stop - length + 1, stride) for stretch in stretches]
    return np.concatenate([np.empty(0, dtype=np.int64), *of_stretch])


def pieces_of(stretches: Sequence[Stretch], length: int, stride: int, *, at_most: int) -> Iterator[Piece]:
    """All windows of :func:`begins_of` in the same order, at most ``at_most`` of them in a piece.

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
                yield Piece(alike[index].first, len(alike[index : index + step]), block_length)
        else:
            for stretch in alike:
                for window in range(0, num_windows, at_most):
                    num_here = min(at_most, num_windows - window)
                    yield Piece(stretch.first + window * stride, 1, (num_here - 1) * stride + length)
