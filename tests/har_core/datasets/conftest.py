"""Small recordings on disk: 125 x 45 numbers in text, valid unless a test makes them otherwise."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest

WriteFiles = Callable[[Path, Mapping[str, bytes]], None]
FullDisk = Callable[[int], AbstractContextManager[None]]


@pytest.fixture(scope="session")
def segment_samples() -> Callable[[int], np.ndarray]:
    """Samples (125, 45) float32 of a seed, with five decimals as the real ones have."""

    def make(seed: int) -> np.ndarray:
        samples = np.random.default_rng(seed).normal(scale=5, size=(125, 45))
        return np.round(samples, 5).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def segment_text(segment_samples: Callable[[int], np.ndarray]) -> Callable[[int], bytes]:
    """The same as text."""

    def make(seed: int) -> bytes:
        rows = (",".join(f"{value:.5f}" for value in row) for row in segment_samples(seed).astype(float))
        return "".join(f"{row}\n" for row in rows).encode()

    return make


@pytest.fixture(scope="session")
def write_files() -> WriteFiles:
    """Write files of these relative paths and contents below a folder."""

    def write(folder: Path, files: Mapping[str, bytes]) -> None:
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)

    return write


@pytest.fixture(scope="session")
def whole_set(segment_text: Callable[[int], bytes]) -> dict[str, bytes]:
    """Two subjects, all 19 activities, one segment each."""
    return {
        f"a{activity:02d}/p{subject}/s01.txt": segment_text(100 * subject + activity)
        for subject in (1, 2)
        for activity in range(1, 20)
    }


@pytest.fixture(scope="session")
def full_disk() -> FullDisk:
    """A disk on which a file can grow to so many bytes and no further, as the operating system enforces it."""

    @contextmanager
    def limit(num_bytes: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit
