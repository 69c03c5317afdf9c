"""A study: the trials of one search, in a SQLite file that several processes share and that outlives all of them.

What a trial measures is given to it (:class:`Objective`). Processes side by side are the business of
:mod:`har_core.search.workers`.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Protocol

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from har_core.base.errors import HarError, StorageError
from har_core.search.events import SearchListener, TrialFinished, TrialProgress, TrialStarted
from har_core.search.samplers import Given, directions, make_pruner, make_sampler
from har_core.search.space import draw, size_of_grid
from har_core.settings.experiment import Option
from har_core.settings.search import SearchSettings

MAX_TRIES = 3
"""Of one trial whose process is killed: it may be what kills it."""
VALUES, SCORES, MACS, SECONDS, ERROR = "values", "scores", "macs", "seconds", "error"
"""Attributes of a trial."""
_PLACE, _INTERRUPTED = "place", "interrupted"
_SECONDS_TO_WAIT = 60
"""For another process that writes the study."""
_NAME = "search"
"""Hyperband deals trials into brackets by the name of the study, so it must not change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a trial found."""

    scores: tuple[float, ...]
    """Validation macro-F1 of each inner fold."""
    macs: int | None = None
    """Multiply-accumulates of one window; None where they do not count."""


class Objective(Protocol):
    """Measures settings. Where workers do so, it must pickle before :meth:`prepare` is called."""

    def prepare(self) -> None:
        """Read what every trial needs. What is wrong here ends the search."""

    def __call__(self, values: Mapping[str, Option], report: Callable[[int, float], None]) -> Measured:
        """Measure ``values``. ``report(step, score)`` tells how it goes, and raises where the trial is to end.

        Raises:
            HarError: these settings cannot be measured; the search goes on with others.
        """


@contextmanager
def open_study(path: Path, settings: SearchSettings, *, last_step: int) -> Iterator[optuna.Study]:
    """The study at ``path``; a new one where there is none.

    Raises:
        StorageError: the file is none, or is damaged.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{path.absolute()}",
            engine_kwargs={"connect_args": {"timeout": _SECONDS_TO_WAIT}, "pool_events": [(_write_ahead, "connect")]},
        )
        study = optuna.create_study(
            storage=storage,
            study_name=_NAME,
            directions=directions(settings),
            pruner=make_pruner(settings, last_step),
            load_if_exists=True,
        )
    except Exception as error:  # SQLAlchemy, Alembic and Optuna each have their own
        raise StorageError(f"{path}: cannot be used as a study ({error}); move it away to begin a new one") from error
    try:
        yield study
    finally:
        storage.remove_session()
        storage.engine.dispose()


def settle(study: optuna.Study, *, interrupted: bool = False) -> None:
    """Mark trials that have not ended as failed; nobody may be at work on the study.

    Their processes were killed. Where somebody ``interrupted`` them, they are tried again however often that was.
    """
    left = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    if interrupted:
        study.set_user_attr(_INTERRUPTED, [*_interrupted(study), *(trial.number for trial in left)])
    for trial in left:
        study.tell(trial.number, state=TrialState.FAIL)


def _interrupted(study: optuna.Study) -> list[int]:
    """Numbers of trials."""
    numbers: list[int] = study.user_attrs.get(_INTERRUPTED, [])
    return numbers


def open_places(study: optuna.Study, settings: SearchSettings) -> list[int]:
    """The places of the trials still to do, those that were killed among them; a grid has no more than its points."""
    num_trials = min(settings.trials, size_of_grid(settings.space)) if settings.sampler == "grid" else settings.trials
    trials, spared = study.get_trials(deepcopy=False), _interrupted(study)
    tries = Counter(place_of(trial) for trial in trials if was_killed(trial) and trial.number not in spared)
    done = {place_of(trial) for trial in trials if trial.state.is_finished() and not was_killed(trial)}
    return [place for place in range(num_trials) if place not in done and tries[place] < MAX_TRIES]


def place_of(trial: FrozenTrial) -> int | None:
    """Which of the trials of a search this is, from 0: it stays the same when a trial is tried again."""
    place: int | None = trial.user_attrs.get(_PLACE)
    return place


def was_killed(trial: FrozenTrial) -> bool:
    """Whether the process of a trial was killed or interrupted; one that failed by itself says why."""
    return trial.state is TrialState.FAIL and ERROR not in trial.user_attrs


def run_trial(
    study: optuna.Study,
    settings: SearchSettings,
    objective: Objective,
    place: int,
    listener: SearchListener,
    *,
    last_step: int,
) -> None:
    """Run the trial at ``place``; where it was killed before, with what it tried then."""
    failed = study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
    before = [trial.params for trial in failed if place_of(trial) == place and len(trial.params) == len(settings.space)]
    study.sampler = Given(before[-1]) if before else make_sampler(settings, place)
    trial = study.ask()
    trial.set_user_attr(_PLACE, place)
    values = draw(trial, settings.space)
    trial.set_user_attr(VALUES, values)
    listener(TrialStarted(number=trial.number, values=values))

    def report(step: int, score: float) -> None:
        listener(TrialProgress(number=trial.number, step=step, score=score))
        if settings.pruner != "none":
            trial.report(score, step)
            if step < last_step and trial.should_prune():  # what is measured whole is complete
                raise optuna.TrialPruned

    start = time.perf_counter()
    try:
        measured = objective(values, report)
    except optuna.TrialPruned:
        ended = TrialFinished(number=trial.number, state="pruned")
    except HarError as error:
        ended = TrialFinished(number=trial.number, state="failed", error=str(error))
    else:
        ended = TrialFinished(number=trial.number, state="complete", scores=measured.scores, macs=measured.macs)
    _tell(study, trial, settings, ended, seconds=time.perf_counter() - start)
    listener(ended)


def _tell(study: optuna.Study, trial: Trial, settings: SearchSettings, ended: TrialFinished, *, seconds: float) -> None:
    """Keep what a trial found; its state last, so that what is complete is whole."""
    trial.set_user_attr(SECONDS, seconds)
    if ended.state == "pruned":
        study.tell(trial, state=TrialState.PRUNED)
    elif ended.state == "failed":
        trial.set_user_attr(ERROR, ended.error)
        study.tell(trial, state=TrialState.FAIL)
    else:
        trial.set_user_attr(SCORES, list(ended.scores))
        trial.set_user_attr(MACS, ended.macs)
        mean = fmean(ended.scores)
        study.tell(trial, [mean, float(ended.macs or 0)] if settings.sampler == "nsga2" else mean)


def _write_ahead(connection: sqlite3.Connection, _record: object) -> None:
    """A log that is written ahead survives a kill as well, and takes a third of the time."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
