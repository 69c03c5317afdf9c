"""Predictions as Parquet: enough to compute any later statistic without training again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from har_core.base.errors import InputError
from har_core.base.files import atomic_path
from har_core.datasets.dsads.layout import NUM_ACTIVITIES
from har_core.windows.schema import KEY_COLUMNS, window_schema

_PROBABILITIES = pa.list_(pa.field("item", pa.float32(), nullable=False), NUM_ACTIVITIES)

PREDICTIONS_SCHEMA = pa.schema(
    [
        *(window_schema(1).field(name) for name in KEY_COLUMNS),
        pa.field("label", pa.int8(), nullable=False, metadata={"description": "true class id, 0 to 18"}),
        pa.field(
            "probabilities",
            _PROBABILITIES,
            nullable=False,
            metadata={"description": "of each activity, in the order of class ids"},
        ),
        pa.field("role", pa.string(), nullable=False, metadata={"description": "validation or test"}),
        pa.field("seed", pa.int64(), nullable=False, metadata={"description": "seed of the training"}),
    ]
)
"""The key of a window, what it is, and what a model made of it."""


def tabulate_predictions(
    keys: pa.Table, labels: npt.NDArray[np.integer], probabilities: npt.NDArray[np.floating], *, role: str, seed: int
) -> pa.Table:
    """One row a window, in :data:`PREDICTIONS_SCHEMA`.

    Args:
        keys: table of N rows with the columns of :data:`~har_core.windows.schema.KEY_COLUMNS`.
        labels: (N,) class ids.
        probabilities: (N, 19) floats.
        role: the part of the split the windows stand in.
        seed: seed of the training.

    Raises:
        InputError: the lengths differ, or the probabilities are not (N, 19).
    """
    num_windows = keys.num_rows
    if labels.shape != (num_windows,) or probabilities.shape != (num_windows, NUM_ACTIVITIES):
        raise InputError(
            f"labels have shape {labels.shape} and probabilities {probabilities.shape}, "
            f"expected ({num_windows},) and ({num_windows}, {NUM_ACTIVITIES}) for {num_windows} window keys"
        )
    flat = pa.array(np.ascontiguousarray(probabilities, dtype=np.float32).reshape(-1))
    columns = [
        *(keys[name].cast(PREDICTIONS_SCHEMA.field(name).type) for name in KEY_COLUMNS),
        pa.array(np.asarray(labels, dtype=np.int8)),
        pa.FixedSizeListArray.from_arrays(flat, type=_PROBABILITIES),
        pa.repeat(role, num_windows),
        pa.repeat(pa.scalar(seed, pa.int64()), num_windows),
    ]
    return pa.table(columns, schema=PREDICTIONS_SCHEMA)


def write_predictions(path: Path, tables: Iterable[pa.Table]) -> None:
    """Write tables in :data:`PREDICTIONS_SCHEMA` as one Parquet file, whole or not at all."""
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, PREDICTIONS_SCHEMA, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)


def read_predictions(path: Path) -> pa.Table:
    """Read what :func:`write_predictions` wrote.

    Raises:
        InputError: the file is missing, no Parquet, or has other columns.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: no readable predictions ({error})") from error
    if not table.schema.equals(PREDICTIONS_SCHEMA):
        raise InputError(f"{path}: has the columns {table.schema.names}, expected {PREDICTIONS_SCHEMA.names}")
    return table


def probabilities_of(table: pa.Table) -> npt.NDArray[np.float32]:
    """The probabilities of a table of predictions as one (N, 19) float32 array."""
    column = table["probabilities"].combine_chunks()
    flat: npt.NDArray[np.float32] = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, NUM_ACTIVITIES)
