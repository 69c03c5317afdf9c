"""Small classifiers, exported and read again as registered models are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from data_sets import as_in_dsads, small_dsads
from torch import nn

from har_core.inference.classifier import RawWindowClassifier
from har_core.inference.exporting import quick_export
from har_core.inference.graph import load_graph
from har_core.models.catalogue import is_network
from har_core.models.registry import create_model, fit_model

NUM_TIMEPOINTS = 24
SPEC = small_dsads(6, 4)


def graph_of(network: nn.Module, folder: Path) -> nn.Module:
    """A network as a classifier of raw windows of :data:`SPEC`."""
    return load_graph(write_graph(network, folder))


def write_graph(network: nn.Module, folder: Path) -> Path:
    """Its file."""
    mean, deviation = torch.linspace(-1, 1, SPEC.num_channels), torch.linspace(0.5, 2, SPEC.num_channels)
    classifier = RawWindowClassifier(network, SPEC, mean=mean, standard_deviation=deviation).eval()
    example = torch.zeros(2, NUM_TIMEPOINTS, SPEC.num_channels)
    with quick_export():
        program = torch.export.export(classifier, (example,), dynamic_shapes=({0: torch.export.Dim("N")},))
    torch.export.save(program, folder / "model.pt2")
    return folder / "model.pt2"


def small(name: str, **options: Any) -> nn.Module:
    """A model of an architecture, with weights of the seed 0."""
    sizes = {"num_channels": SPEC.num_channels, "num_timepoints": NUM_TIMEPOINTS, "num_classes": SPEC.num_activities}
    torch.manual_seed(0)
    if is_network(name):
        return create_model(name, **sizes, **options)
    labels = torch.arange(40) % SPEC.num_activities
    windows = torch.randn(40, NUM_TIMEPOINTS, SPEC.num_channels) * (1 + labels[:, None, None] / 4)
    told = as_in_dsads(SPEC.num_channels)
    return fit_model(name, windows, labels, num_classes=SPEC.num_activities, seed=0, **told, **options)
