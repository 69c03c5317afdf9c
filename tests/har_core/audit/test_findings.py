"""The table of findings as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from har_core.audit.defects import find_defects
from har_core.audit.findings import (
    FINDINGS_SCHEMA,
    Finding,
    Place,
    content_version,
    read_findings,
    tabulate,
    write_findings,
)
from har_core.audit.kinds import Kind, Severity
from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import RecordingKey

if TYPE_CHECKING:
    from tests.har_core.audit.conftest import Lab


@pytest.fixture(scope="module")
def found(lab: Lab) -> pa.Table:
    samples = lab.sound()
    lab.rows(samples[lab.keys[0]])[100:125] = 0.0
    lab.rows(samples[lab.keys[1]])[200:300] = lab.rows(samples[lab.keys[2]])[17:117]
    return find_defects([lab.recording(key, values) for key, values in samples.items()], DSADS)


def test_what_is_written_is_read(found: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / "data" / "year=2026" / "findings.parquet"  # no column comes from a folder's name
    write_findings(found, path)
    assert read_findings(path).equals(found)


def test_the_order_of_rows_is_fixed() -> None:
    def finding(subject: int, session: int, segment: int, kind: Kind) -> Finding:
        return Finding(kind, Severity.INFO, Place(RecordingKey(subject, session), segment, 0, 1), 1, range(45))

    ordered = [
        finding(1, 2, 5, Kind.CONSTANT_RUN),
        finding(1, 2, 5, Kind.ZERO_RUN),
        finding(1, 10, 1, Kind.ZERO_RUN),
        finding(2, 1, 1, Kind.ZERO_RUN),
    ]
    table = tabulate(reversed(ordered), DSADS)
    assert table.equals(tabulate(ordered, DSADS))
    assert [row["kind"] for row in table.to_pylist()] == [one.kind for one in ordered]


def test_the_version_is_of_the_content_alone(found: pa.Table, tmp_path: Path) -> None:
    write_findings(found, tmp_path / "findings.parquet")
    assert content_version(read_findings(tmp_path / "findings.parquet")) == content_version(found)
    assert content_version(found.slice(1)) != content_version(found)
    index = FINDINGS_SCHEMA.get_field_index("num_rows")
    changed = found.set_column(index, FINDINGS_SCHEMA.field(index), pa.array([1] * found.num_rows, pa.int32()))
    assert content_version(changed) != content_version(found)
    other = DSADS.replaced(activities=DSADS.activities[::-1])
    assert content_version(tabulate([], other)) != content_version(tabulate([], DSADS))


@pytest.mark.parametrize("content", [None, b"no parquet", "other columns"])
def test_what_are_no_findings_is_refused(tmp_path: Path, content: bytes | str | None) -> None:
    path = tmp_path / "findings.parquet"
    if content == "other columns":
        pq.write_table(pa.table({"kind": ["zero_run"]}), path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(InputError, match="findings"):
        read_findings(path)
