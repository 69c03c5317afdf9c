"""A network that knows nobody else: what a person's few windows are worth without any model before them."""

from __future__ import annotations

from torch import nn

from har_core.fitting.fit import classifier_of, fit_architecture
from har_core.fitting.recipe import channels_seen
from har_core.fitting.trained import labelled
from har_core.settings.experiment import ModelSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.splits.build import SplitWindows
from har_core.transfer.curves import FromNothing
from har_core.windows.tensors import WindowTensors


def from_nothing(
    architecture: str,
    settings: ModelSettings,
    windows: SplitWindows,
    runtime: RuntimeSettings,
    *,
    seed: int,
    fills_gaps: bool = False,
) -> FromNothing:
    """What trains ``architecture``, a network, on a few windows of ``windows`` alone; its last epoch is kept.

    Args:
        architecture: name of the network.
        settings: :func:`har_core.transfer.roots.settings_from_nothing`.
        windows: normalised; their statistics are those of people who train, and need no labels.
        runtime: where.
        seed: of every training.
        fills_gaps: whether gaps in the windows were filled.
    """
    channels = channels_seen(windows.spec, settings.training)

    def train(few: WindowTensors) -> nn.Module:
        fitted = fit_architecture(
            architecture,
            labelled(few),
            None,
            settings,
            runtime,
            spec=windows.spec,
            channels=channels,
            statistics=windows.statistics,
            seed=seed,
        )
        return classifier_of(fitted, windows.statistics, windows.spec, channels, fills_gaps=fills_gaps)

    return train
