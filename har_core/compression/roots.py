"""What a recipe's result depends on besides its parent and its settings: the code that computes it.

Apart from the recipes, because the graph of assets is built without PyTorch.
"""

from __future__ import annotations

from har_core.fitting.recipe import code_roots as fit_roots
from har_core.settings.recipes import RecipeSettings


def code_roots(settings: RecipeSettings, parent: str) -> list[str]:
    """The modules that compute a recipe of ``parent``, for its code version."""
    own = [f"{__package__}.{settings.kind}"]
    return [*own, *fit_roots(parent)] if settings.needs_network else own
