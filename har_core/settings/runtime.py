"""``[runtime]``: where work runs. Not part of any version, because it must not change what a result means."""

from typing import Literal

from pydantic import Field

from har_core.settings.base import Settings


class RuntimeSettings(Settings):
    """Device, threads and memory."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """``auto``: CUDA, else MPS, else CPU."""
    num_threads: int | None = Field(default=None, ge=1)
    """Threads of PyTorch; as many as the processor has cores if absent."""
    samples_in_memory_mib: int | None = Field(default=None, ge=0)
    """MiB of samples to read into memory, half of what is free if absent; the rest is mapped from files in the home."""
