"""A study: the trials of one search, in a SQLite file that several processes share and that outlives all of them.

What a trial measures is given to it (:class:`Objective`). Processes side by side are the business of
:mod:`har_core.search.workers`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Protocol

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from har_core.base.errors import HarError, StorageError
from har_core.search.events import SearchListener, TrialFinished, TrialProgress, TrialStarted
from har_core.search.samplers import directions, make_pruner, make_sampler
from har_core.search.space import draw, size_of_grid
from har_core.settings.experiment import Option
from har_core.settings.search import SearchSettings

MAX_TRIES = 3
"""Of one trial whose process is killed: it may be what kills it."""
SCORES, MACS, SECONDS, ERROR = "scores", "macs", "seconds", "error"
"""Attributes of a trial."""
_PLACE, _TRIES = "place", "tries"
_GRID = ("grid_id", "search_space")
"""By these attributes Optuna knows which point of a grid a trial is."""
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


def settle(study: optuna.Study) -> int:
    """Mark trials of killed processes as failed, and put them up to be tried again; nobody may be at work on the study.

    Returns:
        How many trials were marked.
    """
    killed = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for trial in killed:
        study.tell(trial.number, state=TrialState.FAIL)
        tries = trial.user_attrs.get(_TRIES, 1)
        if tries < MAX_TRIES:
            again = create_trial(
                state=TrialState.WAITING,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs={_TRIES: tries + 1},
                system_attrs={name: value for name, value in trial.system_attrs.items() if name in _GRID},
            )
            study.add_trial(again)
    return len(killed)


def open_places(study: optuna.Study, settings: SearchSettings) -> list[int]:
    """The places of the trials still to do; a grid has no more than its points."""
    num_trials = min(settings.trials, size_of_grid(settings.space)) if settings.sampler == "grid" else settings.trials
    done = [trial for trial in study.get_trials(deepcopy=False) if is_done(trial)]
    taken = {trial.user_attrs.get(_PLACE) for trial in done}
    free = [place for place in range(num_trials) if place not in taken]
    return free[: max(0, num_trials - len(done))]


def is_done(trial: FrozenTrial) -> bool:
    """Whether a trial has ended by itself, or was given up; one that is to be tried again has not."""
    if trial.state is TrialState.FAIL:
        return ERROR in trial.user_attrs or trial.user_attrs.get(_TRIES, 1) >= MAX_TRIES
    return trial.state in {TrialState.COMPLETE, TrialState.PRUNED}


def run_trial(
    study: optuna.Study, settings: SearchSettings, objective: Objective, place: int, listener: SearchListener
) -> None:
    """Run the trial at ``place``, or one that waits to be tried again."""
    study.sampler = make_sampler(settings, place)
    trial = study.ask()
    trial.set_user_attr(_PLACE, place)
    values = draw(trial, settings.space)
    listener(TrialStarted(number=trial.number, values=values))

    def report(step: int, score: float) -> None:
        listener(TrialProgress(number=trial.number, step=step, score=score))
        if settings.pruner != "none":
            trial.report(score, step)
            if trial.should_prune():
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
