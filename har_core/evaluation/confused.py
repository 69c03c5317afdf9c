"""Which activities all models together take for each other, with windows that show it.

Letters: T samples in a window.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from har_core.inference.predictions import probabilities_of
from har_core.spec.dataset import DatasetSpec
from har_core.windows.schema import KEY_COLUMNS

_NUM_PAIRS = 3
_MOST_TRACES = 6


class WindowKey(NamedTuple):
    """Names one window."""

    subject: int
    session: int
    segment: int
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One window, and what models took it for."""

    key: WindowKey
    activity: int
    """Its class id."""
    num_agreeing: int
    """Answers that say what the window stands for here."""
    num_answers: int
    """One of each training that tested it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confused:
    """Two activities that are taken for each other."""

    actual: int
    """Class id of the one that is mistaken more often."""
    taken: int
    """Class id of what it is taken for."""
    num_wrong: int
    """Answers that take one for the other, either way."""
    num_answers: int
    """To windows of both."""
    wrong: Shown
    """A window of ``actual`` that most answers take for ``taken``."""
    right: Shown | None
    """One of ``actual`` that most answers take for what it is, of the same subject where there is one."""
    other: Shown | None
    """One of ``taken`` that most answers take for what it is, of the same subject where there is one."""

    @property
    def shown(self) -> tuple[Shown, ...]:
        """The windows that there are."""
        return tuple(own for own in (self.wrong, self.right, self.other) if own is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What sensors measured in a few windows."""

    sensors: tuple[str, ...]
    """``torso acc``: the length of the vector of three axes; ``wrist_x``: a single channel."""
    unit: str
    """Of the first of them."""
    samples: Mapping[WindowKey, tuple[npt.NDArray[np.float32], ...]]
    """(T,) of each sensor, by window."""
    of_vectors: bool
    """Whether these are lengths of vectors."""


@dataclass(slots=True)
class Answers:
    """What every training took every test window for."""

    _tables: list[pl.DataFrame] = field(default_factory=list)

    def add(self, predictions: pa.Table) -> None:
        """Count the undamaged test windows of ``predictions``; those of several seeds count for each of them."""
        chosen = pc.and_(pc.equal(predictions["role"], "test"), pc.invert(predictions["damaged"]))
        tested = predictions.filter(chosen)
        frame = pl.DataFrame({name: tested[name].to_numpy() for name in (*KEY_COLUMNS, "label")})
        taken = probabilities_of(tested).argmax(axis=1).astype(np.int8)
        self._tables.append(frame.with_columns(pl.Series("taken", taken)))

    def most_confused(self) -> tuple[Confused, ...]:
        """The pairs with the most wrong answers, at most three, the most first."""
        if not self._tables:
            return ()
        answers = pl.concat(self._tables).group_by(*KEY_COLUMNS, "label", "taken").len("answers")
        every = answers.with_columns(pl.col("answers").sum().over(*KEY_COLUMNS).alias("num_answers"))
        wrong = every.filter(pl.col("label") != pl.col("taken")).group_by("label", "taken").agg(pl.sum("answers"))
        counts = {(own, other): int(count) for own, other, count in wrong.iter_rows()}
        pairs = {(min(pair), max(pair)) for pair in counts}
        both = {pair: counts.get(pair, 0) + counts.get(pair[::-1], 0) for pair in pairs}
        order = sorted(both, key=lambda pair: (-both[pair], pair))[:_NUM_PAIRS]
        return tuple(
            _confused(every, max(pair, pair[::-1], key=lambda own: counts.get(own, 0)), both[pair]) for pair in order
        )


def _confused(answers: pl.DataFrame, pair: tuple[int, int], num_wrong: int) -> Confused:
    actual, taken = pair
    wrong = _most(answers, actual, taken, None)
    assert wrong is not None, "the pair was counted"  # noqa: S101
    return Confused(
        actual=actual,
        taken=taken,
        num_wrong=num_wrong,
        num_answers=int(answers.filter(pl.col("label").is_in(pair))["answers"].sum()),
        wrong=wrong,
        right=_most(answers, actual, actual, wrong.key.subject),
        other=_most(answers, taken, taken, wrong.key.subject),
    )


def _most(answers: pl.DataFrame, activity: int, taken: int, subject: int | None) -> Shown | None:
    """The window of ``activity`` that the largest share of answers takes for ``taken``, of ``subject`` if possible."""
    found = answers.filter((pl.col("label") == activity) & (pl.col("taken") == taken))
    own = found.filter(pl.col("subject") == subject) if subject is not None else found
    found = own if len(own) else found
    if not len(found):
        return None
    share = pl.col("answers") / pl.col("num_answers")
    row = found.sort(share, "answers", *KEY_COLUMNS, descending=[True, True, *[False] * len(KEY_COLUMNS)]).row(
        0, named=True
    )
    key = WindowKey(*(row[name] for name in KEY_COLUMNS))
    return Shown(key=key, activity=activity, num_agreeing=row["answers"], num_answers=row["num_answers"])


def read_traces(confused: Iterable[Confused], windows: Path, spec: DatasetSpec) -> Traces:
    """What the sensors of the first kind that has three axes measured, at most six, in the windows of ``confused``.

    Single channels where no sensor has three axes. ``windows`` is a table of windows; what it does not hold has no
    samples, and one of another data set holds none.

    Raises:
        InputError: the file does not say what its windows are of.
    """
    kinds = [triad.kind for triad in spec.triads]
    chosen: list[tuple[int, ...]] = [triad.axes for triad in spec.triads if triad.kind == kinds[0]]
    chosen = (chosen or [(index,) for index in range(spec.num_channels)])[:_MOST_TRACES]
    keys = {shown.key for pair in confused for shown in pair.shown}
    found = DatasetSpec.from_metadata(pq.read_schema(windows).metadata, where=str(windows))
    return Traces(
        sensors=tuple(_words(spec, axes) for axes in chosen),
        unit=spec.channels[chosen[0][0]].unit,
        of_vectors=bool(spec.triads),
        samples=_samples(windows, keys, chosen, spec) if found.version == spec.version else {},
    )


def _samples(
    windows: Path, keys: Iterable[WindowKey], chosen: Sequence[Sequence[int]], spec: DatasetSpec
) -> dict[WindowKey, tuple[npt.NDArray[np.float32], ...]]:
    names = list(dict.fromkeys(spec.channel_names[index] for axes in chosen for index in axes))
    is_shown = reduce(operator.or_, (_is(key) for key in keys), pc.scalar(False))
    rows = pq.read_table(windows, columns=[*KEY_COLUMNS, *names], filters=is_shown)
    values = {name: [np.array(window, np.float32) for window in rows[name].to_pylist()] for name in names}
    found = zip(*(rows[name].to_pylist() for name in KEY_COLUMNS), strict=True)
    return {
        WindowKey(*key): tuple(_length([values[spec.channel_names[index]][row] for index in axes]) for axes in chosen)
        for row, key in enumerate(found)
    }


def _is(key: WindowKey) -> pc.Expression:
    return reduce(operator.and_, (pc.field(name) == value for name, value in zip(KEY_COLUMNS, key, strict=True)))


def _length(axes: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Of the vector of several axes; a single channel as it is."""
    return axes[0] if len(axes) == 1 else np.sqrt(np.sum(np.square(axes), axis=0))


def _words(spec: DatasetSpec, axes: Sequence[int]) -> str:
    first = spec.channels[axes[0]]
    return first.name if len(axes) == 1 else f"{spec.words_of_place(first.place)} {first.sensor}"
