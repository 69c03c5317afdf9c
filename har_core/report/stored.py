"""Reads a ``report.json`` again, as far as another program than the page asks for it.

Who writes it is :mod:`har_core.report.figures`. Fields that a report of an earlier version lacks are empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from har_core.base.errors import InputError, Problem
from har_core.evaluation.folds import mean_by_subject
from har_core.report import SCHEMA_VERSION
from har_core.settings.report import TESTING_IN_TURN

_LONGEST_VALUE = 80


class _Stored(BaseModel):
    """Part of the file; what is not named here is left."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class StoredSeed(_Stored):
    """One training of a fold."""

    seed: int
    per_subject: dict[int, float]


class StoredFold(_Stored):
    """One fold of one model."""

    architecture: str
    fold: str
    protocol: str
    seeds: tuple[StoredSeed, ...]


class StoredPlace(_Stored):
    """A row of a protocol's ranking."""

    architecture: str
    num_folds_planned: int


class StoredProtocol(_Stored):
    """One protocol."""

    ranking: tuple[StoredPlace, ...]


class StoredScores(_Stored):
    """Of one role."""

    macro_f1: float | None
    """None where it could not be computed."""


class StoredResult(_Stored):
    """A trained model."""

    architecture: str
    scores: dict[str, StoredScores]


class StoredEntry(_Stored):
    """A trained model, and where it is kept."""

    result: StoredResult


class StoredRun(_Stored):
    """What an asset made that models are made from."""

    data_version: str | None = None


class StoredReport(_Stored):
    """One report."""

    schema_version: int = Field(default=SCHEMA_VERSION, le=SCHEMA_VERSION)
    """Reports from before there was one are read alike."""
    title: str
    created: str
    origin: str
    protocols: dict[str, StoredProtocol]
    entries: tuple[StoredEntry, ...]
    folds: tuple[StoredFold, ...]
    missing: tuple[str, ...] = ()
    experiment: dict[str, Any] = Field(default_factory=dict)
    dataset: dict[str, Any] = Field(default_factory=dict)
    data_runs: dict[str, StoredRun] = Field(default_factory=dict)
    git_commit: str | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """Names of all that there is anything of, in alphabetical order."""
        named = {fold.architecture for fold in self.folds} | {entry.result.architecture for entry in self.entries}
        return tuple(sorted(named))

    @property
    def data_versions(self) -> dict[str, str]:
        """By asset; nothing of those that recorded none."""
        return {asset: run.data_version for asset, run in self.data_runs.items() if run.data_version is not None}

    @property
    def honest_protocols(self) -> tuple[str, ...]:
        """Those that there are folds of in which every subject tests once, the headline first."""
        return tuple(name for name in TESTING_IN_TURN if any(fold.protocol == name for fold in self.folds))

    def scores(self, protocol: str) -> dict[str, dict[int, dict[int, float]]]:
        """Macro-F1 on test windows by model, seed and subject."""
        by_seed: dict[str, dict[int, list[dict[int, float]]]] = {}
        for fold in self.folds:
            for seed in fold.seeds if fold.protocol == protocol else ():
                by_seed.setdefault(fold.architecture, {}).setdefault(seed.seed, []).append(seed.per_subject)
        return {
            name: {seed: mean_by_subject(found) for seed, found in sorted(own.items())} for name, own in by_seed.items()
        }

    def folds_of(self, protocol: str, model: str) -> tuple[int, int]:
        """How many there are, and how many there should be."""
        there = len({fold.fold for fold in self.folds if (fold.protocol, fold.architecture) == (protocol, model)})
        view = self.protocols.get(protocol)
        rows = view.ranking if view is not None else ()
        return there, max([there, *(row.num_folds_planned for row in rows if row.architecture == model)])

    def test_share(self, protocol: str) -> float | None:
        """The share of all subjects that a fold tests, on average; None without folds."""
        tested = {
            fold.fold: {subject for seed in fold.seeds for subject in seed.per_subject}
            for fold in self.folds
            if fold.protocol == protocol
        }
        people = set().union(*tested.values())
        return sum(map(len, tested.values())) / len(tested) / len(people) if len(people) > 1 else None

    @property
    def holdout(self) -> dict[str, float | None]:
        """Macro-F1 of each trained model on its test windows."""
        tested = ((entry.result.architecture, entry.result.scores.get("test")) for entry in self.entries)
        return {name: scores.macro_f1 for name, scores in tested if scores is not None}


def read_report(content: bytes, where: str) -> StoredReport:
    """A report from the bytes of its file.

    Raises:
        InputError: they are no report; with every problem, under the name ``where``.
    """
    try:
        return StoredReport.model_validate_json(content)
    except ValidationError as error:
        raise InputError(f"{where} is no report.json of har", _problems(error, where)) from error


def read_report_file(path: Path) -> StoredReport:
    """The same from a file.

    Raises:
        InputError: it cannot be read, or is no report.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        problem = Problem(path=str(path), value=error.strerror, expected="a report.json that can be read")
        raise InputError(f"{path} cannot be read", [problem]) from error
    return read_report(content, str(path))


def _problems(error: ValidationError, where: str) -> Iterable[Problem]:
    for entry in error.errors(include_url=False):
        place = ".".join(map(str, entry["loc"]))
        value = str(entry["input"])[:_LONGEST_VALUE] if entry["type"] != "missing" else None
        yield Problem(path=f"{where}: {place}" if place else where, value=value, expected=entry["msg"])
