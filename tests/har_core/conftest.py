"""Findings of the audit, written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from har_core.audit.findings import FINDINGS_SCHEMA
from har_core.datasets.dsads.dataset import DSADS
from har_core.spec.dataset import DatasetSpec

FindingsOf = Callable[..., pa.Table]


@pytest.fixture(scope="session")
def findings_of() -> FindingsOf:
    """Makes a table of (kind, subject, session, segment, first row, rows, channels, other place) rows.

    Channels are "all", and there is no other place, where a row is shorter. The other place is (subject, session,
    segment, first row). Activities are the numbers of the sessions, as in DSADS.
    """

    def make(*rows: tuple[Any, ...], spec: DatasetSpec = DSADS) -> pa.Table:
        schema = FINDINGS_SCHEMA.with_metadata(spec.to_metadata())
        return pa.Table.from_pylist([_finding(row) for row in rows], schema=schema)

    return make


def _finding(row: tuple[Any, ...]) -> dict[str, Any]:
    channels = row[6] if len(row) > 6 else "all"
    other = row[7] if len(row) > 7 else (None,) * 4
    kind, subject, session, segment, first_row, num_rows = row[:6]
    other_subject, other_session, other_segment, other_row = other
    return {
        "kind": kind,
        "activity": session,
        "subject": subject,
        "session": session,
        "segment": segment,
        "first_row": first_row,
        "last_row": first_row + num_rows - 1,
        "channels": channels,
        "other_activity": other_session,
        "other_subject": other_subject,
        "other_session": other_session,
        "other_segment": other_segment,
        "other_first_row": other_row,
        "num_rows": num_rows,
        "severity": "error",
    }
