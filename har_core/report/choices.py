"""Whom a model was trained on, and whether validation chose anything of it, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from har_core.base.errors import counted
from har_core.evaluation.results import FoldResult, ModelResult
from har_core.report.formats import NO_FIGURE, listed

NOTHING = "nothing"


def trained_on(result: ModelResult) -> str:
    """The training subjects: ``subjects 1, 2 and 3``."""
    subjects = result.subjects.get("training", ())
    return f"subject{'s' if len(subjects) > 1 else ''} {listed(list(map(str, subjects)))}" if subjects else NO_FIGURE


def chosen_of(result: ModelResult) -> str:
    """What validation chose of a model: ``epoch 24 of 30``, or ``nothing``, and why."""
    if not result.history:
        return f"{NOTHING}: no epochs" if result.parent is None else f"{NOTHING}: made from another model"
    if _keeps_last(result.training_settings):
        return f"{NOTHING}: last of {counted(len(result.history), 'epoch')}"
    return f"epoch {result.best_epoch} of {len(result.history)}"


def trained_on_in_folds(results: Iterable[FoldResult]) -> str:
    """How many subjects train in a fold: ``6``, or ``5 or 6`` where folds differ."""
    return " or ".join(map(str, sorted({len(result.subjects["training"]) for result in results})))


def chosen_in_folds(result: FoldResult) -> str:
    """What validation chose in a fold: ``the epoch``, or ``nothing``."""
    has_epochs = any(seed.best_epoch for seed in result.seeds)
    return "the epoch" if has_epochs and not _keeps_last(result.training_settings) else NOTHING


def _keeps_last(training_settings: Mapping[str, Any]) -> bool:
    return training_settings.get("keep") == "last"
