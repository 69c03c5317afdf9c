"""What ``har predict`` says on stderr of windows that are unlike those that the model was trained on."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from har_core.base.errors import counted

_FEWEST_CHANNELS = 2
_MOST_BY_CHANCE = 0.05
"""Of windows of a new subject, those with one channel that is unlike training (docs/results/unlike_training.md)."""
_NUM_TOLD = 3
_LONGEST = 120


def tell_unlike(table: pa.Table) -> str | None:
    """A warning of a few lines, None where there is nothing to warn of.

    One channel alone may be unlike training in a few windows of any new subject: it is told where it is so in more.

    Args:
        table: in :data:`har_core.inference.classify.PREDICTION_SCHEMA`.
    """
    unlike = table.filter(pc.greater(table["unlike_training"], 0))
    if unlike.num_rows <= _MOST_BY_CHANCE * table.num_rows:
        unlike = unlike.filter(pc.greater_equal(unlike["unlike_training"], _FEWEST_CHANNELS))
    if not unlike.num_rows:
        return None
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
    return "\n".join("".join(char if char.isprintable() else ascii(char)[1:-1] for char in line) for line in lines)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
