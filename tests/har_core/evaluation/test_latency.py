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


@pytest.fixture(autouse=True)
def without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "has_bf16", lambda: False)


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
    assert network.batch_sizes == [1] * (4 + 20) + [16] * (1 + latency.NUM_THROUGHPUT_CALLS) + [
        1
    ]  # the last for its memory
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


def test_bf16_is_timed_where_the_processor_computes_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Seeing(_Recording):
        def forward(self, windows: torch.Tensor) -> torch.Tensor:
            seen.append(torch.is_autocast_enabled("cpu"))
            return super().forward(windows)

    seen: list[bool] = []
    assert measure_latency(Seeing(), 10, 3, SETTINGS).bf16 is None
    assert not any(seen)
    monkeypatch.setattr(latency, "has_bf16", lambda: True)
    seen.clear()
    measured = measure_latency(Seeing(), 10, 3, SETTINGS)
    assert measured.bf16 is not None
    assert measured.bf16.batch1_median_ms > 0
    assert sum(seen) == (len(seen) - 1) // 2  # half of the timed ones, and one for its memory


def test_a_model_that_has_no_bf16_is_timed_without(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(_Recording):
        def forward(self, windows: torch.Tensor) -> torch.Tensor:
            if torch.is_autocast_enabled("cpu"):
                raise RuntimeError("not implemented for 'BFloat16'")
            return super().forward(windows)

    monkeypatch.setattr(latency, "has_bf16", lambda: True)
    measured = measure_latency(Refusing(), 10, 3, SETTINGS)
    assert measured.bf16 is None
    assert measured.peak_bytes == 10 * 3 * 4  # it returns what it took
