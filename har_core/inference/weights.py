"""The version of a model's weights: one hash, whether they are in memory or in a file. Needs no PyTorch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

Weight = tuple[str, str, tuple[int, ...], bytes | memoryview]
"""Name, type as ``torch.float32``, shape, and values, row by row."""


def digest_of(weights: Iterable[Weight]) -> str:
    """SHA-256 over the names, types, shapes and values of ``weights``, sorted by name, in hexadecimal."""
    digest = hashlib.sha256()
    for name, dtype, shape, values in sorted(weights, key=lambda weight: weight[0]):
        digest.update(f"{name}\0{dtype}\0{shape}\0".encode())
        digest.update(values)
    return digest.hexdigest()
