"""Findings by subject and activity as a small picture."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from har_core.audit.kinds import Severity
from har_core.base.png import DPI, as_png
from har_core.datasets.dsads.layout import ACTIVITIES, NUM_ACTIVITIES, RecordingKey

_COLOURS = {Severity.INFO: "#cfe0f3", Severity.WARNING: "#f6c56b", Severity.ERROR: "#c8452f"}
_UNTOUCHED, _ABSENT = "#f3f5f7", "#ffffff"
_MOST_SUBJECTS_WITH_NUMBERS = 40


def findings_png(findings: pa.Table, keys: Collection[RecordingKey]) -> bytes:
    """A PNG with a row for each subject and a column for each activity, of all recordings that were audited.

    Colour is the worst severity, text the number of findings.
    """
    subjects = sorted({key.subject for key in keys})
    levels = np.zeros((len(subjects), NUM_ACTIVITIES), dtype=int)  # 0 absent, 1 untouched, then by severity
    counts = np.zeros_like(levels)
    for key in keys:
        levels[subjects.index(key.subject), key.activity - 1] = 1
    order = list(_COLOURS)
    columns = [findings[name].to_pylist() for name in ("subject", "activity", "severity")]
    for subject, activity, severity in zip(*columns, strict=True):
        place = subjects.index(subject), activity - 1
        counts[place] += 1
        levels[place] = max(levels[place], 2 + order.index(Severity(severity)))
    figure = Figure(figsize=(8.4, 3.0 + 0.24 * len(subjects)), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    colours = ListedColormap([_ABSENT, _UNTOUCHED, *_COLOURS.values()])
    axes.imshow(levels, cmap=colours, vmin=-0.5, vmax=4.5, aspect="auto")
    if len(subjects) <= _MOST_SUBJECTS_WITH_NUMBERS:
        for row, column in np.argwhere(counts > 0):
            dark = levels[row, column] == 2 + order.index(Severity.ERROR)
            colour = "white" if dark else "#1c2b3a"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(NUM_ACTIVITIES), [f"{k}  {name}" for k, name in enumerate(ACTIVITIES, 1)], fontsize=7)
    axes.tick_params(axis="x", labelrotation=90, length=0)
    axes.set_yticks(range(len(subjects)), [f"subject {subject}" for subject in subjects], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
    handles = [Patch(color=_COLOURS[severity], label=str(severity)) for severity in reversed(order)]
    figure.legend(handles=handles, ncols=3, loc="outside upper right", frameon=False, fontsize=8)
    axes.set_title(f"{findings.num_rows:,} findings", loc="left", fontsize=10)
    return as_png(figure)
