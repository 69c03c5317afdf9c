"""Predictions as Parquet: enough to compute any later statistic without training again.

Letters: N windows, K activities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from har_core.base.errors import InputError
from har_core.base.files import atomic_path
from har_core.spec.dataset import DatasetSpec
from har_core.windows.schema import KEY_COLUMNS, window_schema
from har_core.windows.tensors import WindowTensors

_LEARNT = "har.learnt"
"""Where the metadata holds the class ids that there were training windows of."""


def predictions_schema(spec: DatasetSpec, learnt: Iterable[int] | None = None) -> pa.Schema:
    """The key of a window, what it is, and what a model made of it; the metadata tells ``spec`` and ``learnt``.

    ``learnt`` are the class ids that there were training windows of; all of them if absent.
    """
    of_windows, num_activities = window_schema(spec, 1), spec.num_activities
    known = range(num_activities) if learnt is None else learnt
    label = {"description": f"true class id, 0 to {num_activities - 1}"}
    probabilities = {"description": "of each activity, in the order of class ids"}
    return pa.schema(
        [
            *(of_windows.field(name) for name in KEY_COLUMNS),
            pa.field("label", pa.int8(), nullable=False, metadata=label),
            of_windows.field("damaged"),
            pa.field("probabilities", _probabilities(num_activities), nullable=False, metadata=probabilities),
            pa.field("role", pa.string(), nullable=False, metadata={"description": "validation or test"}),
            pa.field("seed", pa.int64(), nullable=False, metadata={"description": "seed of the training"}),
        ],
        metadata=spec.to_metadata() | {_LEARNT: " ".join(map(str, known))},
    )


def tabulate_predictions(
    windows: WindowTensors,
    probabilities: npt.NDArray[np.floating],
    *,
    role: str,
    seed: int,
    learnt: Iterable[int] | None = None,
) -> pa.Table:
    """One row a window, in :func:`predictions_schema`, of ``probabilities`` (N, K); samples are not looked at.

    Raises:
        InputError: the probabilities are not (N, K).
    """
    expected = (windows.keys.num_rows, windows.spec.num_activities)
    if probabilities.shape != expected:
        raise InputError(f"probabilities have shape {probabilities.shape}, expected {expected}: a row a window")
    schema = predictions_schema(windows.spec, learnt)
    columns = [
        *(windows.keys[name].cast(schema.field(name).type) for name in KEY_COLUMNS),
        pa.array(windows.labels.numpy().astype(np.int8)),
        pa.array(windows.damaged.numpy()),
        column_of(probabilities),
        pa.repeat(role, len(probabilities)),
        pa.repeat(pa.scalar(seed, pa.int64()), len(probabilities)),
    ]
    return pa.table(columns, schema=schema)


def column_of(probabilities: npt.NDArray[np.floating]) -> pa.Array:
    """Probabilities (N, K) as the column of :func:`predictions_schema`; :func:`probabilities_of` reads it."""
    flat = np.ascontiguousarray(probabilities, dtype=np.float32).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), type=_probabilities(probabilities.shape[1]))


def write_predictions(path: Path, predictions: pa.Table) -> None:
    """Write a table in :func:`predictions_schema` as Parquet, whole or not at all."""
    with atomic_path(path) as temporary:
        pq.write_table(predictions, temporary, compression="zstd")


def read_predictions(path: Path, schema_of: Callable[[DatasetSpec], pa.Schema] = predictions_schema) -> pa.Table:
    """Read what :func:`write_predictions` wrote, in :func:`predictions_schema` or in another one that begins with it.

    Raises:
        InputError: the file is missing, no Parquet, says of no data set what it predicts, or has other columns.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: no readable predictions ({error})") from error
    expected = schema_of(DatasetSpec.from_metadata(table.schema.metadata, where=str(path)))
    if not table.schema.equals(expected):
        raise InputError(f"{path}: has the columns {table.schema.names}, expected {expected.names}")
    return table


def spec_of(table: pa.Table) -> DatasetSpec:
    """What the predicted windows are of.

    Raises:
        InputError: the table does not say it.
    """
    return DatasetSpec.from_metadata(table.schema.metadata, where="predictions")


def learnt_of(table: pa.Table) -> tuple[int, ...]:
    """The class ids that there were training windows of."""
    return tuple(map(int, table.schema.metadata[_LEARNT.encode()].split()))


def probabilities_of(table: pa.Table) -> npt.NDArray[np.float32]:
    """The probabilities of a table of predictions as one (N, K) float32 array."""
    column = table["probabilities"].combine_chunks()
    flat: npt.NDArray[np.float32] = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, column.type.list_size)


def _probabilities(num_activities: int) -> pa.DataType:
    return pa.list_(pa.field("item", pa.float32(), nullable=False), num_activities)
