"""Searches as processes: side by side on one study, killed, and going on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from pathlib import Path

import pytest
import toy_search
from optuna.trial import TrialState
from processes import wait_for_the_end_of
from toy_search import LAST_STEP, SPACE, Toy

from har_core.base.errors import HarError
from har_core.search.events import SearchEvent, TrialFinished, TrialProgress, ignore
from har_core.search.study import MAX_TRIES, VALUES, open_study, was_killed
from har_core.search.workers import _hand_out, _Ready, run_search
from har_core.settings.search import SearchSettings

SETTINGS = SearchSettings(trials=8, sampler="random", space=SPACE)
"""Those of :mod:`toy_search`."""


def wait_for_lines(path: Path, number: int) -> None:
    end = time.monotonic() + 60
    while not path.is_file() or len(path.read_text().splitlines()) < number:
        assert time.monotonic() < end, "no trial began"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_killed_search_goes_on(tmp_path: Path, num_workers: int) -> None:
    path, begun = tmp_path / "s.db", tmp_path / "begun.txt"
    command = [sys.executable, toy_search.__file__, path, begun, num_workers, 1.0]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "SEARCH_TEST": str(tmp_path)}
    with subprocess.Popen([*map(str, command)], env=environment) as process:
        wait_for_lines(begun, 2 * num_workers + 1)
        process.send_signal(signal.SIGKILL)
    wait_for_the_end_of(str(tmp_path), 10)  # workers end with their parent
    with open_study(path, SETTINGS, last_step=LAST_STEP) as study:
        at_work = [trial.user_attrs[VALUES] for trial in study.trials if trial.state is TrialState.RUNNING]
    assert at_work

    subprocess.run([*map(str, command[:-1]), "0"], env=environment, check=True)
    with open_study(path, SETTINGS, last_step=LAST_STEP) as study:
        killed = [trial.user_attrs[VALUES] for trial in study.trials if was_killed(trial)]
        complete = [trial.user_attrs[VALUES] for trial in study.trials if trial.state is TrialState.COMPLETE]
        assert len(study.trials) == len(killed) + len(complete)
    assert killed == at_work
    assert len(complete) == SETTINGS.trials
    assert all(values in complete for values in killed)
    assert len({tuple(values.items()) for values in complete}) == SETTINGS.trials


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", [1, 2])
def test_an_interruption_is_no_try(tmp_path: Path, num_workers: int) -> None:
    path = tmp_path / "s.db"

    def interrupt(event: SearchEvent) -> None:
        if isinstance(event, TrialProgress):
            raise KeyboardInterrupt

    objective = Toy(tmp_path / "begun.txt", 0.05)
    for _ in range(MAX_TRIES):
        with pytest.raises(KeyboardInterrupt):
            run_search(path, SETTINGS, objective, last_step=LAST_STEP, listener=interrupt, num_workers=num_workers)
    with open_study(path, SETTINGS, last_step=LAST_STEP) as study:
        assert {trial.state for trial in study.trials} <= {TrialState.FAIL, TrialState.COMPLETE}
        assert any(was_killed(trial) for trial in study.trials)
    run_search(path, SETTINGS, objective, last_step=LAST_STEP, listener=ignore, num_workers=num_workers)
    with open_study(path, SETTINGS, last_step=LAST_STEP) as study:
        assert sum(trial.state is TrialState.COMPLETE for trial in study.trials) == SETTINGS.trials


class Ended:
    """A process that was killed."""

    exitcode = -9

    def join(self) -> None:
        """It has ended."""


def test_a_worker_that_ends_before_its_next_trial_is_named() -> None:
    ours, theirs = Pipe()
    theirs.send(_Ready())
    theirs.close()
    with pytest.raises(HarError, match=r"has ended \(exit code -9\)"):
        _hand_out([0], {ours: Ended()}, ignore)  # type: ignore[dict-item]


@pytest.mark.slow
def test_workers_tell_of_every_trial_and_share_them(tmp_path: Path) -> None:
    events: list[SearchEvent] = []
    run_search(
        tmp_path / "s.db",
        SETTINGS,
        Toy(tmp_path / "begun.txt", 0.05),
        last_step=LAST_STEP,
        listener=events.append,
        num_workers=2,
    )
    finished = [event for event in events if isinstance(event, TrialFinished)]
    assert sorted(event.number for event in finished) == list(range(SETTINGS.trials))
    assert len(set((tmp_path / "begun.txt").read_text().splitlines())) == SETTINGS.trials
