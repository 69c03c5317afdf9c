"""Where and how training computes: device, threads, memory, mixed precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Literal

import torch

from har_core.base.errors import InputError, Problem
from har_core.base.memory import freed_memory_kept
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings

TrainingPrecision = Literal["fp32", "bf16", "fp16"]

_CUDA_CAPABILITY_FP16 = (7, 0)  # the first with tensor cores


def resolve_device(runtime: RuntimeSettings) -> torch.device:
    """The device that ``runtime`` asks for; ``auto`` is CUDA, else MPS, else the CPU.

    Raises:
        InputError: this machine has no such device.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    present = [device for device, is_there in available.items() if is_there]
    if runtime.device == "auto":
        return torch.device(present[0])
    if runtime.device not in present:
        expected = f"a device of this machine: auto or {' or '.join(present)}"
        problem = Problem(path="runtime.device", value=runtime.device, expected=expected)
        raise InputError("The device is not available", [problem])
    return torch.device(runtime.device)


def resolve_precision(settings: TrainingSettings, device: torch.device) -> TrainingPrecision:
    """The precision of the forward pass; weights, gradients and optimizer are always float32.

    ``auto`` is bf16 if the processor computes in it (it needs no loss scaling), fp16 on CUDA cards with tensor cores
    but no bf16, else fp32, because emulated bf16 is slower than fp32.
    """
    if settings.mixed_precision == "off":
        return "fp32"
    if settings.mixed_precision != "auto":
        return settings.mixed_precision
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16"
        return "fp16" if torch.cuda.get_device_capability(device) >= _CUDA_CAPABILITY_FP16 else "fp32"
    return "bf16" if device.type == "cpu" and has_bf16() else "fp32"


def has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 numbers itself."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def autocast(device: torch.device, precision: TrainingPrecision) -> torch.autocast:
    """A context in which the forward pass runs in ``precision``."""
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype, enabled=precision != "fp32")


def computed_with(runtime: RuntimeSettings) -> dict[str, int | str]:
    """What decides the last digits of a training on the CPU besides its seed: threads, and instructions used."""
    return {
        "num_threads": runtime.num_threads or torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


@contextmanager
def computing(runtime: RuntimeSettings, device: torch.device) -> Iterator[None]:
    """Use ``runtime.num_threads`` threads (if absent, as many as before), and on the CPU keep freed memory."""
    before = torch.get_num_threads()
    torch.set_num_threads(runtime.num_threads or before)
    try:
        with freed_memory_kept() if device.type == "cpu" else nullcontext():
            yield
    finally:
        torch.set_num_threads(before)
