"""Networks over sensors, and the network with early exits: what the contract cannot see."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from narrowing import as_type, present
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from har_core.models import create_model
from har_core.models.adaptive import Adaptive
from har_core.models.dynamic_graph import DynamicGraph, Exchange
from har_core.models.late_fusion import LateFusion

SIZES = {"num_channels": 7, "num_timepoints": 40, "num_classes": 4}


def windows(num_windows: int = 6) -> Tensor:
    return torch.randn(num_windows, 40, 7, generator=torch.Generator().manual_seed(0))


def test_each_sensor_has_an_encoder_of_its_own() -> None:
    """The grouped convolutions are those of one sensor at a time; the last of the three sensors has one channel."""
    model = as_type(LateFusion, create_model("late_fusion", **SIZES).eval())
    x = torch.cat([windows(), torch.zeros(6, 40, 2)], dim=2).transpose(1, 2)
    together = model.encoders(x)
    for sensor in range(3):
        y = x[:, 3 * sensor : 3 * sensor + 3]
        for block in model.encoders:
            conv, norm, relu = as_type(nn.Sequential, block)
            conv, norm = as_type(nn.Conv1d, conv), as_type(nn.BatchNorm1d, norm)
            mean, variance = present(norm.running_mean), present(norm.running_var)
            width = conv.out_channels // 3
            own = slice(sensor * width, (sensor + 1) * width)
            y = nn.functional.conv1d(y, conv.weight[own], stride=2, padding=2)
            y = relu((y - mean[own, None]) / (variance[own, None] + norm.eps).sqrt())
        torch.testing.assert_close(together[:, sensor * width : (sensor + 1) * width], y, rtol=1e-4, atol=1e-5)


def test_an_edge_is_one_map_of_both_its_nodes() -> None:
    """Two maps of one node each are the paper's map of two nodes side by side."""
    torch.manual_seed(0)
    exchange = Exchange(4, 5, 6).eval()
    nodes = torch.randn(3, 4, 5)
    edges, strength = exchange.edges(nodes)
    weight = torch.cat([exchange.sender.weight, exchange.receiver.weight], dim=1)
    pairs = [(i, j) for i in range(4) for j in range(i, 4)]
    heard = torch.zeros(3, 4, 6)
    for edge, (i, j) in enumerate(pairs):
        both = torch.cat([nodes[:, i], nodes[:, j]], dim=1) @ weight.T + exchange.receiver.bias
        torch.testing.assert_close(edges[:, edge], exchange.edge_norm(both).relu())
        for node in {i, j}:
            heard[:, node] += edges[:, edge] * (1 + strength[:, edge]) / 4
    expected = exchange.node_norm(exchange.node(heard).flatten(0, 1)).relu().view(3, 4, 6)
    torch.testing.assert_close(exchange(nodes), expected)
    assert strength.min() > 0
    assert strength.max() < 1
    assert strength.std(dim=0).min() > 0  # other windows, other edges


def test_the_published_sizes_of_the_graph_are_options() -> None:
    options: dict[str, Any] = {"channels_per_sensor": 2, "kernel_size": 1, "edge_width": 512, "dropout": 0.6}
    model = as_type(DynamicGraph, create_model("dynamic_graph", **SIZES, **options).eval())
    assert model(windows()).shape == (6, 4)
    assert model.exchange.ends_SE.shape == (4, 10)


@pytest.fixture
def adaptive() -> Adaptive:
    """One in which each exit but the last would answer half of the windows."""
    torch.manual_seed(0)
    model = as_type(Adaptive, create_model("adaptive", **SIZES, threshold=0.5).eval())
    with torch.no_grad():
        for gate, logits in zip(model.gates, model._exits(windows(64))[1], strict=False):
            as_type(nn.Linear, gate).bias.sub_(logits.median())
    return model


def test_answering_early_equals_computing_everything(adaptive: Adaptive) -> None:
    x = windows(64)
    with torch.inference_mode():
        logits, exits = adaptive.answer(x)
        torch.testing.assert_close(logits, adaptive(x), rtol=1e-4, atol=1e-5)
        assert set(exits.tolist()) == {0, 1, 2, 3}
        assert torch.equal(exits, adaptive.exits_taken(x))
        for number in range(4):
            torch.testing.assert_close(
                logits[exits == number], adaptive.up_to_exit(x, number)[exits == number], rtol=1e-4, atol=1e-5
            )


def test_a_stage_computes_only_windows_without_an_answer(adaptive: Adaptive) -> None:
    seen: list[int] = []
    for stage in adaptive.stages:
        stage.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    with torch.inference_mode():
        exits = adaptive.answer(windows(64))[1]
    assert seen == [64, *((exits >= number).sum().item() for number in (1, 2, 3))]


def test_gates_learn_to_know_when_their_exit_is_right_and_change_no_features() -> None:
    model = as_type(Adaptive, create_model("adaptive", **SIZES, dropout=0.0))
    targets = torch.eye(4)[torch.arange(6) % 4]
    torch.autograd.backward(model.training_loss(windows(), targets, lambda logits, _: logits.sum() * 0))
    touched = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert touched == {f"gates.{number}.{part}" for number in range(3) for part in ("weight", "bias")}
    losses = [cross_entropy(logits, targets) for logits in model._exits(windows())[0]]
    plain = model.training_loss(windows(), targets, cross_entropy) - model.training_loss(
        windows(), targets, lambda logits, _: logits.sum() * 0
    )
    torch.testing.assert_close(plain, torch.stack(losses).mean())
