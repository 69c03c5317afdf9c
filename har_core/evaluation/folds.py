"""What the folds of a protocol say together of an architecture.

Which subjects stand in a fold is :mod:`har_core.splits.protocols`' business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from har_core.evaluation.results import FoldResult, macro_f1_of_present
from har_core.evaluation.scores import macro_f1_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A figure over the folds of a protocol."""

    mean: float
    standard_deviation: float | None
    """Of the sample of folds (divisor n - 1); None for a single fold."""

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(mean=fmean(values), standard_deviation=stdev(values) if len(values) > 1 else None)


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


def summarise_folds(results: Sequence[FoldResult]) -> ProtocolSummary:
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
    seeds = common_seeds(results)
    if not seeds:
        raise ValueError(f"the folds {folds} have no seed in common")
    [(architecture, protocol)] = named
    clean = [[(s.scores_clean["test"], s.learnt) for s in r.seeds if "test" in s.scores_clean] for r in results]
    clean = [entries for entries in clean if entries]  # whether windows are damaged is the same for every seed
    learnt = {activity for result in results for entry in result.seeds for activity in entry.learnt}
    by_seed = [[entry.scores["test"] for r in results for entry in r.seeds if entry.seed == seed] for seed in seeds]
    return ProtocolSummary(
        architecture=architecture,
        protocol=protocol,
        folds=folds,
        seeds=seeds,
        macro_f1=Spread.of([result.macro_f1 for result in results]),
        accuracy=Spread.of([fmean(entry.scores["test"].accuracy for entry in r.seeds) for r in results]),
        macro_f1_clean=Spread.of([fmean(macro_f1_of_present(s, own) for s, own in entries) for entries in clean])
        if clean
        else None,
        accuracy_clean=Spread.of([fmean(s.accuracy for s, _ in entries) for entries in clean]) if clean else None,
        pooled_macro_f1=fmean(
            macro_f1_of(np.sum([s.confusion for s in entries], axis=0), learnt) for entries in by_seed
        ),
        per_subject=mean_by_subject(entry.per_subject for result in results for entry in result.seeds),
        per_subject_clean=mean_by_subject(entry.per_subject_clean for result in results for entry in result.seeds),
        num_test_windows=sum(result.num_windows["test"] for result in results),
    )


def common_seeds(results: Iterable[FoldResult]) -> tuple[int, ...]:
    """The seeds that each of ``results``, at least one, was trained with, ascending."""
    return tuple(sorted(set.intersection(*({entry.seed for entry in result.seeds} for result in results))))


def mean_by_subject(scores: Iterable[Mapping[int, float]]) -> dict[int, float]:
    """The mean score of each subject over those of ``scores`` that it is in, ascending by subject."""
    found: dict[int, list[float]] = {}
    for by_subject in scores:
        for subject, value in by_subject.items():
            found.setdefault(subject, []).append(value)
    return {subject: fmean(found[subject]) for subject in sorted(found)}
