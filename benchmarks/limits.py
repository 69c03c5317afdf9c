"""What this machine can do at best: the limits that everything else is held against."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from measure import Case, Once, Options, Way

MIB = 2**20
GEMM = {"gemm fp32": torch.float32, "gemm bf16": torch.bfloat16}


def cases(options: Options) -> list[Case]:
    """File read from the page cache, memory copied, matrix products."""
    size = (16 if options.quick else 256) * MIB
    return [
        _alone("file read, cached", "GB/s", partial(_read, options.scratch / "bytes", size), scale=1e9),
        _alone("memory copied", "GB/s", partial(_copy, size), scale=1e9),
        *(_alone(name, "GFLOP/s", partial(gemm, width(options), dtype), scale=1e9) for name, dtype in GEMM.items()),
    ]


def _alone(name: str, unit: str, prepare: Callable[[], Once], scale: float) -> Case:
    return Case(name=name, unit=unit, ways=(Way(name="limit", prepare=prepare),), scale=scale)


def _read(path: Path, size: int) -> Once:
    path.write_bytes(bytes(size))
    return lambda: float(len(path.read_bytes()))


def _copy(size: int) -> Once:
    source, target = torch.ones(size // 4), torch.empty(size // 4)

    def once() -> float:
        target.copy_(source)
        return float(size)

    return once


def width(options: Options) -> int:
    """Of square matrices that are large enough to reach the limit."""
    return 256 if options.quick else 2048


def gemm(width: int, dtype: torch.dtype, products: int = 8) -> Once:
    """Products of square matrices; the amount is operations."""
    a, b = (torch.randn(width, width).to(dtype) for _ in range(2))

    def once() -> float:
        for _ in range(products):
            a @ b
        return 2.0 * width**3 * products

    return once
