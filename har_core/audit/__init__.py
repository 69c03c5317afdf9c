"""The content audit: finds damage, copies and breaks in recordings, whatever set they belong to. ``docs/audit.md``."""

from har_core.audit.defects import find_defects
from har_core.audit.findings import (
    FINDINGS_SCHEMA,
    Kind,
    Severity,
    content_version,
    read_findings,
    write_findings,
)
from har_core.audit.ranges import damaged_rows, discontinuous_joins, duplicate_groups

__all__ = [
    "FINDINGS_SCHEMA",
    "Kind",
    "Severity",
    "content_version",
    "damaged_rows",
    "discontinuous_joins",
    "duplicate_groups",
    "find_defects",
    "read_findings",
    "write_findings",
]
