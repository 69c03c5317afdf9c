"""The architectures there are, and the versions that are registered: what ``har models`` shows."""

from __future__ import annotations

from dataclasses import dataclass

from assets.resources.registry import RegisteredVersion, Registry
from assets.resources.tracking import Tracking
from har_core.dsads.layout import NUM_ACTIVITIES, NUM_CHANNELS, SEGMENT_LENGTH
from har_core.evaluation.complexity import measure_complexity
from har_core.models.registry import architecture_module, create_model, is_network, list_models
from pipelines.session import open_home


@dataclass(frozen=True, slots=True)
class ArchitectureEntry:
    """One architecture, at the shape of a DSADS segment and with its default options."""

    name: str
    num_parameters: int | None
    """None of a classical model, which has as many as its training windows ask for."""
    macs: int | None
    """Multiply-accumulates for one window."""
    source: str
    """The file that defines it."""


def list_architectures() -> list[ArchitectureEntry]:
    """Every architecture of this installation, by name."""
    entries = []
    for name in list_models():
        source = architecture_module(name).replace(".", "/") + ".py"
        if not is_network(name):
            entries.append(ArchitectureEntry(name, None, None, source))
            continue
        model = create_model(name, num_channels=NUM_CHANNELS, num_timepoints=SEGMENT_LENGTH, num_classes=NUM_ACTIVITIES)
        cost = measure_complexity(model, SEGMENT_LENGTH, NUM_CHANNELS)
        entries.append(ArchitectureEntry(name, cost.num_parameters, cost.macs, source))
    return entries


def list_registered() -> list[RegisteredVersion]:
    """Every registered version of this home; none where nothing was run yet."""
    home = open_home()
    if not (home.mlruns / "mlflow.db").is_file():
        return []
    return Registry(Tracking(home)).registered()
