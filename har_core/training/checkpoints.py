"""The state of a training after a finished epoch, on disk: written atomically, read without running any code."""

from __future__ import annotations

import hashlib
import io
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from har_core.base.files import write_bytes
from har_core.training.events import EpochRecord
from har_core.training.seeding import GeneratorStates

FORMAT = 1
"""Raised when the content of a checkpoint changes; another format is not read."""
_DIGEST_SIZE = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything that the next epoch depends on. The learning rate is a function of the step, so it has no state."""

    key: str
    """What it belongs to: code, inputs, settings, seed."""
    model: dict[str, Tensor]
    best_model: dict[str, Tensor]
    """Weights of the best epoch so far."""
    optimizer: dict[str, Any]
    scaler: dict[str, Any]
    """Loss scaling of fp16; empty otherwise."""
    order: Tensor
    """State of the generator that orders the windows, uint8."""
    generators: GeneratorStates
    history: tuple[EpochRecord, ...]


class UnusableCheckpointError(Exception):
    """The file is there and cannot be continued from; the text says why."""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` to ``path``, whole or not at all: the SHA-256 of what follows, then PyTorch's format.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    content = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    content["history"] = [asdict(record) for record in checkpoint.history]
    # Through memory: torch.save hides a full disk in a RuntimeError, and torch.load does not notice a changed weight.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **content}, buffer)
    write_bytes(path, hashlib.sha256(buffer.getbuffer()).digest() + buffer.getbuffer())


def load_checkpoint(path: Path, *, key: str) -> Checkpoint | None:
    """The checkpoint at ``path``, its tensors on the CPU; None where there is no file.

    Raises:
        UnusableCheckpointError: it is unreadable, damaged, of another format, or has another key.
    """
    if not path.exists():
        return None
    try:
        file = path.read_bytes()
    except OSError as error:
        raise UnusableCheckpointError(f"it cannot be read ({error.strerror})") from error
    digest, body = file[:_DIGEST_SIZE], file[_DIGEST_SIZE:]
    if hashlib.sha256(body).digest() != digest:
        raise UnusableCheckpointError("it is damaged: its content does not have the hash it begins with")
    try:
        content = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        if content.pop("format") != FORMAT:
            raise UnusableCheckpointError("it was written by another version of this program")
        history = tuple(EpochRecord(**record) for record in content.pop("history"))
        checkpoint = Checkpoint(**content, history=history)
    except (pickle.UnpicklingError, RuntimeError, AttributeError, KeyError, TypeError) as error:
        raise UnusableCheckpointError(f"it is no checkpoint of this program ({type(error).__name__})") from error
    if checkpoint.key != key:
        raise UnusableCheckpointError("it belongs to other code, data or settings")
    return checkpoint
