"""An Arrow table as a person or a program reads it."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from har_core.base.text import to_json


def render(table: pa.Table, output_format: str) -> bytes:
    """``table`` as ``table`` (aligned columns), ``csv``, ``json`` (a list of objects) or ``parquet``."""
    if output_format == "json":
        return f"{to_json(table.to_pylist())}\n".encode()
    if output_format == "table":
        return _aligned(table).encode()
    sink = pa.BufferOutputStream()
    if output_format == "csv":
        pyarrow.csv.write_csv(table, sink)
    else:
        pyarrow.parquet.write_table(table, sink)
    return bytes(sink.getvalue().to_pybytes())


def _aligned(table: pa.Table) -> str:
    texts = [[_cell(value) for value in row.values()] for row in table.to_pylist()]
    rows = [list(table.column_names), *texts]
    widths = [max(len(row[i]) for row in rows) for i in range(table.num_columns)]
    return "".join("  ".join(f"{v:<{w}}" for v, w in zip(row, widths, strict=True)).rstrip() + "\n" for row in rows)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
