"""What is kept of a training besides weights and predictions, as one JSON file: recipe, course, cost. No scores.

Scores are computed from the predictions, by whoever shows them (:mod:`har_core.evaluation.results`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from har_core.base.errors import InputError, Problem
from har_core.base.files import write_text
from har_core.base.text import to_json
from har_core.datasets.origin import Origin
from har_core.evaluation.complexity import Complexity
from har_core.evaluation.latency import Latency

RecordT = TypeVar("RecordT", bound="ModelRecord | FoldRecord | TransferRecord")
_ADAPTERS: dict[type, TypeAdapter[Any]] = {}
"""Kept, because one takes longer to make than a record to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """One architecture, trained once on the split of the models."""

    architecture: str
    origin: Origin
    """Of the recordings it was trained on."""
    seed: int
    training_settings: dict[str, Any]
    """The recipe, resolved, with the options of the architecture."""
    history: tuple[dict[str, Any], ...]
    """One a finished epoch: epoch, learning_rate, training_loss, validation_loss, validation_macro_f1, …

    Validation figures are None where there were no such windows. Empty for a classical model, which has no epochs.
    """
    best_epoch: int
    """The epoch of the weights, counted from 1; 0 where there are no epochs."""
    complexity: Complexity
    latency: Latency
    num_windows: dict[str, int]
    """Windows by role: training, validation, test."""
    subjects: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Subjects of the windows of each role, ascending; empty if they were not recorded."""
    training_seconds: float
    device: str
    precision: str
    num_threads: int | None = None
    """Threads that computed it, which decide the last digits; None if it was not recorded."""
    cpu_capability: str | None = None
    """The instructions of the processor that were used, as ``AVX512``; None if it was not recorded."""
    parent: str | None = None
    """The model that it was made from; None if it was fitted itself."""
    file_bytes: int | None = None
    """Of the exported model on disk; None if it was not recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedRecord:
    """One training of a fold."""

    seed: int
    best_epoch: int
    """The epoch of the weights, counted from 1; 0 where there are no epochs."""
    training_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldRecord:
    """One architecture in one fold: a training for each seed, all on the same windows."""

    architecture: str
    origin: Origin
    """Of the recordings."""
    fold: str
    """``loso-p1``, ``pairs-p1-p2``, ``group-1``, ``leaky-1``."""
    protocol: str
    """One of :data:`har_core.splits.protocols.PROTOCOLS`."""
    subjects: dict[str, tuple[int, ...]]
    """Subjects of the windows of each role, ascending."""
    seeds: tuple[SeedRecord, ...]
    """In the order of the experiment file; at least one."""
    num_windows: dict[str, int]
    """Windows by role: training, validation, test."""
    num_dropped: dict[str, int]
    """Windows that left a role because of copies or damage, by reason and role."""
    num_parameters: int
    """Learnt numbers of the model."""
    training_settings: dict[str, Any]
    """The recipe, resolved, with the options of the architecture; its seed is that of each training."""
    device: str
    precision: str
    num_threads: int | None = None
    """Threads that computed it, which decide the last digits; None if it was not recorded."""
    cpu_capability: str | None = None
    """The instructions of the processor that were used, as ``AVX512``; None if it was not recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRecord:
    """One model, fitted on to each person who tests."""

    model: str
    origin: Origin
    """Of the recordings."""
    seed: int
    """Of the model, and of each time that it was fitted on."""
    settings: dict[str, Any]
    """What was read: of ``[transferred]``, and of the network that learnt from nothing."""
    num_moved: dict[str, int]
    """Numbers that each way trains."""
    seconds: float
    """Of everything together."""
    device: str
    num_threads: int
    """Threads that computed it, which decide the last digits."""
    cpu_capability: str
    """The instructions of the processor that were used, as ``AVX512``."""


def write_record(path: Path, record: ModelRecord | FoldRecord | TransferRecord) -> None:
    """Write a record as JSON, whole or not at all; a loss that is no number becomes ``null``."""
    write_text(path, dump_json(asdict(record)))


def read_record(path: Path, kind: type[RecordT]) -> RecordT:
    """Read what :func:`write_record` wrote.

    Raises:
        InputError: the file is missing, or is no such record; lists every problem.
    """
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    try:
        record: RecordT = _ADAPTERS[kind].validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        problems = [
            Problem(
                path=".".join([str(path), *map(str, details["loc"])]),
                value=repr(details["input"])[:80],
                expected=details["msg"],
            )
            for details in error.errors()
        ]
        raise InputError(f"{path}: not the record of a training", problems) from error
    return record


def dump_json(value: Any) -> str:
    """Standard JSON, keys in the order given; NaN and infinities, which JSON does not have, become ``null``."""
    standard = json.loads(json.dumps(value), parse_constant=lambda _: None)
    return to_json(standard) + "\n"
