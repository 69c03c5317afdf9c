"""Runs the trials of a study: in this process, or in several that are its children and end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from har_core.base.errors import HarError
from har_core.search.events import SearchListener
from har_core.search.study import Objective, open_places, open_study, run_trial, settle
from har_core.settings.search import SearchSettings


@dataclass(frozen=True, slots=True)
class _Ready:
    """A worker waits for the place of its next trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What a worker needs; a process gets it pickled."""

    path: Path
    settings: SearchSettings
    objective: Objective
    last_step: int


def run_search(
    path: Path,
    settings: SearchSettings,
    objective: Objective,
    *,
    last_step: int,
    listener: SearchListener,
    num_workers: int = 1,
) -> None:
    """Run the trials that the study at ``path`` lacks; trials of processes that were killed are tried again.

    Nobody else may work on the study. With one worker, a seed gives the same trials each time; only ``cmaes``,
    ``nsga2`` and ``hyperband`` go on differently once a trial was killed, as they go by its number, and another try has
    another number. With more workers, what is drawn depends on which trial ends first.

    Args:
        path: of the study; a new one is made where there is none.
        settings: what is searched, how, and how many trials.
        objective: what a trial measures; it pickles where ``num_workers`` is above 1.
        last_step: the last one that ``objective`` reports.
        listener: is told of every trial, in this process; an exception of it ends the search.
        num_workers: processes that try settings side by side.

    Raises:
        HarError: a worker was killed, or the objective cannot be prepared. The next call goes on.
        StorageError: the study cannot be used.
    """
    order = _Order(path=path, settings=settings, objective=objective, last_step=last_step)
    with open_study(path, settings, last_step=last_step) as study:
        settle(study)
        places = open_places(study, settings)
        if not places:
            return
        try:
            if num_workers == 1:
                objective.prepare()
                for place in places:
                    run_trial(study, settings, objective, place, listener, last_step=last_step)
            else:
                _run_side_by_side(order, places, listener, min(num_workers, len(places)))
        except KeyboardInterrupt:
            settle(study, interrupted=True)
            raise


def _run_side_by_side(order: _Order, places: Sequence[int], listener: SearchListener, num_workers: int) -> None:
    context = multiprocessing.get_context("spawn")  # threads of PyTorch do not survive a fork
    workers: dict[Connection, SpawnProcess] = {}
    try:
        for _ in range(num_workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(order, theirs), name="har search worker")
            process.start()
            theirs.close()
            workers[ours] = process
        _hand_out(places, workers, listener)
    finally:
        for connection, process in workers.items():
            connection.close()
            process.terminate()
        for process in workers.values():
            process.join()


def _hand_out(places: Sequence[int], workers: dict[Connection, SpawnProcess], listener: SearchListener) -> None:
    """Give each worker that is ready the next place, and tell ``listener`` what they say, until all are done."""
    waiting, at_work = iter(places), set(workers)
    while at_work:
        for connection in wait(list(at_work)):
            if not isinstance(connection, Connection):
                continue
            try:
                said = connection.recv()
                if isinstance(said, _Ready):
                    place = next(waiting, None)
                    connection.send(place)
                    if place is None:
                        at_work.discard(connection)
            except (EOFError, ConnectionError) as error:
                workers[connection].join()
                code = workers[connection].exitcode
                raise HarError(
                    f"A worker of the search has ended (exit code {code}); the same command goes on, and tries its "
                    "trial again"
                ) from error
            if isinstance(said, BaseException):
                raise said
            if not isinstance(said, _Ready):
                listener(said)


def _work(order: _Order, connection: Connection) -> None:
    """What a worker does, in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first of them ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        order.objective.prepare()
        with open_study(order.path, order.settings, last_step=order.last_step) as study:
            connection.send(_Ready())
            while (place := connection.recv()) is not None:
                run_trial(study, order.settings, order.objective, place, connection.send, last_step=order.last_step)
                connection.send(_Ready())
    except (EOFError, BrokenPipeError):
        return  # nobody listens any more
    except HarError as error:
        connection.send(error)
    except BaseException as error:
        connection.send(HarError(f"{type(error).__name__}: {error}"))
        raise


def _end_with_parent() -> None:
    """However the parent ends: a trial that goes on would be tried by two."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
