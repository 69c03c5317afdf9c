"""``[runtime]``: where work runs. Never part of a version: it must not change a result's meaning."""

from typing import Literal

from pydantic import Field

from har_core.settings.base import Settings


class RuntimeSettings(Settings):
    """Device and threads."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """``auto``: CUDA, else MPS, else CPU."""
    num_threads: int | None = Field(default=None, ge=1)
    """Threads of PyTorch; the processor's cores where absent."""
