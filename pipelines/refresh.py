"""``har run`` and ``har status`` themselves: from an experiment file to waves in a home, or to what they would do."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from dagster import AssetKey, DagsterInstance
from rich.console import Console

from assets.data.source_files import report_source_version
from assets.folds.partitions import sync_folds
from assets.machinery.lineage import fold_partitions
from assets.resources.home import Home
from assets.resources.interrupted import close_interrupted
from assets.resources.occupation import occupied
from assets.resources.tracking import Tracking
from har_core.base.errors import HomeBusyError
from har_core.datasets.dsads.acquisition import source_version
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment
from pipelines.definitions import build_definitions
from pipelines.display import make_display
from pipelines.homes import Memory, propose, remember
from pipelines.runner import Outcome, make_request, run_waves
from pipelines.session import open_home, open_instance
from pipelines.staleness import OutputFiles, Status, ask
from pipelines.summary import print_summary


def refresh(
    experiment_file: Path, data: Path | None, *, selection: str | None, forced: bool, seed: int | None = None
) -> int:
    """Materialise what is missing or stale, and tell what was done; gives the exit code.

    Raises:
        InputError: the file, the data, the selection or the home is wrong.
        HomeBusyError: another process is at work in the home.
    """
    experiment = load_experiment(experiment_file)
    home = open_home()
    with occupied(home), open_instance(home) as instance:
        memory = propose(home, experiment_file, data)
        os.environ["HAR_EXPERIMENT"] = str(experiment_file.absolute())
        try:
            with _interruptible():
                outcome = _run(experiment, home, instance, memory, selection, forced=forced, seed=seed)
        except KeyboardInterrupt:
            typer.echo("Interrupted; the next `har run` continues where this one ended.", err=True)
            return 1
        return print_summary(outcome, home)


def look(experiment_file: Path, data: Path | None) -> list[Status]:
    """The status of every asset and partition, parents before children.

    Raises:
        InputError: the file, the data or the home is wrong.
    """
    experiment = load_experiment(experiment_file)
    home = open_home()
    with open_instance(home) as instance:
        try:
            with occupied(home):
                _accept(experiment, home, instance, propose(home, experiment_file, data, bind=False))
        except HomeBusyError as busy:
            propose(home, experiment_file, bind=False)  # refuses another experiment; what is at work keeps its data
            typer.echo(f"The source was not looked at: {busy}", err=True)
        asset_graph = build_definitions(experiment, home).resolve_asset_graph()
        return list(ask(asset_graph, instance, OutputFiles(home.root)).values())


def _accept(experiment: Experiment, home: Home, instance: DagsterInstance, memory: Memory) -> None:
    """Remember what a command was given, and look at its source; what is refused is not remembered."""
    source_version(experiment.source, Path(memory.data) if memory.data is not None else None)
    sync_folds(instance, experiment)
    remember(home, memory)
    report_source_version(instance, experiment, home)


def _run(
    experiment: Experiment,
    home: Home,
    instance: DagsterInstance,
    memory: Memory,
    selection: str | None,
    *,
    forced: bool,
    seed: int | None,
) -> Outcome:
    display = make_display(Console(stderr=True))
    definitions = build_definitions(experiment, home, display)
    request = make_request(definitions.resolve_asset_graph(), selection, forced=forced, seed=seed)
    _accept(experiment, home, instance, memory)
    home.problems.unlink(missing_ok=True)  # of an earlier run
    tracking = Tracking(home)
    tracking.prepare()
    close_interrupted(tracking, instance)
    if forced:
        _forget_checkpoints(home, request.wanted, instance)
    with display:
        return run_waves(definitions, instance, request, OutputFiles(home.root), display.wave)


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the work as Ctrl-C does: what is open is closed as failed, and the lock is given back."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _forget_checkpoints(home: Home, keys: Collection[AssetKey], instance: DagsterInstance) -> None:
    for name in (key.to_user_string() for key in keys):
        home.checkpoint(name).unlink(missing_ok=True)
        for fold in fold_partitions(instance):
            shutil.rmtree(home.checkpoints(name, fold), ignore_errors=True)
