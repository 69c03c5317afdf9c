"""What curves depend on besides the model and the windows: the settings that they read, and the code behind them.

Apart from what computes them, because the graph of assets is built without PyTorch.
"""

from __future__ import annotations

from typing import Any

from har_core.fitting.recipe import code_roots as fit_roots
from har_core.fitting.recipe import settings_read as read_by_fit
from har_core.models.catalogue import is_network
from har_core.settings.experiment import Experiment, ModelSettings

_OF_A_WAY = {"last_layer": ("last_layer_rate",), "adapters": ("adapters_rate", "rank"), "all": ("all_rate",)}
_FIXED = ("epochs", "keep", "early_stopping_patience", "seed")
"""What a network from nothing does not take from its section; its seed is that of the model."""


def settings_from_nothing(name: str, experiment: Experiment) -> ModelSettings | None:
    """What the network that learns from few windows alone is made with; None where the model ``name`` is no network.

    That is what its architecture is trained with, for a number of epochs that nobody's windows choose.
    """
    epochs = experiment.transferred.from_nothing_epochs
    if name not in experiment.models.architectures or not is_network(name) or not epochs:
        return None
    settings = experiment.model_settings(name)
    fixed: dict[str, Any] = {"epochs": epochs, "keep": "last", "early_stopping_patience": None, "pretraining": None}
    if settings.training.schedule == "plateau":  # which validation steers
        fixed["schedule"] = "cosine"
    training = settings.training.model_dump() | fixed
    return ModelSettings.model_validate({**settings.model_dump(), "training": training})


def code_roots(name: str, experiment: Experiment) -> list[str]:
    """The modules that compute the curves of the model ``name``, for their code version."""
    own = ["har_core.transfer.curves"]
    if settings_from_nothing(name, experiment) is None:
        return own
    return [*own, "har_core.transfer.from_nothing", *fit_roots(name)]


def settings_read(name: str, experiment: Experiment) -> dict[str, Any]:
    """What the curves of the model ``name`` depend on, JSON-able; which other models there are does not count."""
    settings, network = experiment.transferred, settings_from_nothing(name, experiment)
    unread = {key for way, keys in _OF_A_WAY.items() if way not in settings.ways for key in keys}
    if network is None:
        return settings.model_dump(mode="json", exclude={"models", "from_nothing_epochs", *unread})
    recipe = {key: value for key, value in read_by_fit(name, network).items() if key not in _FIXED}
    own = settings.model_dump(mode="json", exclude={"models", *unread})
    return {**own, f"models.{name}": recipe, "fills_gaps": experiment.windows.fills_gaps}
