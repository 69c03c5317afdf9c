"""Which networks need validation windows, because these choose the epoch that is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from har_core.models.catalogue import is_network
from har_core.settings.experiment import ModelsSettings


def networks_that_choose(models: ModelsSettings, names: Iterable[str]) -> list[str]:
    """Those of ``names`` whose epoch is chosen by validation windows."""
    own = (name for name in names if name in models.settings and is_network(name))
    return [name for name in own if models.settings[name].training.keep == "best"]


def why_validation(networks: Sequence[str]) -> str:
    """Why there have to be validation windows."""
    return (
        f"validation chooses the epoch of networks ({', '.join(networks)}); "
        'keep = "last" in [training] trains a fixed number of epochs and needs none'
    )
