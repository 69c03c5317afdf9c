"""First weights: of which layers, and how large."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from torch import nn

from har_core.settings.training import TrainingSettings
from har_core.training.initialisation import initialise


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(40, 60, 5)
        self.norm = nn.BatchNorm1d(60)
        self.lstm = nn.LSTM(60, 32, num_layers=2, bidirectional=True)
        self.linear = nn.Linear(200, 100, bias=False)


def made(**fields: Any) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Weights before and after."""
    torch.manual_seed(0)
    network = Network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    initialise(network, TrainingSettings(**fields))
    return before, network.state_dict()


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}


def test_by_default_nothing_changes_and_nothing_is_drawn() -> None:
    assert not changed(*made())
    state = torch.get_rng_state()
    initialise(Network().eval(), TrainingSettings())
    torch.manual_seed(0)
    Network()
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("name", "conv", "linear"),
    [("he", (2 / 200) ** 0.5, (2 / 200) ** 0.5), ("xavier", (2 / (200 + 300)) ** 0.5, (2 / 300) ** 0.5)],
)
def test_deviations_are_those_of_the_papers(name: str, conv: float, linear: float) -> None:
    before, after = made(initialisation=name)
    assert changed(before, after) == {"conv.weight", "conv.bias", "linear.weight"}
    assert after["conv.weight"].std().item() == pytest.approx(conv, rel=0.03)
    assert after["linear.weight"].std().item() == pytest.approx(linear, rel=0.03)
    assert not after["conv.bias"].any()
    is_normal = after["linear.weight"].abs().max() > 2 * linear
    assert is_normal == (name == "he")


@pytest.mark.parametrize("groups", [1, 8, 64])
@pytest.mark.parametrize(("name", "expected"), [("he", 2.0), ("xavier", 1.0)])
def test_groups_keep_the_variance_as_whole_layers_do(name: Any, expected: float, groups: int) -> None:
    torch.manual_seed(0)
    layer = nn.Conv1d(64, 64, 5, groups=groups)
    initialise(layer, TrainingSettings(initialisation=name))
    assert layer(torch.randn(50, 64, 30)).var().item() == pytest.approx(expected, rel=0.3)


@pytest.mark.parametrize("name", ["he", "xavier"])
def test_layers_that_begin_at_zero_stay(name: Literal["he", "xavier"]) -> None:
    layer = nn.Linear(5, 3)
    nn.init.zeros_(layer.weight)
    bias = layer.bias.clone()
    initialise(layer, TrainingSettings(initialisation=name))
    assert not layer.weight.any()
    assert torch.equal(layer.bias, bias)


def test_each_gate_is_orthogonal() -> None:
    before, after = made(recurrent_initialisation="orthogonal")
    recurrent = {name for name in after if "weight_hh" in name}
    assert changed(before, after) == recurrent
    assert len(recurrent) == 4
    for name in recurrent:
        for gate in torch.split(after[name], 32):
            torch.testing.assert_close(gate @ gate.T, torch.eye(32), atol=1e-5, rtol=0)
