from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from narrowing import as_type
from torch import nn

from har_core.compression.binary import unpacked
from har_core.compression.products import export
from har_core.evaluation.complexity import measure_complexity
from har_core.models import create_model, fit_model
from har_core.models.adaptive import Adaptive

T, C, K = 125, 45, 19
FEATURES = (1, 64, 128, 256, 512)


class _OnTranspose(nn.Module):
    """Gives (N, C, T) to a layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.layer(windows.transpose(1, 2))
        return answer


@pytest.mark.parametrize(
    ("network", "macs"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(T * C, K)), T * C * K),
        (nn.Sequential(nn.Flatten(), nn.Linear(T * C, K, bias=False)), T * C * K),
        (_OnTranspose(nn.Conv1d(C, 64, 3, padding=1)), T * 64 * C * 3),
        (_OnTranspose(nn.Conv1d(C, 2 * C, 3, padding=1, groups=C)), T * 2 * C * 3),
        (_OnTranspose(nn.Conv1d(C, 64, 3, stride=2, padding=1)), 63 * 64 * C * 3),
        (nn.LSTM(C, 32, num_layers=2, batch_first=True), T * 4 * 32 * (C + 32 + 32 + 32)),
        (nn.GRU(C, 32, batch_first=True), T * 3 * 32 * (C + 32)),
    ],
)
def test_macs_equal_the_formula(network: nn.Module, macs: int) -> None:
    assert measure_complexity(network, T, C).macs == macs


def _halvings() -> list[int]:
    """Timepoints after each convolution of stride 2."""
    lengths = [T]
    for _ in FEATURES[1:]:
        lengths.append((lengths[-1] + 1) // 2)
    return lengths[1:]


def _time_convolutions(macs_of_step: Callable[[int, int], int]) -> int:
    steps = zip(FEATURES, FEATURES[1:], _halvings(), strict=False)
    return sum(C * length * macs_of_step(f_in, f_out) for f_in, f_out, length in steps) + 512 * C * K


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("cnn", _time_convolutions(lambda f_in, f_out: 3 * f_in * f_out)),
        ("resnet", _time_convolutions(lambda f_in, f_out: 2 * 3 * f_in * f_out + f_out * f_out)),
        ("lstm", T * 4 * 512 * (C + 512 + 512 + 512) + 512 * K),
        ("shufflenet", _time_convolutions(lambda f_in, f_out: 3 * f_in + f_in * f_out)),
    ],
)
def test_macs_of_the_architectures_equal_the_formula(name: str, macs: int) -> None:
    network = create_model(name, num_channels=C, num_timepoints=T, num_classes=K)
    # The formula counts products with the padding too, which a depthwise convolution of shifted products leaves out.
    assert measure_complexity(network, T, C).macs == pytest.approx(macs, rel=5e-4)


def test_bytes_and_parameters_are_counted_with_buffers_apart() -> None:
    complexity = measure_complexity(_OnTranspose(nn.BatchNorm1d(C)), T, C)
    assert complexity.num_parameters == 2 * C
    assert complexity.size_bytes == 4 * (2 * C) + 4 * (2 * C) + 8  # weights; mean and variance; batches counted
    assert complexity.macs == 0


def test_the_model_stays_as_it_is() -> None:
    network = nn.LSTM(C, 8, batch_first=True).train()
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    measure_complexity(network, T, C)
    assert network.training
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())


def test_a_classical_model_has_learnt_its_buffers() -> None:
    x, labels = torch.randn(20, 10, 3, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 2
    linear = measure_complexity(
        fit_model("logistic_regression", x, labels, num_classes=4, seed=0, sampling_rate_hz=25.0), 10, 3
    )
    assert linear.num_parameters == 24 * 4 + 4
    assert linear.macs == 24 * 4
    assert linear.size_bytes == 8 * linear.num_parameters
    forest = fit_model("random_forest", x, labels, num_classes=4, seed=0, sampling_rate_hz=25.0, num_trees=3)
    num_nodes = len(forest.get_buffer("threshold_V"))
    num_distributions = len(forest.get_buffer("probabilities_DK"))
    assert measure_complexity(forest, 10, 3).num_parameters == 5 * num_nodes + 4 * num_distributions + 3


def test_the_mean_cost_of_windows_that_leave_early() -> None:
    network = as_type(Adaptive, create_model("adaptive", num_channels=C, num_timepoints=T, num_classes=K).eval())
    batches = torch.split(torch.randn(10, T, C), 4)
    gates = [as_type(nn.Linear, gate) for gate in network.gates]
    for gate in gates:
        nn.init.zeros_(gate.weight)
        nn.init.constant_(gate.bias, -9.0)
    to_the_end = measure_complexity(network, T, C, batches)
    assert to_the_end.mean_macs == to_the_end.macs
    nn.init.constant_(gates[0].bias, 9.0)
    at_the_first = 63 * 32 * C * 5 + 64 * (K + 1)
    assert measure_complexity(network, T, C, batches).mean_macs == at_the_first
    network.exits_taken = lambda windows: (torch.arange(len(windows)) < 1) * 3  # type: ignore[method-assign, assignment]
    mixed = measure_complexity(network, T, C, batches).mean_macs
    assert mixed == pytest.approx((3 * to_the_end.macs + 7 * at_the_first) / 10)


def test_there_is_no_mean_cost_without_early_exits_or_windows() -> None:
    batches = torch.split(torch.randn(10, T, C), 4)
    assert measure_complexity(nn.Sequential(nn.Flatten(), nn.Linear(T * C, K)), T, C, batches).mean_macs is None
    assert (
        measure_complexity(create_model("adaptive", num_channels=C, num_timepoints=T, num_classes=K), T, C).mean_macs
        is None
    )


class _Stored(nn.Module):
    """A linear layer that makes its weights from what is stored."""

    def __init__(self, stored: torch.Tensor, make: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.stored, self.scales, self.make = nn.Buffer(stored), nn.Buffer(torch.ones(K, 1)), make

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(windows.flatten(1), self.make(self.stored, self.scales))


def test_int8_weights_count_and_making_float_of_them_does_not() -> None:
    stored = torch.ones(K, T * C, dtype=torch.int8)
    stored[0] = 0
    complexity = measure_complexity(_Stored(stored, lambda own, scales: own.float() * scales), T, C)
    assert complexity.macs == T * C * K
    assert complexity.num_parameters == T * C * K
    assert complexity.num_nonzero == T * C * (K - 1)
    assert complexity.size_bytes == T * C * K + 4 * K


def test_eight_weights_of_one_bit_are_a_byte() -> None:
    stored = torch.zeros(-(-T * C * K // 8), dtype=torch.uint8)
    complexity = measure_complexity(_Stored(stored, lambda own, sizes: unpacked(own, sizes, (K, T * C))), T, C)
    assert complexity.macs == T * C * K
    assert complexity.num_parameters == complexity.num_nonzero == 8 * len(stored)
    assert complexity.size_bytes == len(stored) + 4 * K


def test_products_of_weights_alone_do_not_count() -> None:
    class LowRank(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Parameter(torch.ones(K, 2)), nn.Parameter(torch.ones(2, T * C))

        def forward(self, windows: torch.Tensor) -> torch.Tensor:
            return nn.functional.linear(windows.flatten(1), self.left @ self.right)

    assert measure_complexity(LowRank(), T, C).macs == T * C * K


def test_an_exported_graph_costs_what_its_network_does() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.GRU(C, 8, batch_first=True)

        def forward(self, windows: torch.Tensor) -> torch.Tensor:
            states: torch.Tensor = self.layer(windows)[0]  # its first states are made on the processor
            return states

    network = Recurrent()
    graph = export(network, torch.zeros(2, T, C))
    assert measure_complexity(graph, T, C).macs == measure_complexity(network, T, C).macs
