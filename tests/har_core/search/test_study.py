"""Studies of a toy objective: what each sampler draws, what happens to trials that are killed, fail or fall behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from toy_search import LAST_STEP, SPACE, Toy

from har_core.base.errors import StorageError
from har_core.search.events import SearchEvent, TrialFinished, TrialProgress, TrialStarted
from har_core.search.samplers import directions, make_pruner
from har_core.search.study import MAX_TRIES, VALUES, open_places, open_study, run_trial, settle, was_killed
from har_core.settings.search import Range, SearchSettings


def study_of(settings: SearchSettings) -> optuna.Study:
    """As :func:`open_study` makes them, in memory."""
    return optuna.create_study(directions=directions(settings), pruner=make_pruner(settings, LAST_STEP), study_name="s")


def run(study: optuna.Study, settings: SearchSettings, toy: Toy | None = None, most: int = 100) -> list[SearchEvent]:
    events: list[SearchEvent] = []
    for place in open_places(study, settings)[:most]:
        run_trial(study, settings, toy or Toy(), place, events.append, last_step=LAST_STEP)
    return events


def tried(study: optuna.Study) -> list[tuple[dict[str, Any], TrialState, list[float] | None]]:
    return [(trial.user_attrs[VALUES], trial.state, trial.values) for trial in study.trials]


@pytest.mark.parametrize(
    ("sampler", "pruner"),
    [
        ("grid", "none"),
        ("random", "hyperband"),
        ("tpe", "none"),
        ("tpe", "hyperband"),
        ("cmaes", "none"),
        ("nsga2", "none"),
    ],
)
def test_a_seed_gives_the_same_trials_and_another_one_others(sampler: Any, pruner: Any) -> None:
    studies = []
    for seed in (3, 3, 4):
        settings = SearchSettings(trials=16, sampler=sampler, pruner=pruner, seed=seed, space=SPACE)
        studies.append(study_of(settings))
        run(studies[-1], settings)
    assert tried(studies[0]) == tried(studies[1]) != tried(studies[2])
    assert len(studies[0].trials) == 16


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "nsga2"])
def test_what_learns_ends_nearer_to_the_best_than_it_began(sampler: Any) -> None:
    settings = SearchSettings(trials=40, sampler=sampler, space=SPACE)
    study = study_of(settings)
    run(study, settings)
    scores = [trial.values[0] for trial in study.trials]
    assert sum(scores[20:]) > sum(scores[:20])
    assert max(scores) > 0.97


def test_a_grid_visits_each_point_once_and_ends() -> None:
    xs = tuple(x / 20 for x in range(20))
    settings = SearchSettings(trials=999, sampler="grid", space={"x": xs, "y": Range(low=1, high=8, step=1)})
    study = study_of(settings)
    run(study, settings, most=999)
    points = [tuple(trial.user_attrs[VALUES].values()) for trial in study.trials]
    assert sorted(points) == [(x, y) for x in xs for y in range(1, 9)]
    assert points != sorted(points)
    assert open_places(study, settings) == []


def test_numbers_are_drawn_as_they_are_pasted() -> None:
    settings = SearchSettings(
        trials=12,
        sampler="random",
        space={"x": Range(low=1e-4, high=1e-2, log=True), "y": Range(low=0.1, high=0.7, step=0.2), "z": (True, "a", 1)},
    )
    study = study_of(settings)
    run(study, settings)
    values = [trial.user_attrs[VALUES] for trial in study.trials]
    assert all(float(f"{entry['x']:.4g}") == entry["x"] for entry in values)
    assert {entry["y"] for entry in values} <= {0.1, 0.3, 0.5, 0.7}
    assert {repr(entry["z"]) for entry in values} == {"True", "'a'", "1"}


def test_events_tell_of_each_trial() -> None:
    settings = SearchSettings(trials=1, sampler="random", space=SPACE)
    started, *progress, finished = run(study_of(settings), settings)
    assert isinstance(started, TrialStarted)
    assert set(started.values) == {"x", "y"}
    assert [event.step for event in progress if isinstance(event, TrialProgress)] == list(range(1, LAST_STEP + 1))
    assert isinstance(finished, TrialFinished)
    assert (finished.state, len(finished.scores)) == ("complete", 2)


def test_hyperband_ends_trials_that_fall_behind_and_none_that_is_measured_whole() -> None:
    settings = SearchSettings(trials=30, sampler="random", pruner="hyperband", folds=3, space=SPACE)
    study = study_of(settings)
    run(study, settings)
    pruned = [trial for trial in study.trials if trial.state is TrialState.PRUNED]
    best = max((trial for trial in study.trials if trial.values), key=lambda trial: trial.values[0])
    assert pruned
    assert all(1 <= len(trial.intermediate_values) < LAST_STEP for trial in pruned)
    assert best.values[0] > 0.9


def test_a_trial_that_cannot_be_measured_fails_alone_and_is_not_tried_again() -> None:
    settings = SearchSettings(trials=6, sampler="grid", space={"x": (0.5, 2.0)})
    study = study_of(settings)
    finished = [event for event in run(study, settings) if isinstance(event, TrialFinished)]
    assert sorted(event.state for event in finished) == ["complete", "failed"]
    assert {event.error for event in finished} == {"", "x is 2.0"}
    assert open_places(study, settings) == []


class Killed(BaseException):
    """Ends a trial as a signal does: nothing is told."""


@pytest.mark.parametrize("sampler", ["grid", "random", "tpe"])
@pytest.mark.parametrize("at", [0, 5])
def test_a_killed_study_goes_on_and_ends_as_an_unbroken_one(sampler: Any, at: int) -> None:
    settings = SearchSettings(trials=14, sampler=sampler, space=SPACE)
    unbroken, broken = study_of(settings), study_of(settings)
    run(unbroken, settings)
    run(broken, settings, most=at)

    def kill(event: SearchEvent) -> None:
        if isinstance(event, TrialProgress):
            raise Killed

    with pytest.raises(Killed):
        run_trial(broken, settings, Toy(), open_places(broken, settings)[0], kill, last_step=LAST_STEP)
    assert tried(broken)[-1][1] is TrialState.RUNNING

    settle(broken)
    assert tried(broken)[-1][1] is TrialState.FAIL
    assert was_killed(broken.trials[-1])
    run(broken, settings)
    assert [entry for entry in tried(broken) if entry[1] is TrialState.COMPLETE] == tried(unbroken)
    assert broken.trials[at].user_attrs[VALUES] == broken.trials[at + 1].user_attrs[VALUES]


@pytest.mark.parametrize(("signal", "left"), [(Killed, [1]), (KeyboardInterrupt, [0, 1])])
def test_a_trial_that_kills_its_process_is_given_up_but_not_one_that_is_interrupted(
    signal: type[BaseException], left: list[int]
) -> None:
    settings = SearchSettings(trials=2, sampler="random", space=SPACE)
    study = study_of(settings)

    def end(event: SearchEvent) -> None:
        raise signal

    for _ in range(MAX_TRIES):
        with pytest.raises(signal):
            run_trial(study, settings, Toy(), open_places(study, settings)[0], end, last_step=LAST_STEP)
        settle(study, interrupted=signal is KeyboardInterrupt)
    assert open_places(study, settings) == left
    assert len({str(trial.params) for trial in study.trials}) == 1


def test_more_trials_go_on_with_the_same_study(tmp_path: Path) -> None:
    path = tmp_path / "studies" / "s.db"
    few = SearchSettings(trials=2, sampler="random", space=SPACE)
    more = few.model_copy(update={"trials": 3})
    with open_study(path, few, last_step=LAST_STEP) as study:
        run(study, few)
    with open_study(path, more, last_step=LAST_STEP) as study:
        assert open_places(study, more) == [2]
        run(study, more)
        assert len(study.trials) == 3
    assert [entry.name for entry in path.parent.iterdir()] == ["s.db"]


def test_a_file_that_is_no_study_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"no study" * 1000)
    settings = SearchSettings(trials=2, space=SPACE)
    with (
        pytest.raises(StorageError, match=r"s\.db: cannot be used as a study"),
        open_study(path, settings, last_step=9),
    ):
        pass
