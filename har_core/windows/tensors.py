"""Tables of windows as tensors, ready to be indexed in batches.

Letters: N windows, T timepoints, C channels, M = N * T samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from har_core.base.ahead import ahead
from har_core.base.memory import freed_memory_kept
from har_core.spec.dataset import DatasetSpec
from har_core.windows.dataset import open_windows, spec_of
from har_core.windows.schema import KEY_COLUMNS, NAMED_COLUMNS, channels_of, length_of
from har_core.windows.store import SampleStore, in_memory


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowTensors:
    """All windows of one file."""

    spec: DatasetSpec
    """The description of the windows: what their channels and class ids are."""
    keys: pa.Table
    """N rows: subject, session, segment, start."""
    windows: Tensor
    """float32 (N, T, C), contiguous; in sensor units, or normalised where the file is. Not to be written to: it may lie
    in a file that is mapped (:class:`~har_core.windows.store.SampleStore`)."""
    labels: Tensor
    """Class ids, int64 (N,): activity number - 1."""
    damaged: Tensor
    """bool (N,): touches a run of rows that the audit found damaged."""
    duplicate_groups: Tensor
    """int32 (N,): windows linked by rows that occur twice share a number; -1 where there are none."""


def read_tensors(path: Path, store: SampleStore | None = None) -> WindowTensors:
    """Read a table of windows, raw or normalised, row group by row group.

    The samples go into ``store``; where it is absent into memory, whatever their size.

    Raises:
        InputError: the file is missing, damaged, or no table of windows.
        StorageError: the store has no room.
    """
    with open_windows(path) as file:
        empty, spec = in_memory if store is None else store.empty, spec_of(file)
        windows = empty(file.metadata.num_rows, length_of(file.schema_arrow), spec.num_channels)
        named = [_named(file.schema_arrow.empty_table())]  # a split may have no validation windows
        start = 0
        with freed_memory_kept():
            for rows in ahead(file.read_row_group, range(file.num_row_groups)):
                named.append(_named(rows))
                stop = start + rows.num_rows
                windows[start:stop].view(-1, spec.num_channels).copy_(torch.from_numpy(channels_of(rows)).T)
                start = stop
    return tensors_of(pa.concat_tables(named), windows, spec)


def read_keys(path: Path) -> pa.Table:
    """The keys alone: subject, session, segment, start.

    Raises:
        InputError: the file is missing, damaged, or no table of windows.
    """
    with open_windows(path) as file:
        return file.read(columns=list(KEY_COLUMNS)).combine_chunks()


def count_by_subject_and_activity(path: Path) -> pa.Table:
    """``num_windows`` of each ``subject`` and ``activity`` number of a table of windows, ascending.

    Raises:
        InputError: the file is missing, damaged, or no table of windows.
    """
    by = ["subject", "activity"]
    with open_windows(path) as file:
        counts = file.read(columns=by).group_by(by).aggregate([([], "count_all")])
    return counts.rename_columns([*by, "num_windows"]).sort_by([(name, "ascending") for name in by])


def rows_of(keys: pa.Table, among: pa.Table) -> npt.NDArray[np.int64] | None:
    """The row of each of ``keys`` in ``among``, ascending; None where one is not there."""
    rows = {key: row for row, key in enumerate(_tuples(among))}
    found = [rows.get(key) for key in _tuples(keys)]
    return None if None in found else np.sort(np.array(found, dtype=np.int64))


def _tuples(keys: pa.Table) -> Iterator[tuple[int, ...]]:
    return zip(*(keys[name].to_pylist() for name in KEY_COLUMNS), strict=True)


def _named(rows: pa.Table) -> pa.Table:
    return rows.select(NAMED_COLUMNS)


def tensors_of(named: pa.Table, windows: Tensor, spec: DatasetSpec) -> WindowTensors:
    """Windows, float32 (N, T, C), with what N rows of NAMED_COLUMNS say of them."""
    table = named.combine_chunks()
    return WindowTensors(
        spec=spec,
        keys=table.select(KEY_COLUMNS),
        windows=windows,
        labels=torch.from_numpy(table["activity"].to_numpy().astype("int64") - 1),
        damaged=torch.from_numpy(table["damaged"].to_numpy(zero_copy_only=False).copy()),
        duplicate_groups=torch.from_numpy(table["duplicate_group"].to_numpy().copy()),
    )
