"""Scores over the folds of a protocol: one JSON file a fold, and what its folds say together of an architecture.

Which subjects stand in a fold is :mod:`har_core.splits.protocols`' business. Letters: N windows, K activities.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from har_core.base.errors import InputError
from har_core.base.files import write_text
from har_core.evaluation.result import Origin, dump_json, problems_of
from har_core.evaluation.scores import Scores, score
from har_core.windows.tensors import WindowTensors


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedResult:
    """One training of a fold."""

    seed: int
    scores: dict[str, Scores]
    """By role: ``test``, and ``validation`` where the fold has such windows."""
    scores_clean: dict[str, Scores]
    """As ``scores``, over the windows alone that touch no damaged run; a role without such windows is absent. An
    activity that has none left counts as 0 in their macro means: see :func:`macro_f1_of_present`."""
    per_subject: dict[int, float]
    """Macro-F1 of each test subject, over the activities that it has windows of."""
    per_subject_clean: dict[int, float]
    """As ``per_subject``, over undamaged windows alone; a subject without such windows is absent."""
    best_epoch: int
    """The epoch of the weights, counted from 1; 0 where there are no epochs."""
    training_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult:
    """One architecture in one fold: a training for each seed, all on the same windows."""

    architecture: str
    origin: Origin
    """Of the recordings."""
    fold: str
    """``loso-p1``, ``pairs-p1-p2``, ``leaky-1``."""
    protocol: str
    """``loso``, ``pairs`` or ``leaky``."""
    subjects: dict[str, tuple[int, ...]]
    """Subjects of the windows of each role, ascending."""
    seeds: tuple[SeedResult, ...]
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

    def to_json(self) -> str:
        """The result as JSON."""
        return dump_json(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> FoldResult:
        """The result that :meth:`to_json` wrote.

        Raises:
            InputError: the text is no such JSON; lists every problem.
        """
        try:
            return _ADAPTER.validate_json(text)
        except ValidationError as error:
            raise InputError("this is no result of a fold", problems_of(error, "result")) from error

    def write(self, path: Path) -> None:
        """Write the JSON to ``path``, whole or not at all."""
        write_text(path, self.to_json())

    @classmethod
    def read(cls, path: Path) -> FoldResult:
        """Read what :meth:`write` wrote.

        Raises:
            InputError: the file is missing or no such JSON.
        """
        try:
            text = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: no result of a fold to read ({error.strerror})") from error
        try:
            return _ADAPTER.validate_json(text)
        except ValidationError as error:
            raise InputError(f"{path}: this is no result of a fold", problems_of(error, str(path))) from error


_ADAPTER = TypeAdapter(FoldResult)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A figure over the folds of a protocol."""

    mean: float
    standard_deviation: float | None
    """Of the sample of folds (divisor n - 1); None for a single fold."""

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(
            mean=statistics.fmean(values), standard_deviation=statistics.stdev(values) if len(values) > 1 else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolSummary:
    """One architecture over the folds of one protocol, on test windows.

    A figure of a fold is the mean over its seeds. ``…_clean`` are over the windows that touch no damaged run. Damage
    can take all windows of an activity from a fold: their macro-F1 is a mean over the activities that are left.
    """

    architecture: str
    protocol: str
    folds: tuple[str, ...]
    """Names, in the order given."""
    seeds: tuple[int, ...]
    """Those that every fold was trained with, ascending."""
    macro_f1: Spread
    accuracy: Spread
    macro_f1_clean: Spread | None
    """Over the folds that have clean test windows; None where none has."""
    accuracy_clean: Spread | None
    pooled_macro_f1: float
    """Of the test windows of all folds thrown together; the mean over :attr:`seeds`."""
    per_subject: dict[int, float]
    """Macro-F1 of each subject as a test subject, ascending by subject; the mean over seeds, and over the folds that it
    tests in (one but for ``leaky``)."""
    per_subject_clean: dict[int, float]
    num_test_windows: int
    """Over all folds."""


def score_seed(
    seed: int,
    windows: Mapping[str, WindowTensors],
    probabilities: Mapping[str, npt.NDArray[np.floating]],
    *,
    best_epoch: int,
    training_seconds: float,
) -> SeedResult:
    """Score what one training says of each role.

    Args:
        seed: of the training.
        windows: of each role in ``probabilities``; only labels, subjects and damage are looked at.
        probabilities: (N, 19) for the windows of ``test`` and, where there are any, of ``validation``.
        best_epoch: of the training.
        training_seconds: of the training.
    """
    clean = {role: ~windows[role].damaged.numpy() for role in probabilities}
    labels = {role: windows[role].labels.numpy() for role in probabilities}
    subjects = windows["test"].keys["subject"].to_numpy()
    return SeedResult(
        seed=seed,
        scores={role: score(labels[role], probabilities[role]) for role in probabilities},
        scores_clean={
            role: score(labels[role][chosen], probabilities[role][chosen])
            for role, chosen in clean.items()
            if chosen.any()
        },
        per_subject=_by_subject(subjects, labels["test"], probabilities["test"]),
        per_subject_clean=_by_subject(
            subjects[clean["test"]], labels["test"][clean["test"]], probabilities["test"][clean["test"]]
        ),
        best_epoch=best_epoch,
        training_seconds=training_seconds,
    )


def summarise(results: Sequence[FoldResult]) -> ProtocolSummary:
    """What the folds of one protocol say of one architecture.

    Args:
        results: at least one; of one architecture and one protocol, each fold once.

    Raises:
        ValueError: they are not.
    """
    named = {(result.architecture, result.protocol) for result in results}
    folds = tuple(result.fold for result in results)
    if len(named) != 1 or len(set(folds)) != len(folds):
        raise ValueError(f"expected the folds of one architecture and protocol, each once; found {named} with {folds}")
    if not set.intersection(*({entry.seed for entry in result.seeds} for result in results)):
        raise ValueError(f"the folds {folds} have no seed in common")
    [(architecture, protocol)] = named
    seeds = sorted(set.intersection(*({entry.seed for entry in result.seeds} for result in results)))
    every = [[entry.scores["test"] for entry in result.seeds] for result in results]
    clean = [[entry.scores_clean["test"] for entry in r.seeds if "test" in entry.scores_clean] for r in results]
    clean = [entries for entries in clean if entries]  # whether windows are damaged is the same for every seed
    return ProtocolSummary(
        architecture=architecture,
        protocol=protocol,
        folds=folds,
        seeds=tuple(seeds),
        macro_f1=Spread.of([_mean(scores.macro_f1 for scores in entries) for entries in every]),
        accuracy=Spread.of([_mean(scores.accuracy for scores in entries) for entries in every]),
        macro_f1_clean=Spread.of([_mean(map(macro_f1_of_present, entries)) for entries in clean]) if clean else None,
        accuracy_clean=Spread.of([_mean(s.accuracy for s in entries) for entries in clean]) if clean else None,
        pooled_macro_f1=_pooled([_of_seed(result, seed).scores["test"] for result in results] for seed in seeds),
        per_subject=_per_subject(entry.per_subject for result in results for entry in result.seeds),
        per_subject_clean=_per_subject(entry.per_subject_clean for result in results for entry in result.seeds),
        num_test_windows=sum(result.num_windows["test"] for result in results),
    )


def macro_f1_of_present(scores: Scores) -> float:
    """Mean F1 of the activities that there are windows of: damage may leave a subject without some."""
    return _mean(entry.f1 for entry in scores.per_class if entry.support)


def _of_seed(result: FoldResult, seed: int) -> SeedResult:
    return next(entry for entry in result.seeds if entry.seed == seed)


def _by_subject(
    subjects: npt.NDArray[np.integer], labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating]
) -> dict[int, float]:
    return {
        int(subject): macro_f1_of_present(score(labels[subjects == subject], probabilities[subjects == subject]))
        for subject in np.unique(subjects)
    }


def _mean(values: Iterable[float]) -> float:
    return statistics.fmean(values)


def _pooled(scores_by_seed: Iterable[Sequence[Scores]]) -> float:
    """Macro-F1 from the confusions (K, K) of all folds together, the mean over seeds."""
    return _mean(_macro_f1(np.sum([scores.confusion for scores in entries], axis=0)) for entries in scores_by_seed)


def _macro_f1(confusion: npt.NDArray[np.int64]) -> float:
    """As :func:`har_core.evaluation.scores.score` has it: an activity without windows, or never found, counts as 0."""
    hits = np.diag(confusion)
    sums = confusion.sum(axis=0) + confusion.sum(axis=1)
    return float(np.mean(np.divide(2 * hits, sums, out=np.zeros(len(hits)), where=sums > 0)))


def _per_subject(seeds: Iterable[Mapping[int, float]]) -> dict[int, float]:
    found: dict[int, list[float]] = {}
    for entry in seeds:
        for subject, value in entry.items():
            found.setdefault(subject, []).append(value)
    return {subject: _mean(found[subject]) for subject in sorted(found)}
