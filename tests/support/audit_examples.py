"""What an audit may find, for reports."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from har_core.audit.findings import Finding, Place, tabulate
from har_core.audit.kinds import Kind, Severity
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import RecordingKey
from har_core.report.inputs import WindowCounts


def make_finding(
    kind: Kind, severity: Severity, activity: int, subject: int, *, num_rows: int = 125, segment: int = 1,
    channels: Collection[int] = range(45), other: Place | None = None,
) -> Finding:  # fmt: skip
    return Finding(
        kind, severity, Place(RecordingKey(subject, activity), segment, 0, activity), num_rows, channels, other
    )


def make_findings() -> list[Finding]:
    ll_xmag, rl_yacc = DSADS.channel_names.index("LL_xmag"), DSADS.channel_names.index("RL_yacc")
    other = Place(RecordingKey(1, 6), 1, 0, 6)
    return [
        make_finding(Kind.DUPLICATE_ROWS, Severity.ERROR, 5, 1, num_rows=1500, other=other),
        make_finding(Kind.DUPLICATE_ROWS, Severity.ERROR, 5, 2, segment=11, num_rows=3000),
        *(
            make_finding(Kind.CONSTANT_RUN, Severity.WARNING, 3, 5, segment=k, channels=[ll_xmag], num_rows=21)
            for k in range(12)
        ),
        make_finding(Kind.CONSTANT_RUN, Severity.ERROR, 9, 5, channels=DSADS.channels_of_place[1], num_rows=400),
        *(
            make_finding(Kind.SATURATION, Severity.WARNING, 18, s, channels=[rl_yacc], num_rows=15)
            for s in (2, 4, 6, 8)
        ),
        *(make_finding(Kind.DISCONTINUOUS_JOIN, Severity.INFO, a, 7, segment=a, num_rows=2) for a in range(1, 20)),
    ]


def make_audit() -> dict[str, Any]:
    """Changes for report inputs."""
    return {
        "findings": tabulate(make_findings(), DSADS),
        "window_counts": WindowCounts(
            num_windows=9120, num_damaged=57, num_in_duplicate_groups=48, num_dropped=0, num_repaired=0
        ),
        "split_drops": {"damaged_training": 40, "duplicate_training": 24, "duplicate_validation": 0},
        "subjects": tuple(range(1, 9)),
    }
