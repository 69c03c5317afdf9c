"""``har run`` and ``har status`` themselves: from an order to waves in a home, or to what they would do."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import typer
from dagster import AssetKey, DagsterInstance

from assets.data.source_files import report_source_version
from assets.folds.partitions import sync_folds
from assets.machinery.keys import CHAMPION
from assets.machinery.lineage import fold_partitions, latest
from assets.resources.home import Home
from assets.resources.interrupted import close_interrupted
from assets.resources.occupation import occupied
from assets.resources.tracking import Tracking
from har_core.base.errors import HomeBusyError, InputError
from har_core.datasets.dsads.acquisition import source_version
from har_core.settings.experiment import Experiment
from pipelines.definitions import build_definitions
from pipelines.homes import Order, propose, remember
from pipelines.runner import Outcome, make_request, run_waves
from pipelines.session import open_home, open_instance
from pipelines.staleness import Status, ask


def refresh(order: Order, *, selection: str | None, forced: bool, seed: int | None = None) -> int:
    """Materialise what is missing or stale, and say what was done; gives the exit code.

    Raises:
        InputError: the data, the selection or the home is wrong, or an architecture refuses its options.
        HomeBusyError: another process is at work in the home.
    """
    from pipelines.summary import print_summary

    home = open_home()
    with occupied(home), open_instance(home) as instance:
        Tracking(home).follow_home()
        os.environ["HAR_EXPERIMENT"] = str(order.experiment.path.absolute())
        try:
            with _interruptible():
                outcome = _run(order, home, instance, selection, forced=forced, seed=seed)
        except KeyboardInterrupt:
            typer.echo("Interrupted; the next `har run` continues where this one ended.", err=True)
            return 1
        made = latest(instance, CHAMPION)
        return print_summary(outcome, home, made.metadata.get("champion") if made is not None else None)


def look(order: Order) -> list[Status]:
    """The status of every asset and partition, parents before children.

    Raises:
        InputError: the data or the home is wrong.
    """
    home, experiment = open_home(), order.experiment
    with open_instance(home) as instance:
        try:
            with occupied(home):
                _accept(order, home, instance, bind=False)
        except HomeBusyError as busy:
            typer.echo(f"The source was not looked at: {busy}", err=True)
        asset_graph = build_definitions(experiment, home).resolve_asset_graph()
        return list(ask(asset_graph, instance, home.root).values())


def _accept(order: Order, home: Home, instance: DagsterInstance, *, bind: bool) -> None:
    """Remember what a command was given, and look at its source; what is refused is not remembered."""
    memory = propose(home, order.experiment.path, order.data, bind=bind)
    source_version(order.experiment.source, Path(memory.data) if memory.data is not None else None)
    sync_folds(instance, order.experiment)
    remember(home, memory)
    report_source_version(instance, order.experiment, home)


def _run(
    order: Order,
    home: Home,
    instance: DagsterInstance,
    selection: str | None,
    *,
    forced: bool,
    seed: int | None,
) -> Outcome:
    from rich.console import Console

    from pipelines.display import make_display  # brings rich, which a look needs not

    display, tracking = make_display(Console(stderr=True)), Tracking(home)
    definitions = build_definitions(order.experiment, home, display)
    request = make_request(definitions.resolve_asset_graph(), selection, forced=forced, seed=seed)
    _accept(order, home, instance, bind=True)
    home.problems.unlink(missing_ok=True)  # of an earlier run
    close_interrupted(tracking, instance)
    if forced:
        _forget_checkpoints(home, request.wanted, instance)

    def before_work() -> None:  # imports MLflow and PyTorch, so not where there is nothing to do
        _refuse_impossible_options(order.experiment)
        tracking.prepare()

    with display:
        return run_waves(definitions, instance, request, home.root, display.wave, before_work=before_work)


def _refuse_impossible_options(experiment: Experiment) -> None:
    """What an architecture refuses to be built with is not known before its code is imported.

    Raises:
        InputError: with every option that an architecture of the experiment refuses.
    """
    from har_core.datasets.dsads.layout import NUM_ACTIVITIES
    from har_core.fitting.recipe import channels_seen
    from har_core.models.registry import check_options

    problems = []
    for name in experiment.models.architectures:
        settings = experiment.model_settings(name)
        try:
            check_options(
                name,
                num_channels=len(channels_seen(settings.training)),
                num_timepoints=experiment.windows.length,
                num_classes=NUM_ACTIVITIES,
                **settings.architecture_options,
            )
        except InputError as error:
            problems += [
                replace(p, path=f"{experiment.path}: models.{name}.{p.path.rpartition('.')[2]}") for p in error.problems
            ]
    if problems:
        raise InputError("The architectures refuse their options", problems)


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM and a closed terminal end the work as Ctrl-C does: it is closed as failed, and the lock is given back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under `nohup`
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _forget_checkpoints(home: Home, keys: Collection[AssetKey], instance: DagsterInstance) -> None:
    for name in (key.to_user_string() for key in keys):
        home.checkpoint(name).unlink(missing_ok=True)
        for fold in fold_partitions(instance):
            shutil.rmtree(home.checkpoints(name, fold), ignore_errors=True)
