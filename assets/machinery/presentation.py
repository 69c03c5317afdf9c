"""Metadata as Dagster's UI shows it: tables of columns, Markdown tables, small pictures."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from assets.resources.addresses import asset_url
from assets.resources.store import ASSET_TAG
from har_core.base.text import as_markdown


def describe_table(*paths: Path) -> dict[str, Any]:
    """Row count and columns of a table, in one Parquet file or several that have the same columns.

    Units and meanings come from the first file.
    """
    import pyarrow.parquet as pq

    first, *others = [pq.read_metadata(path) for path in paths]
    columns = [
        dg.TableColumn(
            name=field.name,
            type=str(field.type),
            description=describe_column(field.metadata or {}),
            constraints=dg.TableColumnConstraints(nullable=field.nullable),
        )
        for field in first.schema.to_arrow_schema()
    ]
    num_rows = first.num_rows + sum(file.num_rows for file in others)
    return {"dagster/row_count": num_rows, "dagster/column_schema": dg.TableSchema(columns=columns)}


def describe_column(metadata: Mapping[bytes, bytes]) -> str | None:
    """What a column's own metadata says of it: ``torso, accelerometer, x axis [m/s²]``."""
    description, unit = metadata.get(b"description", b"").decode(), metadata.get(b"unit", b"").decode()
    return f"{description} [{unit}]".strip() if unit else description or None


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A small table; what stands in it is shown as it is."""
    lines = [head, ["---"] * len(head), *rows]
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(map(as_markdown, line))} |" for line in lines))


def inline_png(title: str, content: bytes) -> dg.MarkdownMetadataValue:
    """A small picture, shown in place; it goes into the event log, so keep it small."""
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(content).decode()})")


def path_to(path: Path) -> dg.PathMetadataValue:
    """Where something lies."""
    return dg.MetadataValue.path(str(path))


def links_of(tags: Mapping[str, str], run_url: str) -> dict[str, str]:
    """From the tags of an MLflow run, the ways back: words -> address, or a command in backticks."""
    asset = tags.get(ASSET_TAG, "")
    again = f"`har run --force --select {asset} experiment.toml`"
    return {
        "MLflow run": run_url,
        "Dagster asset": asset_url(asset),
        "Dagster run": tags.get("dagster.run_url", ""),
        "commit": f"`{tags.get('har.git_commit') or 'unknown'}`",
        "made again by": f"{again}, with the file that the MLflow run has kept",
    }
