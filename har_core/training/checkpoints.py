"""Saves the state of a training after each epoch, atomically, and loads it without running any code from the file."""

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

FORMAT = 2
"""Increase it when the content of a checkpoint changes; other formats are not read."""
_DIGEST_SIZE = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything that the next epoch depends on; the learning rate follows from the step and the history."""

    key: str
    """Identifies what it belongs to: code, inputs, settings, seed."""
    model: dict[str, Tensor]
    best_model: dict[str, Tensor]
    """Weights of the best epoch so far."""
    average: dict[str, Tensor]
    """The running average of the weights; empty if there is none."""
    optimizers: list[dict[str, Any]]
    scaler: dict[str, Any]
    """State of the loss scaling for fp16; else empty."""
    order: Tensor
    """State of the generator that orders the windows, uint8."""
    generators: GeneratorStates
    history: tuple[EpochRecord, ...]


class UnusableCheckpointError(Exception):
    """The file exists, but training cannot continue from it; the text says why."""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` to ``path``, whole or not at all: a SHA-256, then the hashed content in PyTorch's format.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    content = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    content["history"] = [asdict(record) for record in checkpoint.history]
    # Through memory: torch.save turns a full disk into a RuntimeError, and torch.load misses a changed weight.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **content}, buffer)
    write_bytes(path, hashlib.sha256(buffer.getbuffer()).digest() + buffer.getbuffer())


def load_checkpoint(path: Path, *, key: str) -> Checkpoint | None:
    """The checkpoint at ``path``, with tensors on the CPU; None if there is no file.

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
