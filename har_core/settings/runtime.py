"""``[runtime]``: where work runs. Never part of a version: it must not change a result's meaning."""

from typing import Literal

from pydantic import Field

from har_core.settings.base import Settings


class RuntimeSettings(Settings):
    """Device, threads and memory."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """``auto``: CUDA, else MPS, else CPU."""
    num_threads: int | None = Field(default=None, ge=1)
    """Threads of PyTorch; the processor's cores where absent."""
    samples_in_memory_mib: int | None = Field(default=None, ge=0)
    """MiB of samples read into memory, others are mapped from files in the home; half of what is free where absent."""
