"""Small pictures for a run tracker or an event log. The report has its own charts, in :mod:`har_core.report.charts`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from har_core.base.png import DPI, as_png
from har_core.evaluation.scores import Scores
from har_core.evaluation.transfer import TransferScore

_INCHES = 6.4 / 19
"""Of one activity in a confusion matrix: enough for a number of four digits."""
_FEWEST_INCHES, _INCHES_OF_NAMES = 3.2, 2.0
_DARK_SHARE = 0.55
"""From here on a cell is dark enough for white figures."""


def confusion_matrix_png(scores: Scores) -> bytes:
    """The confusion matrix as PNG: rows are true activities, each row's shares of its windows as shades."""
    counts = np.asarray(scores.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(_FEWEST_INCHES, _INCHES * len(counts))
    figure = Figure(figsize=(side + _INCHES_OF_NAMES, side), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts > 0):
        axes.text(
            column,
            row,
            str(counts[row, column]),
            ha="center",
            va="center",
            fontsize=6.5,
            color="white" if shares[row, column] > _DARK_SHARE else "#1c2b3a",
        )
    names = [f"{entry.activity}  {number}" for number, entry in enumerate(scores.per_class, 1)]
    axes.set_xticks(range(len(names)), [str(number) for number in range(1, len(names) + 1)], fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel("predicted activity (number)")
    axes.set_ylabel("true activity")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{scores.num_windows} windows, macro-F1 {scores.macro_f1:.3f}", loc="left", fontsize=10)
    return as_png(figure)


def training_curves_png(history: Sequence[Mapping[str, Any]]) -> bytes:
    """Loss and validation macro-F1 by epoch as PNG; epochs without a number leave a gap."""
    epochs = [record["epoch"] for record in history]
    names = ("training_loss", "validation_loss", "validation_macro_f1")
    training, validation, macro_f1 = (np.array([r.get(name) for r in history], dtype=float) for name in names)
    figure = Figure(figsize=(8.4, 3.2), dpi=DPI, layout="constrained")
    loss_axes, score_axes = figure.subplots(1, 2)
    loss_axes.plot(epochs, training, label="training", color="#8a98a8", marker=".")
    loss_axes.plot(epochs, validation, label="validation", color="#1f5fa8", marker=".")
    loss_axes.set_title("loss", loc="left", fontsize=10)
    loss_axes.legend(frameon=False, fontsize=8)
    score_axes.plot(epochs, macro_f1, color="#1f5fa8", marker=".")
    score_axes.set_title("validation macro-F1", loc="left", fontsize=10)
    score_axes.set_ylim(0, 1)
    for axes in (loss_axes, score_axes):
        axes.set_xlabel("epoch")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e3e8ee", linewidth=0.7)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return as_png(figure)


def transfer_png(scores: Sequence[TransferScore]) -> bytes:
    """Macro-F1 by number of windows that a person showed as PNG: a line for each way, and one for no change at all.

    Shades are the intervals of the means, where there are any.
    """
    figure = Figure(figsize=(5.6, 3.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    by_way: dict[str, list[TransferScore]] = {}
    for own in scores:
        by_way.setdefault(own.way, []).append(own)
    for way, of_way in by_way.items():
        numbers, means = [own.windows_per_activity for own in of_way], [own.macro_f1 for own in of_way]
        label = way.replace("_", " ")
        if numbers == [0]:
            axes.axhline(means[0], label=label, color="#8a98a8", linestyle="--")
            continue
        (line,) = axes.plot(numbers, means, label=label, marker=".")
        ends = [own.interval or (own.macro_f1, own.macro_f1) for own in of_way]
        low, high = zip(*ends, strict=True)
        axes.fill_between(numbers, low, high, color=line.get_color(), alpha=0.12, linewidth=0)
    axes.legend(frameon=False, fontsize=8)
    axes.set_title("macro-F1", loc="left", fontsize=10)
    axes.set_xlabel("windows of each activity that the person showed")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e3e8ee", linewidth=0.7)
    axes.set_xticks(sorted({own.windows_per_activity for own in scores}))
    return as_png(figure)
