"""Windows by role as they pass from a file of windows to a split: row group by row group, raw and then normalised.

Where they go is the business of :mod:`har_core.splits.build`. Letters: N windows, C channels, M samples of all windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from har_core.base.ahead import ahead
from har_core.base.checks import Check
from har_core.base.progress import Progress, silent
from har_core.splits.normalization import Moments, Statistics, apply
from har_core.splits.roles import ROLES, UNUSED
from har_core.windows.schema import KEY_COLUMNS, NAMED_COLUMNS, channel_columns, channels_of, length_of

TOLERANCE = 1e-3
"""How far mean and deviation of a normalised training channel may be from 0 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The windows of one role in one row group."""

    role: str
    named: dict[str, npt.NDArray[np.generic]]
    """(N,) for each of NAMED_COLUMNS."""
    samples: npt.NDArray[np.float32]
    """(C, M), in sensor units or normalised."""

    def __len__(self) -> int:
        return len(self.named[KEY_COLUMNS[0]])


def read_named(file: pq.ParquetFile) -> pa.Table:
    """Keys, labels and flags of all windows of a file, in its order."""
    return file.read(columns=list(NAMED_COLUMNS))


def parts_of(file: pq.ParquetFile, roles: npt.NDArray[np.int8], wanted: Iterable[str] = ROLES) -> Iterator[Part]:
    """The windows of the ``wanted`` roles, raw; row groups without any are not read.

    ``roles`` (N,) are an index into ROLES for each window of the file, or UNUSED.
    """
    length = length_of(file.schema_arrow)
    sizes = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
    by_group = np.split(roles, np.cumsum(sizes)[:-1])
    wanted_here = [[role for role in wanted if (own == ROLES.index(role)).any()] for own in by_group]
    chosen = [index for index, names in enumerate(wanted_here) if names]

    def read(index: int) -> tuple[int, pa.Table, npt.NDArray[np.float32]]:
        rows = file.read_row_group(index)
        return index, rows, channels_of(rows)

    for index, rows, channels in ahead(read, chosen):
        samples = channels.reshape(len(channels), sizes[index], length)
        for role in wanted_here[index]:
            mask = by_group[index] == ROLES.index(role)
            named = {name: rows[name].to_numpy()[mask] for name in NAMED_COLUMNS}
            # Most row groups hold windows of one role alone: no copy for those.
            own = samples if mask.all() else samples[:, mask]
            yield Part(role=role, named=named, samples=own.reshape(len(channels), -1))


def training_samples(
    file: pq.ParquetFile, roles: npt.NDArray[np.int8], progress: Progress = silent
) -> Iterator[npt.NDArray[np.float32]]:
    """Blocks (C, M) of training samples, to take statistics of."""
    num_done, num_total = 0, int((roles == ROLES.index("training")).sum())
    for part in parts_of(file, roles, wanted=["training"]):
        yield part.samples
        num_done += len(part)
        progress("training windows measured", num_done, num_total)


class CheckedParts:
    """The windows of all roles as they are iterated over, normalised or raw; afterwards it knows what holds of them."""

    def __init__(
        self,
        file: pq.ParquetFile,
        roles: npt.NDArray[np.int8],
        statistics: Statistics | None,
        progress: Progress = silent,
    ) -> None:
        """``statistics`` normalise the windows; None leaves them in sensor units."""
        self.roles, self.length = roles, length_of(file.schema_arrow)
        self._file, self._statistics, self._progress = file, statistics, progress
        self._channels = channel_columns(file.schema_arrow)
        self._training = Moments(len(self._channels))
        self._num_not_finite = 0
        self._first_not_finite = ""

    def __iter__(self) -> Iterator[Part]:
        num_done, num_total = 0, int((self.roles != UNUSED).sum())
        for raw in parts_of(self._file, self.roles):
            part = raw if self._statistics is None else replace(raw, samples=apply(self._statistics, raw.samples))
            self._look_at(part)
            yield part
            num_done += len(part)
            self._progress("windows normalised", num_done, num_total)

    def checks(self) -> tuple[Check, ...]:
        """What holds of all values seen; of raw windows only whether they are finite."""
        finite = Check(
            name="every_value_is_finite",
            passed=self._num_not_finite == 0,
            detail=f"{self._num_not_finite} values that are NaN or infinite{self._first_not_finite}",
            expected="finite values alone",
            numbers={"num_values_not_finite": self._num_not_finite},
        )
        if self._statistics is None:
            return (finite,)
        varies = ~np.isin(self._channels, self._statistics.constant)
        means = np.abs(self._training.mean)
        deviations = np.abs(self._training.standard_deviation - 1) * varies
        constant = f"; constant: {', '.join(self._statistics.constant)}" if self._statistics.constant else ""
        # "not any above", rather than "all below", would let NaN pass
        return (
            Check(
                name="training_means_are_0",
                passed=bool((means <= TOLERANCE).all()),
                detail=self._worst("mean", means),
                expected=f"means of the normalised training channels within {TOLERANCE:g} of 0",
                numbers={"largest_mean": float(means.max()), "tolerance": TOLERANCE},
            ),
            Check(
                name="training_deviations_are_1",
                passed=bool((deviations <= TOLERANCE).all()),
                detail=self._worst("deviation", deviations) + constant,
                expected=f"deviations of the normalised training channels within {TOLERANCE:g} of 1, "
                "but of constant ones",
                numbers={"largest_deviation_from_1": float(deviations.max()), "tolerance": TOLERANCE},
            ),
            finite,
        )

    def _look_at(self, part: Part) -> None:
        if not np.isfinite(part.samples).all():
            not_finite = ~np.isfinite(part.samples)
            self._num_not_finite += int(not_finite.sum())
            self._first_not_finite = self._first_not_finite or self._first_place(part, not_finite)
        if part.role == "training" and self._statistics is not None:
            self._training.update(part.samples)

    def _first_place(self, part: Part, wrong: npt.NDArray[np.bool_]) -> str:
        channel, window, _ = np.argwhere(wrong.reshape(len(wrong), len(part), -1))[0]
        key = ", ".join(f"{name} {part.named[name][window]}" for name in KEY_COLUMNS)
        return f", first in {self._channels[channel]} of {key}"

    def _worst(self, what: str, errors: npt.NDArray[np.float64]) -> str:
        worst = int(np.argmax(errors))  # NaN counts as the largest
        return f"the {what} of {self._channels[worst]} is off by {errors[worst]:.2g}, the others by less"
