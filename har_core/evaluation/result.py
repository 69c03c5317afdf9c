"""Everything that is known of one trained model, as one JSON file: what the report is made from."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from har_core.base.errors import InputError, Problem
from har_core.base.files import write_text
from har_core.evaluation.complexity import Complexity
from har_core.evaluation.latency import Latency
from har_core.evaluation.scores import Scores

Origin = Literal["real", "synthetic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResult:
    """One architecture, trained once, scored on validation and on test."""

    architecture: str
    origin: Origin
    """Of the recordings it was trained on."""
    seed: int
    training_settings: dict[str, Any]
    """The recipe, resolved, with the options of the architecture."""
    scores: dict[str, Scores]
    """``validation`` chose the epoch and may choose between models; ``test`` chose nothing."""
    history: tuple[dict[str, Any], ...]
    """One a finished epoch: epoch, learning_rate, training_loss, validation_loss, validation_macro_f1, …

    Empty for a classical model, which has no epochs.
    """
    best_epoch: int
    """The epoch of the weights, counted from 1; 0 where there are no epochs."""
    complexity: Complexity
    latency: Latency
    num_windows: dict[str, int]
    """Windows by role: training, validation, test."""
    training_seconds: float
    device: str
    precision: str
    scores_clean: dict[str, Scores] = field(default_factory=dict)
    """As ``scores``, over the windows alone that touch no damaged run; a role without such windows is absent."""

    def to_json(self) -> str:
        """The result as JSON; a loss that is no number becomes ``null``."""
        return dump_json(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelResult:
        """The result that :meth:`to_json` wrote.

        Raises:
            InputError: the text is no such JSON; lists every problem.
        """
        try:
            return _ADAPTER.validate_json(text)
        except ValidationError as error:
            raise InputError("this is no result of a model", problems_of(error, "result")) from error

    def write(self, path: Path) -> None:
        """Write the JSON to ``path``, whole or not at all."""
        write_text(path, self.to_json())

    @classmethod
    def read(cls, path: Path) -> ModelResult:
        """Read what :meth:`write` wrote.

        Raises:
            InputError: the file is missing or no such JSON.
        """
        try:
            text = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: no result of a model to read ({error.strerror})") from error
        try:
            return _ADAPTER.validate_json(text)
        except ValidationError as error:
            raise InputError(f"{path}: this is no result of a model", problems_of(error, str(path))) from error


_ADAPTER = TypeAdapter(ModelResult)


def dump_json(value: Any) -> str:
    """Standard JSON, keys in the order given; NaN and infinities, which JSON does not have, become ``null``."""
    return json.dumps(_without_nan(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def problems_of(error: ValidationError, path: str) -> list[Problem]:
    """One problem for each thing that is wrong with the JSON at ``path``."""
    return [
        Problem(
            path=".".join([path, *map(str, details["loc"])]),
            value=repr(details["input"])[:80],
            expected=details["msg"],
        )
        for details in error.errors()
    ]
