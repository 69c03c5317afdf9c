"""Predictions as Parquet: enough to compute any later statistic without training again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from har_core.base.errors import InputError
from har_core.base.files import atomic_path
from har_core.datasets.dsads.layout import NUM_ACTIVITIES
from har_core.windows.schema import KEY_COLUMNS, window_schema
from har_core.windows.tensors import WindowTensors

_PROBABILITIES = pa.list_(pa.field("item", pa.float32(), nullable=False), NUM_ACTIVITIES)

PREDICTIONS_SCHEMA = pa.schema(
    [
        *(window_schema(1).field(name) for name in KEY_COLUMNS),
        pa.field("label", pa.int8(), nullable=False, metadata={"description": "true class id, 0 to 18"}),
        window_schema(1).field("damaged"),
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
    windows: WindowTensors, probabilities: npt.NDArray[np.floating], *, role: str, seed: int
) -> pa.Table:
    """One row a window, in :data:`PREDICTIONS_SCHEMA`, of ``probabilities`` (N, 19); samples are not looked at.

    Raises:
        InputError: the probabilities are not (N, 19).
    """
    num_windows = windows.keys.num_rows
    if probabilities.shape != (num_windows, NUM_ACTIVITIES):
        raise InputError(
            f"probabilities have shape {probabilities.shape}, expected {(num_windows, NUM_ACTIVITIES)}: a row a window"
        )
    columns = [
        *(windows.keys[name].cast(PREDICTIONS_SCHEMA.field(name).type) for name in KEY_COLUMNS),
        pa.array(windows.labels.numpy().astype(np.int8)),
        pa.array(windows.damaged.numpy()),
        column_of(probabilities),
        pa.repeat(role, num_windows),
        pa.repeat(pa.scalar(seed, pa.int64()), num_windows),
    ]
    return pa.table(columns, schema=PREDICTIONS_SCHEMA)


def column_of(probabilities: npt.NDArray[np.floating]) -> pa.Array:
    """Probabilities (N, 19) as the column of :data:`PREDICTIONS_SCHEMA`; :func:`probabilities_of` reads it."""
    flat = np.ascontiguousarray(probabilities, dtype=np.float32).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), type=_PROBABILITIES)


def write_predictions(path: Path, predictions: pa.Table) -> None:
    """Write a table in :data:`PREDICTIONS_SCHEMA` as Parquet, whole or not at all."""
    with atomic_path(path) as temporary:
        pq.write_table(predictions, temporary, compression="zstd")


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
