"""What came of a search: its trials, the best of them with its uncertainty, what mattered, what it costs."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from har_core.base.errors import HarError, counted
from har_core.evaluation.folds import Spread
from har_core.search.events import State
from har_core.search.space import as_toml
from har_core.search.study import ERROR, MACS, SCORES, SECONDS, VALUES, was_killed
from har_core.settings.experiment import Option

_STATES: Mapping[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
_MIN_TRIALS_OF_IMPORTANCE = 10
"""Complete ones; of fewer, importance is chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """One trial."""

    number: int
    state: State
    values: dict[str, Option]
    """By name of the setting."""
    scores: tuple[float, ...] = ()
    """Validation macro-F1 of each inner fold, of a complete trial."""
    macs: int | None = None
    """Multiply-accumulates of one window."""
    seconds: float | None = None
    error: str = ""
    """Of a failed trial."""

    @property
    def mean(self) -> float:
        """Of the scores."""
        return fmean(self.scores)

    @property
    def spread(self) -> Spread:
        """Over the inner folds."""
        return Spread.of(self.scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A trial beside the best: how far it is behind, fold by fold."""

    trial: TrialResult
    behind: Spread
    """Score of the best less that of this one, over the inner folds."""

    @property
    def is_close(self) -> bool:
        """Whether it is behind by no more than the standard error of that: these folds do not tell the two apart."""
        deviation = self.behind.standard_deviation or 0.0
        return self.behind.mean <= deviation / math.sqrt(len(self.trial.scores))


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """A search as it stands."""

    architecture: str
    search: dict[str, Any]
    """``[search.<architecture>]``, as JSON has it."""
    validation: tuple[tuple[int, ...], ...]
    """The subjects that validate in each inner fold."""
    trials: tuple[TrialResult, ...]
    """In order; none that was killed, as those were tried again."""
    importance: dict[str, float]
    """Share of each setting in being among the best tenth; nothing of too few complete trials, or of equal scores."""

    @property
    def complete(self) -> list[TrialResult]:
        """The trials with a score, the best first; of equal ones the earlier."""
        found = [trial for trial in self.trials if trial.state == "complete"]
        return sorted(found, key=lambda trial: (-trial.mean, trial.number))

    @property
    def best(self) -> TrialResult:
        """The trial with the largest mean macro-F1."""
        return self.complete[0]

    @property
    def rivals(self) -> list[Rival]:
        """The other complete trials, nearest first; the same settings again are no rival."""
        best = self.best
        return [
            Rival(trial=trial, behind=Spread.of([a - b for a, b in zip(best.scores, trial.scores, strict=True)]))
            for trial in self.complete[1:]
            if trial.values != best.values
        ]

    @property
    def front(self) -> list[TrialResult]:
        """Trials that no other one beats in both macro-F1 and multiply-accumulates, the cheapest first.

        Nothing where cost was not measured.
        """
        priced = sorted(
            ((trial.macs, -trial.mean, trial.number, trial) for trial in self.complete if trial.macs is not None),
            key=lambda entry: entry[:3],
        )
        front: list[TrialResult] = []
        for *_, trial in priced:
            if not front or trial.mean > front[-1].mean:
                front.append(trial)
        return front

    @property
    def version(self) -> str:
        """Hash of what was found; times do not count."""
        found = [[trial.state, trial.values, trial.scores, trial.macs] for trial in self.trials]
        return hashlib.sha256(json.dumps([self.architecture, found], sort_keys=True).encode()).hexdigest()

    @property
    def fragment(self) -> str:
        """The best settings as TOML to paste, below what is known of their worth."""
        return as_toml(self.architecture, self.best.values, self.remarks) + "\n"

    @property
    def remarks(self) -> str:
        """How good the best settings are, and how sure that is."""
        spread, rivals, num_complete = self.best.spread, self.rivals, len(self.complete)
        score = f"{spread.mean:.3f}" + _plus_minus(spread, 3)
        lines = [
            f"Trial {self.best.number}, the best of {counted(num_complete, 'complete trial')}: macro-F1 {score}",
            f"(mean and standard deviation over {len(self.best.scores)} inner folds of subjects that do not test).",
        ]
        if rivals:
            behind, num_close = rivals[0].behind, sum(rival.is_close for rival in rivals)
            lines += [
                f"The next other settings are {behind.mean:.4f}{_plus_minus(behind, 4)} behind, over the folds;",
                f"{num_close} of {len(rivals)} others are within the standard error of what they are behind.",
            ]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Everything, JSON-able."""
        best = {"trial": self.best.number, "values": self.best.values, **asdict(self.best.spread)}
        front = [trial.number for trial in self.front]
        return {**asdict(self), "best": best, "pareto_front": front, "version": self.version}


def read_result(
    study: optuna.Study, architecture: str, search: Mapping[str, Any], validation: Sequence[tuple[int, ...]]
) -> SearchResult:
    """What ``study`` holds.

    Raises:
        HarError: no trial is complete; names the first that failed.
    """
    trials = study.get_trials(deepcopy=False)
    result = SearchResult(
        architecture=architecture,
        search=dict(search),
        validation=tuple(validation),
        trials=tuple(_read(trial) for trial in trials if trial.state in _STATES and not was_killed(trial)),
        importance=_importance(study, trials),
    )
    if not result.complete:
        failed = [trial for trial in result.trials if trial.state == "failed"]
        why = f"; trial {failed[0].number} failed: {failed[0].error}" if failed else ""
        raise HarError(f"No trial of the search of {architecture} is complete{why}")
    return result


def _read(trial: FrozenTrial) -> TrialResult:
    attributes = trial.user_attrs
    return TrialResult(
        number=trial.number,
        state=_STATES[trial.state],
        values=attributes.get(VALUES, {}),
        scores=tuple(attributes.get(SCORES, ())),
        macs=attributes.get(MACS),
        seconds=attributes.get(SECONDS),
        error=attributes.get(ERROR, ""),
    )


def _importance(study: optuna.Study, trials: Sequence[FrozenTrial]) -> dict[str, float]:
    """PED-ANOVA (Watanabe et al. 2023): needs no forest, and says what makes a trial one of the best tenth."""
    complete = [trial.values for trial in trials if trial.state is TrialState.COMPLETE]
    if len(complete) < _MIN_TRIALS_OF_IMPORTANCE or all(values == complete[0] for values in complete):
        return {}
    return dict(get_param_importances(study, evaluator=PedAnovaImportanceEvaluator()))


def _plus_minus(spread: Spread, digits: int) -> str:
    return "" if spread.standard_deviation is None else f" ± {spread.standard_deviation:.{digits}f}"
