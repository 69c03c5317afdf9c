"""Which recipes can be applied to which architectures is known beforehand, and is so."""

from __future__ import annotations

import pytest
import torch
from data_sets import as_in_dsads, small_dsads
from stored_predictions import path_of
from torch import Tensor, fx, nn

from har_core.compression.binary import inner_weights
from har_core.compression.filters import MISUNDERSTOOD, cut, left, list_units
from har_core.compression.hints import Matching
from har_core.compression.products import RECURRENT, export, last_layer, weights_of
from har_core.experiment.recipes import why_not
from har_core.inference.classifier import RawWindowClassifier
from har_core.models import create_model, fit_model, list_models
from har_core.models.catalogue import WITHOUT_LAST_LAYER, is_network

pytestmark = pytest.mark.slow

T, C, K = 100, 6, 3
NETWORKS = [name for name in list_models() if is_network(name)]


def windows() -> tuple[Tensor, Tensor]:
    """Windows of three activities that differ in level, and these."""
    labels = torch.arange(30) % K
    noise = torch.randn(len(labels), T, C, generator=torch.Generator().manual_seed(0))
    return noise + labels[:, None, None], labels


def make(name: str) -> nn.Module:
    x, labels = windows()
    if not is_network(name):
        return fit_model(name, x, labels, num_classes=K, seed=0, **as_in_dsads(C))
    torch.manual_seed(0)
    network = create_model(name, num_channels=C, num_timepoints=T, num_classes=K)
    with torch.no_grad():
        network.train()(x[:8])  # statistics of batch norm that are not the first
    return network.eval()


def graph_of(name: str) -> fx.GraphModule:
    return export(RawWindowClassifier(make(name), small_dsads(C, K)).eval(), windows()[0])


@pytest.mark.parametrize("name", list_models())
def test_int8_dynamic_and_binary_find_what_they_change(name: str) -> None:
    graph = graph_of(name)
    found = {
        "int8": any(map(weights_of, graph.graph.nodes)),
        "dynamic": any(node.target in RECURRENT for node in graph.graph.nodes),
        "binary": bool(inner_weights(graph)) or not is_network(name),
    }
    assert bool(last_layer(graph)) == (name not in WITHOUT_LAST_LAYER)
    assert {kind: why_not(kind, name) is None for kind in found} == found


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in WITHOUT_LAST_LAYER])
def test_features_of_every_student_are_seen(name: str) -> None:
    matching = Matching(make(name), (T, C), num_features=3)
    matching(windows()[0][:2])
    assert matching.mismatch(torch.zeros(2, 3)).isfinite()


@pytest.mark.parametrize("name", NETWORKS)
def test_filters_cut_what_can_be_cut(name: str) -> None:
    network, examples = make(name), windows()[0][:4]
    try:
        widths = {own.name: len(own.norms) for own in list_units(network, examples)}
        fewer = left(widths, 0.5)
        cut(network, examples, fewer)
        is_cut = fewer != widths
    except MISUNDERSTOOD:
        is_cut = False
    assert not (is_cut and why_not("filters", name))
    assert is_cut or why_not("filters", name) or not path_of(name).is_file()  # one that is new here need not be listed
