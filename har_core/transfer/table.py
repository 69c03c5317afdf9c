"""The table of predictions of later windows: which model said so, changed by which way, from how many windows."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from har_core.inference.predictions import predictions_schema
from har_core.spec.dataset import DatasetSpec

AS_IT_IS, FROM_NOTHING = "as_it_is", "from_nothing"
"""Ways beside :data:`har_core.settings.transfer.WAYS`: the model as it is, from 0 windows, and a network of its
architecture that learnt from the person's windows alone."""


def curves_schema(spec: DatasetSpec, learnt: Iterable[int] | None = None) -> pa.Schema:
    """:func:`~har_core.inference.predictions.predictions_schema`, and which model said so."""
    schema = predictions_schema(spec, learnt)
    way = pa.field("way", pa.string(), nullable=False, metadata={"description": "what was changed of the model"})
    number = pa.field(
        "windows_per_activity", pa.int32(), nullable=False, metadata={"description": "that it learnt from the person"}
    )
    return pa.schema([*schema, way, number], metadata=schema.metadata)
