"""Findings by subject and activity as a small picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from har_core.audit.findings import spec_of
from har_core.audit.kinds import Severity
from har_core.base.png import DPI, as_png
from har_core.datasets.recordings import Outline, RecordingKey

_COLOURS = {Severity.INFO: "#cfe0f3", Severity.WARNING: "#f6c56b", Severity.ERROR: "#c8452f"}
_UNTOUCHED, _ABSENT = "#f3f5f7", "#ffffff"
_MOST_SUBJECTS_WITH_NUMBERS = 40


def findings_png(findings: pa.Table, outlines: Mapping[RecordingKey, Outline]) -> bytes:
    """A PNG with a row for each subject and a column for each activity, of all recordings that were audited.

    A finding counts for the activity of its first row; rows of no activity have a column where there are such rows.
    Colour is the worst severity, text the number of findings.
    """
    spec = spec_of(findings)
    subjects = sorted({key.subject for key in outlines})
    has = {(key.subject, activity) for key, outline in outlines.items() for activity in outline.activities}
    columns = [findings[name].to_pylist() for name in ("subject", "activity", "severity")]
    activities = list(range(1, spec.num_activities + 1))
    if 0 in columns[1] or any(activity == 0 for _, activity in has):
        activities.append(0)
    levels = np.zeros((len(subjects), len(activities)), dtype=int)  # 0 absent, 1 untouched, then by severity
    counts = np.zeros_like(levels)
    for subject, activity in has:
        levels[subjects.index(subject), activities.index(activity)] = 1
    order = list(_COLOURS)
    for subject, activity, severity in zip(*columns, strict=True):
        place = subjects.index(subject), activities.index(activity)
        counts[place] += 1
        levels[place] = max(levels[place], 2 + order.index(Severity(severity)))
    figure = Figure(
        figsize=(max(8.4, 0.44 * len(activities)), 3.0 + 0.24 * len(subjects)), dpi=DPI, layout="constrained"
    )
    axes = figure.subplots()
    colours = ListedColormap([_ABSENT, _UNTOUCHED, *_COLOURS.values()])
    axes.imshow(levels, cmap=colours, vmin=-0.5, vmax=4.5, aspect="auto")
    if len(subjects) <= _MOST_SUBJECTS_WITH_NUMBERS:
        for row, column in np.argwhere(counts > 0):
            dark = levels[row, column] == 2 + order.index(Severity.ERROR)
            colour = "white" if dark else "#1c2b3a"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=7, color=colour)
    names = [f"{number}  {spec.activity_name(number)}" for number in activities]
    axes.set_xticks(range(len(names)), names, fontsize=7)
    axes.tick_params(axis="x", labelrotation=90, length=0)
    axes.set_yticks(range(len(subjects)), [f"subject {subject}" for subject in subjects], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
    handles = [Patch(color=_COLOURS[severity], label=str(severity)) for severity in reversed(order)]
    figure.legend(handles=handles, ncols=3, loc="outside upper right", frameon=False, fontsize=8)
    axes.set_title(f"{findings.num_rows:,} findings", loc="left", fontsize=10)
    return as_png(figure)
