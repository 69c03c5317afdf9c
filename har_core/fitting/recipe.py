"""What a fit depends on besides its windows: the settings that it reads, and the code that computes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from har_core.models.catalogue import describe, is_network
from har_core.settings.experiment import ModelSettings
from har_core.settings.training import TrainingSettings
from har_core.spec.channels import select_channels
from har_core.spec.dataset import DatasetSpec

_READ_BY_CLASSICAL = ("units", "sensors", "channels", "seed")
_OF_EVERY_FIT = [
    "har_core.fitting.fit",
    "har_core.fitting.trained",
    "har_core.inference.classifier",
    "har_core.spec.channels",
    "har_core.splits.normalization",
]
_OF_NETWORKS = [
    "har_core.fitting.other_windows",
    "har_core.training.augmentation",
    "har_core.training.initialisation",
    "har_core.training.loop",
    "har_core.training.pretraining.pretrain",
]


def takes_raw_windows(name: str) -> bool:
    """Whether ``name`` is fitted to windows as they are: classical models are, networks want normalised ones.

    Raises:
        UnknownNameError: no such architecture.
    """
    return not is_network(name)


def channels_seen(spec: DatasetSpec, training: TrainingSettings) -> tuple[int, ...]:
    """Indices of the channels of ``spec`` that ``[training]`` lets a model see.

    Raises:
        InputError: an unknown name, or no channel is left.
    """
    return select_channels(spec, training.units, training.sensors, training.channels)


def settings_read(name: str, settings: ModelSettings) -> dict[str, Any]:
    """What a fit of ``name`` depends on, JSON-able: a classical model has no epochs and reads few settings.

    Windows of another data set count by their content, wherever they lie.

    Raises:
        InputError: they cannot be read.
    """
    recipe = settings.training.model_dump(mode="json")
    own = settings.training.pretraining
    if own is not None and own.windows is not None and is_network(name):
        from har_core.windows.dataset import content_version_of  # noqa: PLC0415 - Arrow is heavy, and this is rare

        recipe["pretraining"]["windows"] = content_version_of(Path(own.windows))
    if not is_network(name):
        recipe = {key: recipe[key] for key in _READ_BY_CLASSICAL}
    return {**recipe, **describe(name).options, **settings.architecture_options}


def code_roots(name: str) -> list[str]:
    """The modules that compute a fit of ``name``, for its code version: classical models need no training loop.

    ``fitting.fit`` imports both kinds, so it counts by itself (``assets/machinery/code_versions.py``).
    """
    return [describe(name).module, *_OF_EVERY_FIT, *(_OF_NETWORKS if is_network(name) else [])]
