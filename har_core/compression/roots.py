"""What a recipe's result depends on besides its parent: the settings that it reads, and the code that computes it.

Apart from the recipes, because the graph of assets is built without PyTorch.
"""

from __future__ import annotations

from typing import Any

from har_core.fitting.recipe import code_roots as fit_roots
from har_core.fitting.recipe import settings_read as read_by_fit
from har_core.settings.experiment import Experiment
from har_core.settings.recipes import DistilledSettings, RecipeSettings


def code_roots(settings: RecipeSettings, parent: str) -> list[str]:
    """The modules that compute a recipe of ``parent``, for its code version."""
    own = [f"{__package__}.{settings.kind}"]
    if isinstance(settings, DistilledSettings):
        return [*own, *fit_roots(settings.student)]
    return [*own, *fit_roots(parent)] if settings.needs_network else own


def settings_read(recipe: str, experiment: Experiment) -> dict[str, Any]:
    """What a recipe's result depends on, JSON-able: its own settings, and ``models.<student>`` of its student."""
    settings, student = experiment.recipes[recipe], experiment.student_settings(recipe)
    own = {"kind": settings.kind, **settings.model_dump(mode="json")}
    if isinstance(settings, DistilledSettings) and student is not None:
        own[f"models.{settings.student}"] = read_by_fit(settings.student, student)
    return own
