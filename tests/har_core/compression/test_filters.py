"""Networks really shrink, by the share that was asked for, and answer as if what is gone were silent."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from compressing import C, T, assert_same_weights, check_exported, material_of, parent_of, weights
from torch import nn

from har_core.base.errors import InputError
from har_core.compression import filters
from har_core.compression.filters import cut, left, list_units
from har_core.compression.recipe import Compressed, compress
from har_core.evaluation.complexity import measure_complexity
from har_core.models.layers.series import ChannelHead
from har_core.models.registry import create_model
from har_core.settings.recipes import FiltersSettings

SETTINGS = FiltersSettings(share=0.5, steps=2, epochs=1, learning_rate=0.01)


def widths(network: nn.Module) -> dict[str, int]:
    examples = material_of("cnn").windows.roles["training"].windows[:4]
    return {own.name: len(own.norms) for own in list_units(network, examples)}


def network_of(compressed: Compressed) -> nn.Module:
    return compressed.classifier.get_submodule("network")


@pytest.mark.parametrize("name", ["cnn", "resnet", "lstm", "compact", "vgg"])
def test_the_contracts_hold(name: str) -> None:
    parent, material = parent_of(name), material_of(name)
    before = weights(parent.model)
    compressed = compress(SETTINGS, parent, material)
    assert_same_weights(parent.model, before)
    assert_same_weights(compress(SETTINGS, parent, material).classifier, weights(compressed.classifier))
    small, large = (measure_complexity(model, T, C) for model in (check_exported(compressed), parent.model))
    # A layer of half the outputs and half the inputs has a quarter of the weights.
    assert 0.2 < small.num_parameters / large.num_parameters < 0.55
    assert small.macs < 0.6 * large.macs
    assert widths(network_of(compressed)) == left(widths(parent.network(material)), 0.5)


@pytest.mark.parametrize("name", ["shufflenet", "deepconvlstm"])
def test_what_nothing_can_be_removed_from_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} has nothing that can be removed"):
        compress(SETTINGS, parent_of(name), material_of(name))


@pytest.mark.parametrize("name", ["transformer", "sknet", "capsnet"])
def test_an_architecture_that_cannot_be_cut_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} cannot be cut"):
        compress(SETTINGS, parent_of(name), material_of(name))


def test_a_cut_that_takes_the_wrong_weights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right = filters._pruner_of_heads

    def wrong(pruning: Any) -> Any:
        heads = right(pruning)

        def prune(layer: ChannelHead, idxs: list[int]) -> ChannelHead:  # as if channels came first
            num_features = layer.linear.in_features // layer.num_channels
            columns = [channel * num_features + index for index in idxs for channel in range(layer.num_channels)]
            pruning.prune_linear_in_channels(layer.linear, columns)
            return layer

        monkeypatch.setattr(type(heads), "prune_in_channels", lambda _, layer, idxs: prune(layer, idxs), raising=True)
        return heads

    monkeypatch.setattr(filters, "_pruner_of_heads", wrong)
    with pytest.raises(InputError, match="cnn cannot be cut"):
        compress(SETTINGS, parent_of("cnn"), material_of("cnn"))


@pytest.mark.parametrize("name", ["lstm", "bilstm", "gru"])
def test_hidden_units_that_do_nothing_are_the_first_to_go(name: str) -> None:
    torch.manual_seed(1)
    network = create_model(name, num_channels=C, num_timepoints=T, num_classes=3, hidden_size=8).eval()
    layers = network.get_submodule("gru" if name == "gru" else "lstm")
    idle = torch.tensor([False, True, False, False, True, False, False, True])
    with torch.no_grad():
        for key, parameter in layers.named_parameters():
            parameter[idle.repeat(len(parameter) // 8)] = 0.0
            if key.startswith("weight_hh"):
                parameter[:, idle] = 0.0
            elif key.startswith("weight_ih_l1"):
                parameter[:, idle.repeat(parameter.shape[1] // 8)] = 0.0
        head = network.get_parameter("linear.weight")
        head[:, idle.repeat(head.shape[1] // 8)] = 0.0
    windows = torch.randn(5, T, C)
    expected = network(windows).detach()
    cut(network, windows[:2], dict.fromkeys(widths(network), 5))
    assert layers.hidden_size == 5
    torch.testing.assert_close(network(windows).detach(), expected, rtol=1e-4, atol=1e-5)


def test_one_filter_is_left_at_least() -> None:
    assert left({"a": 3, "b": 10}, 0.9) == {"a": 1, "b": 1}
    assert left({"a": 3, "b": 10}, 0.25) == {"a": 2, "b": 8}
