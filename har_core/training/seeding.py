"""Seeds all random generators, and saves and restores their states for checkpoints."""

from __future__ import annotations

import random
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor


class GeneratorStates(TypedDict):
    """States of PyTorch's global generators, uint8 tensors."""

    cpu: Tensor
    cuda: list[Tensor]


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and PyTorch (all devices), and make cuDNN deterministic.

    Two runs on the same processor, with the same seed and number of threads, agree bit for bit. On other devices some
    operators add up in an order that changes.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - for libraries that use the global generator
    torch.manual_seed(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def generator_states() -> GeneratorStates:
    """The states of PyTorch's global generators, which dropout uses."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}


def restore_generators(states: GeneratorStates) -> None:
    """Restore the global generators; CUDA states only if the number of devices is the same."""
    torch.set_rng_state(states["cpu"])
    if torch.cuda.is_available() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
