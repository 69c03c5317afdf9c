"""Binary weights: which layers have them, what training sees, and that a weight takes a bit."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from compressing import (
    C,
    K,
    T,
    assert_same_weights,
    check_exported,
    material_of,
    parent_of,
    raw_windows,
    saved,
    weights,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from har_core.compression.binary import BinaryWeights, inner_weights, packed, unpacked
from har_core.compression.products import export
from har_core.compression.recipe import Compressed, compress
from har_core.compression.trained_under import TrainedUnder
from har_core.evaluation.complexity import measure_complexity
from har_core.inference.classifier import weights_version
from har_core.settings.recipes import BinarySettings

SETTINGS = BinarySettings(epochs=2)
INNER = {
    "cnn": {f"body.{block}.conv.weight" for block in (1, 2, 3)},
    "resnet": {
        *(f"body.{block}.{conv}.weight" for block in range(4) for conv in ("conv1", "conv2", "shortcut_conv")),
    }
    - {"body.0.conv1.weight", "body.0.shortcut_conv.weight"},
    "compact": {f"body.{block}.filters.{layer}.weight" for block in range(3) for layer in (0, 2)},
    "lstm": {"lstm.weight_ih_l1", "lstm.weight_hh_l1"},
    "bilstm": {f"lstm.weight_{kind}_l1{way}" for kind in ("ih", "hh") for way in ("", "_reverse")},
    "deepconvlstm": {
        *(f"convs.{layer}.weight" for layer in (1, 2, 3)),
        *(f"lstm.weight_{kind}_l{layer}" for kind in ("ih", "hh") for layer in (0, 1)),
    },
}


@cache
def trained(name: str) -> Compressed:
    return compress(SETTINGS, parent_of(name), material_of(name))


@pytest.mark.parametrize("name", INNER)
def test_all_layers_but_the_first_and_the_last_have_them(name: str) -> None:
    parent = parent_of(name)
    assert inner_weights(export(parent.model, raw_windows(2))) == {f"network.{own}" for own in INNER[name]}


@pytest.mark.parametrize("name", ["resnet", "lstm"])
def test_a_weight_takes_one_bit(name: str, tmp_path: Path) -> None:
    parent = parent_of(name)
    before = weights(parent.model)
    compressed = trained(name)
    assert_same_weights(parent.model, before)
    assert len(compressed.history) == 2
    loaded = check_exported(compressed)
    with pytest.raises(RuntimeError, match="no finite number"):
        loaded(torch.full((1, T, C), float("nan")))
    small, large = (measure_complexity(model, T, C) for model in (loaded, parent.model))
    inner = [before[f"network.{own}"] for own in INNER[name]]
    num_bits, num_filters = sum(tensor.numel() for tensor in inner), sum(len(tensor) for tensor in inner)
    num_counters = sum(tensor.dtype == torch.int64 for tensor in before.values())  # of batch norm, which nothing uses
    saved_bytes = 4 * num_bits - num_bits // 8 - 4 * num_filters + 8 * num_counters
    assert small.size_bytes == large.size_bytes - saved_bytes
    assert (small.num_parameters, small.macs) == (large.num_parameters, large.macs)
    assert not {f"network.{own}" for own in INNER[name]} & loaded.state_dict().keys()


def test_the_file_shrinks(tmp_path: Path) -> None:
    """Of a network that is not so small that the text of its graph counts for more."""
    torch.manual_seed(0)
    layers = [nn.Linear(T * C, 300), nn.Linear(300, 300), nn.Linear(300, 300), nn.Linear(300, K)]
    graph = export(nn.Sequential(nn.Flatten(), *layers), raw_windows(2))
    large = saved(graph, tmp_path).stat().st_size
    small = saved(packed(graph, inner_weights(graph)), tmp_path).stat().st_size
    assert large - small == pytest.approx(2 * 4 * 300**2 * 31 / 32, rel=0.05)


def test_the_same_seed_gives_the_same_weights() -> None:
    again = compress(SETTINGS, parent_of("lstm"), material_of("lstm"))
    assert weights_version(again.classifier) == weights_version(trained("lstm").classifier)


@pytest.mark.parametrize("name", ["cnn", "bilstm", "tinyhar"])
def test_training_sees_what_is_packed(name: str) -> None:
    """Also of layers that hand their weights over in a list of their own, as PyTorch's recurrent modules do."""
    parent, material = parent_of(name), material_of(name)
    network = parent.network(material)
    graph = export(network, material.windows.roles["training"].windows)
    names, windows = inner_weights(graph), material.windows.roles["test"].windows
    with torch.inference_mode():
        seen = TrainedUnder(network, lambda own: BinaryWeights(names, own))(windows)
        exact = network(windows)
    with torch.no_grad():
        stored = packed(graph, names)(windows)
    torch.testing.assert_close(seen, stored, rtol=1e-4, atol=1e-5)
    assert (seen - exact).abs().max() > 1e-3


def test_gradients_pass_the_sign_within_1() -> None:
    layer = nn.Linear(3, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.5, -0.2, 2.0], [0.1, -3.0, 0.0]]))
    under = TrainedUnder(layer, lambda own: BinaryWeights({"weight"}, own))
    answer = under(torch.eye(3)).t()
    sizes = torch.tensor([[0.9], [3.1 / 3]])
    torch.testing.assert_close(answer, torch.tensor([[1.0, -1.0, 1.0], [1.0, -1.0, 1.0]]) * sizes)
    torch.autograd.backward(answer, torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    # Of the sign, times the size of the filter; and of the size, which each of three weights has a third of.
    expected = torch.tensor([[0.9 + 1 / 3, -1 / 3, 1 / 3], [-1 / 3, 1 / 3, 0.0]])
    torch.testing.assert_close(layer.weight.grad, expected)


def test_the_weights_themselves_are_what_is_trained() -> None:
    layer = nn.Linear(3, 2)
    before = layer.weight.detach().clone()
    under = TrainedUnder(layer, lambda own: BinaryWeights({"weight"}, own))
    under(torch.randn(5, 3))
    assert torch.equal(layer.weight, before)
    assert dict(under.named_parameters())["network.weight"] is layer.weight


@given(shape=st.lists(st.integers(1, 5), min_size=2, max_size=3), seed=st.integers(0, 2**16))
@settings(max_examples=30, deadline=None)
def test_bits_come_back(shape: list[int], seed: int) -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(seed)))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.weight.sum()

    own = Wrapped()
    small = packed(torch.fx.symbolic_trace(own), {"weight"})
    buffers = small.state_dict()
    back = unpacked(buffers["weight_bits"], buffers["weight_sizes"], tuple(shape))
    assert len(buffers["weight_bits"]) == -(-own.weight.numel() // 8)
    assert torch.equal(back >= 0, own.weight >= 0)
    sizes = own.weight.detach().abs().flatten(1).mean(dim=1)
    torch.testing.assert_close(back.abs().flatten(1), sizes[:, None].expand(-1, back[0].numel()))


def test_a_network_of_two_layers_has_none_between() -> None:
    class TwoLayers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Flatten(), nn.Linear(T * C, 4), nn.ReLU(), nn.Linear(4, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = self.layers(x)
            return answer

    assert inner_weights(export(TwoLayers(), raw_windows(2))) == set()
