from __future__ import annotations

import itertools
import time

import pytest
import torch
from torch import nn

from har_core.evaluation import latency
from har_core.evaluation.latency import describe_machine, measure_latency
from har_core.settings.report import EvaluationSettings

SETTINGS = EvaluationSettings(latency_repeats=20, latency_warmup=4, throughput_batch_size=16)


class _Recording(nn.Module):
    """Remembers what it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.batch_sizes: list[int] = []
        self.was_training: set[bool] = set()

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        assert windows.shape[1:] == (10, 3)
        assert windows.dtype == torch.float32
        self.batch_sizes.append(len(windows))
        self.was_training.add(self.training or torch.is_grad_enabled())
        return windows


def test_calls_are_as_many_as_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    network = _Recording().train()
    measured = measure_latency(network, 10, 3, SETTINGS)
    assert network.batch_sizes == [1] * (4 + 20) + [16] * (1 + latency.NUM_THROUGHPUT_CALLS)
    assert network.was_training == {False}
    assert (measured.warmup, measured.repeats, measured.batch_size) == (4, 20, 16)
    assert measured.num_threads == torch.get_num_threads()


def test_median_percentile_and_throughput_come_from_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    # One window takes 1, 2, ... 20 ms, a batch 8 ms.
    durations = [*(n / 1000 for n in range(1, 21)), 0.008, 0.008, 0.008]
    ticks = itertools.chain.from_iterable((100.0, 100.0 + duration) for duration in durations)
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    measured = measure_latency(_Recording(), 10, 3, SETTINGS)
    assert measured.batch1_median_ms == pytest.approx(10.5)
    assert measured.batch1_p95_ms == pytest.approx(19.05)
    assert measured.throughput_windows_per_s == pytest.approx(16 / 0.008)


@pytest.mark.parametrize(("seconds_a_call", "repeats"), [(0.2, 20), (0.5, 10), (2.5, 3), (9.0, 3)])
def test_a_very_slow_network_is_timed_less_often(
    monkeypatch: pytest.MonkeyPatch, seconds_a_call: float, repeats: int
) -> None:
    ticks = itertools.count(step=seconds_a_call)
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    assert measure_latency(_Recording(), 10, 3, SETTINGS).repeats == repeats


def test_the_machine_is_named() -> None:
    machine = describe_machine()
    assert machine.processor.strip()
    assert machine.num_cores >= 1
    assert machine.torch_version == torch.__version__
