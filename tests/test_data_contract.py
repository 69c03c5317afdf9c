"""docs/data_contract.md says what the files hold: its tables are those of the schemas, and of Dagster's columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from data_sets import dsads_recording
from narrowing import as_type

from assets.machinery.presentation import describe_table
from har_core.audit.findings import FINDINGS_SCHEMA
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.ingested import recordings_schema
from har_core.datasets.manifest import MANIFEST_SCHEMA
from har_core.datasets.recordings import recordings_of
from har_core.inference.predictions import predictions_schema
from har_core.splits.names import SPLIT_CHECKS
from har_core.windows.dataset import write_windows
from har_core.windows.names import WINDOW_CHECKS
from har_core.windows.schema import window_schema
from har_core.windows.segmentation import segment

PAGE = Path(__file__).parents[1] / "docs" / "data_contract.md"


def table_of_page(heading: str) -> list[list[str]]:
    """Cells of the first table below a heading, without its head."""
    _, found, rest = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}")
    assert found, f"{PAGE.name} has no section {heading!r}"
    rows = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
    cells = [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]
    return cells[2:]


def described(field: pa.Field) -> str:
    return as_type(bytes, field.metadata[b"description"]).decode()


def test_windows() -> None:
    expected = [
        [
            field.name,
            str(field.type).replace("[125]", "[length]"),
            field.metadata.get(b"unit", b"").decode(),
            described(field),
        ]
        for field in window_schema(DSADS, 125)
    ]
    assert table_of_page("Windows") == expected


@pytest.mark.parametrize(
    ("heading", "schema"),
    [("Manifest", MANIFEST_SCHEMA), ("Findings", FINDINGS_SCHEMA), ("Predictions", predictions_schema(DSADS))],
    ids=["manifest", "findings", "predictions"],
)
def test_tables_without_units(heading: str, schema: pa.Schema) -> None:
    assert table_of_page(heading) == [[field.name, str(field.type), described(field)] for field in schema]


def test_recordings() -> None:
    types = {field.name: str(field.type) for field in recordings_schema(DSADS, has_times=True)}
    assert {types[channel] for channel in DSADS.channel_names} == {"float"}
    keys = [[name, kind] for name, kind in types.items() if name not in DSADS.channel_names]
    assert [row[:2] for row in table_of_page("Recordings")] == [*keys, ["the channels", "float"]]


def test_activities() -> None:
    expected = [[str(number), str(number - 1), name] for number, name in enumerate(DSADS.activities, start=1)]
    assert table_of_page("Activities") == expected


@pytest.mark.parametrize(
    ("heading", "checks"),
    [("Checks of windows", WINDOW_CHECKS), ("Splits", SPLIT_CHECKS)],
    ids=["windows", "splits"],
)
def test_checks(heading: str, checks: dict[str, str]) -> None:
    assert table_of_page(heading) == [[name, what.strip("`")] for name, what in checks.items()]


def test_columns_in_dagster_are_those_of_the_page(tmp_path: Path) -> None:
    recording = dsads_recording(1, 1, (1,), np.zeros((DSADS.num_channels, 125), dtype=np.float32))
    write_windows(segment(recordings_of(DSADS, [recording]), length=125, overlap=0), tmp_path / "windows.parquet")
    columns = describe_table(tmp_path / "windows.parquet")["dagster/column_schema"].columns
    page = table_of_page("Windows")
    assert [[c.name, c.type.replace("[125]", "[length]")] for c in columns] == [row[:2] for row in page]
    for column, (*_, unit, description) in zip(columns, page, strict=True):
        assert description in column.description
        assert unit in column.description
        assert not column.constraints.nullable
