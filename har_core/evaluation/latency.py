"""How fast a network answers on this machine, in how much memory, and which machine that is."""

from __future__ import annotations

import os
import platform
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from har_core.evaluation.peak_memory import peak_bytes
from har_core.settings.report import EvaluationSettings
from har_core.training.devices import autocast, has_bf16

NUM_THROUGHPUT_CALLS = 3
_ENOUGH_SECONDS = 5.0
"""A network so slow that its repeats take longer is timed less often, though never less than three times."""
_FEWEST_REPEATS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the clock ran on."""

    processor: str
    num_cores: int
    """Cores this process may use."""
    system: str
    torch_version: str


@dataclass(frozen=True, kw_only=True)  # without slots: a class can inherit those of one base alone
class Times:
    """On the CPU; compare them only with times of the same machine and number of threads."""

    batch1_median_ms: float
    batch1_p95_ms: float
    throughput_windows_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency(Times):
    """Times of the model as it is, and how they were taken."""

    num_threads: int
    """Threads of one operation in PyTorch."""
    warmup: int
    """Calls with one window before the clock starts."""
    repeats: int
    """Timed calls with one window: as many as were asked for, fewer of a very slow network."""
    batch_size: int
    """Windows in one call when throughput is measured."""
    machine: Machine
    peak_bytes: int | None = None
    """Of its own numbers and what is held besides while one window is answered; None if it was not measured."""
    bf16: Times | None = None
    """With products in bf16; None if it was not measured, as the processor does not compute in it, or the model."""


def measure_latency(model: nn.Module, num_timepoints: int, num_channels: int, settings: EvaluationSettings) -> Latency:
    """Time ``model`` on zeros (N, T, C) on the CPU, in evaluation mode.

    One window at a time: median and 95th percentile of ``latency_repeats`` calls after ``latency_warmup`` calls.
    Throughput: batch size over the median time of three calls, after one call to warm up. The model is moved to the
    CPU and set to evaluation mode.
    """
    model.to("cpu").eval()
    batch_size = settings.throughput_batch_size
    one, batch = (torch.zeros(size, num_timepoints, num_channels) for size in (1, batch_size))
    times, repeats = _times(model, one, batch, settings)
    bf16 = None
    if has_bf16():
        with suppress(RuntimeError), autocast(one.device, "bf16"):  # some operations have no bf16
            bf16, _ = _times(model, one, batch, settings)
    return Latency(
        batch1_median_ms=times.batch1_median_ms,
        batch1_p95_ms=times.batch1_p95_ms,
        throughput_windows_per_s=times.throughput_windows_per_s,
        num_threads=torch.get_num_threads(),
        warmup=settings.latency_warmup,
        repeats=repeats,
        batch_size=batch_size,
        machine=describe_machine(),
        peak_bytes=peak_bytes(model, num_timepoints, num_channels),
        bf16=bf16,
    )


def describe_machine() -> Machine:
    """The processor, cores, system and PyTorch of this process."""
    return Machine(
        processor=_processor_name(),
        num_cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}",
        torch_version=str(torch.__version__),
    )


def _times(model: nn.Module, one: torch.Tensor, batch: torch.Tensor, settings: EvaluationSettings) -> tuple[Times, int]:
    """With how often one window was timed."""
    batch1_s = _time_calls(model, one, warmup=settings.latency_warmup, repeats=settings.latency_repeats)
    batch_s = _time_calls(model, batch, warmup=1, repeats=NUM_THROUGHPUT_CALLS)
    times = Times(
        batch1_median_ms=float(np.median(batch1_s)) * 1e3,
        batch1_p95_ms=float(np.percentile(batch1_s, 95)) * 1e3,
        throughput_windows_per_s=len(batch) / float(np.median(batch_s)),
    )
    return times, len(batch1_s)


def _time_calls(model: nn.Module, windows: torch.Tensor, *, warmup: int, repeats: int) -> list[float]:
    seconds: list[float] = []
    with torch.inference_mode():
        for _ in range(warmup):
            model(windows)
        while len(seconds) < repeats and (len(seconds) < _FEWEST_REPEATS or sum(seconds) < _ENOUGH_SECONDS):
            start = time.perf_counter()
            model(windows)
            seconds.append(time.perf_counter() - start)
    return seconds


def _processor_name() -> str:
    """The marketing name where Linux tells it; elsewhere what the platform module knows."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "unknown processor"
