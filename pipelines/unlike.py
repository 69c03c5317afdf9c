"""What ``har predict`` and ``har audit --model`` say of windows that are unlike those that the model was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from har_core.audit.findings import FINDINGS_SCHEMA, name_channels
from har_core.audit.kinds import Severity
from har_core.base.errors import counted
from har_core.base.text import printable
from har_core.inference.likeness import TrainingWindows, compare
from har_core.windows.stretches import cut, stretches_between
from pipelines.readable import MadeRegular

KIND = "unlike_training"
"""Of a finding: no kind of the audit itself, which knows no model."""

_FEWEST_CHANNELS = 2
_MOST_BY_CHANCE = 0.05
"""Of windows of a new subject, those with one channel that is unlike training (docs/results/unlike_training.md)."""
_MOST_WINDOWS = 256
_NUM_TOLD = 3
_LONGEST = 120


def tell_unlike(table: pa.Table) -> str | None:
    """A warning of a few lines, the worst files first; None where there is nothing to warn of.

    One channel alone may be unlike training in a few windows of any new subject: it is told where it is so in more.

    Args:
        table: in :data:`har_core.inference.classify.PREDICTION_SCHEMA`.
    """
    unlike = table.filter(pc.greater(table["unlike_training"], 0))
    if unlike.num_rows <= _MOST_BY_CHANCE * table.num_rows:
        unlike = unlike.filter(pc.greater_equal(unlike["unlike_training"], _FEWEST_CHANNELS))
    if not unlike.num_rows:
        return None
    unlike = unlike.sort_by([("unlike_training", "descending")])
    reasons: dict[str, str] = {}
    for path, because in zip(unlike["path"].to_pylist(), unlike["unlike_because"].to_pylist(), strict=True):
        reasons.setdefault(path, because)
    number = f"{unlike.num_rows:,} of {counted(table.num_rows, 'window')}, in {counted(len(reasons), 'file')}"
    lines = [
        f"Warning: unlike what the model was trained on, so that its answers may mean nothing: {number}",
        *(f"  {path}: {_short(because)}" for path, because in list(reasons.items())[:_NUM_TOLD]),
    ]
    if len(reasons) > _NUM_TOLD:
        lines.append(f"  ... and {counted(len(reasons) - _NUM_TOLD, 'more file')}")
    lines.append("  The columns unlike_training and unlike_because tell of each window")
    return "\n".join(map(printable, lines))


def find_unlike(recordings: Iterable[MadeRegular], training: TrainingWindows, *, length: int) -> pa.Table:
    """Windows with two or more channels that are unlike those of the training, as a table of findings, one a window.

    Windows of ``length`` samples stay within a segment, or go on into the next part where they fit into none.
    """
    rows = [row for recording in recordings for row in _find_unlike(recording, training, length)]
    return pa.Table.from_pylist(rows, schema=FINDINGS_SCHEMA)


def _find_unlike(made: MadeRegular, training: TrainingWindows, length: int) -> Iterator[dict[str, Any]]:
    recording, as_read = made.recording, made.outline
    outline, labels = recording.outline, as_read.row_labels()
    breaks = np.full(len(outline.segments) - 1, not outline.in_parts or length <= max(outline.lengths))
    stretches = stretches_between(outline.starts, breaks)
    for begins, windows in cut(recording.samples, stretches, length, length, at_most=_MOST_WINDOWS):
        unlike = compare(np.array(windows.transpose(1, 2, 0), order="C"), training)
        for begin, channels in zip(begins.tolist(), unlike.channels, strict=True):
            if channels.sum() >= _FEWEST_CHANNELS:
                first, last = made.places[begin].item(), made.places[begin + length - 1].item()
                segment, row = as_read.place_of(first)
                yield {
                    "kind": KIND,
                    "activity": int(labels[first]),
                    "subject": recording.subject,
                    "session": recording.session,
                    "segment": segment,
                    "first_row": row,
                    "last_row": row + last - first,
                    "channels": name_channels(np.flatnonzero(channels).tolist(), training.spec),
                    "num_rows": last - first + 1,
                    "severity": Severity.WARNING,
                }


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
