"""The table of predictions of test windows: by a model of which channels, and whether a unit was missing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pyarrow as pa

from har_core.inference.predictions import predictions_schema, probabilities_of
from har_core.spec.dataset import DatasetSpec
from har_core.windows.schema import KEY_COLUMNS

COLUMNS = {
    "way": "all, alone, left_out or missing: with which channels, or without which unit when it predicts",
    "part": "what is alone, left out or missing: unit or sensor; empty for all",
    "name": "of that unit or kind of sensor",
}
"""Which model said so, and what each column means."""


def sensors_schema(spec: DatasetSpec, learnt: Iterable[int] | None = None) -> pa.Schema:
    """:func:`~har_core.inference.predictions.predictions_schema`, and :data:`COLUMNS`."""
    schema = predictions_schema(spec, learnt)
    own = [
        pa.field(name, pa.string(), nullable=False, metadata={"description": meaning})
        for name, meaning in COLUMNS.items()
    ]
    return pa.schema([*schema, *own], metadata=schema.metadata)


def sensors_version(predictions: pa.Table) -> str:
    """A hash of what ``predictions`` are of and say."""
    digest = hashlib.sha256(repr(predictions.schema.metadata).encode())
    for name in (*KEY_COLUMNS, "label", "damaged", "role", "seed", *COLUMNS):
        digest.update(repr(predictions[name].to_pylist()).encode())
    digest.update(probabilities_of(predictions).tobytes())
    return digest.hexdigest()
