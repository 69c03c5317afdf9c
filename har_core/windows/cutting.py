"""From recordings as ingestion leaves them to a checked file of windows, as ``[windows]`` says, in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from har_core.base.progress import Progress, silent
from har_core.datasets.recordings import Recordings
from har_core.settings.windows import WindowSettings
from har_core.windows.checks import WindowChecks
from har_core.windows.dataset import WindowsSummary, write_windows
from har_core.windows.regular import regular
from har_core.windows.segmentation import segment


class Written(NamedTuple):
    """What was written, and what it took."""

    summary: WindowsSummary
    num_segments: int
    """Stretches without a known break, or parts."""
    made_regular: dict[str, int]
    """How often rows had to be mended, by the names of :attr:`har_core.windows.regular.Regular.counts`."""


def cut_windows(
    recordings: Recordings, findings: pa.Table, settings: WindowSettings, path: Path, progress: Progress = silent
) -> Written:
    """Make ``recordings`` regular, cut them, hold the windows against ``findings``, and write them to ``path``.

    Raises:
        InputError: settings and recordings do not fit, there are no windows, or a check failed; nothing is replaced.
        StorageError: the disk is full.
    """
    made = regular(
        recordings,
        sampling_rate_hz=settings.sampling_rate_hz,
        longest_gap_s=settings.longest_gap_s,
        longest_interpolation_s=settings.longest_interpolation_s,
    )
    rate = made.recordings.spec.sampling_rate_hz
    how: dict[str, Any] = {
        "damaged": settings.damaged,
        "join": settings.join_segments,
        "longest_repair": settings.longest_repair,
    }
    windows = segment(
        made.recordings,
        length=settings.samples(rate),
        overlap=settings.overlap,
        step=settings.stride(rate) if settings.step or settings.step_s else None,
        findings=findings,
        regular=made,
        activities=settings.activities,
        none=settings.none,
        label_rule=settings.label_rule,
        label_share=settings.label_share,
        **how,
    )
    outlines = made.recordings.outlines
    summary = write_windows(
        windows, path, progress, checks=WindowChecks(findings, outlines, row_maps=made.row_maps, **how)
    )
    return Written(summary, sum(len(outline.segments) for outline in outlines.values()), made.counts)
