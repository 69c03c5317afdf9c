"""``har run``, ``har search`` and ``har status``: from an order to waves in a home, or to what they would do."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import typer
from dagster import DagsterInstance
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from assets.comparison.champion import NO_CHAMPION
from assets.data.source_files import report_source_version
from assets.folds.partitions import sync_folds
from assets.machinery.keys import RAW_RECORDINGS
from assets.machinery.lineage import fold_partitions, latest
from assets.resources.home import Home
from assets.resources.interrupted import close_interrupted
from assets.resources.memory import Memory, recall, remember
from assets.resources.occupation import occupied
from assets.resources.store import CHAMPION_ALIAS, COPIED_FROM_TAG, OVERALL, Store
from assets.resources.tracking import Tracking
from har_core.base.errors import HomeBusyError, InputError
from har_core.base.files import remove_leftovers
from har_core.experiment.datasets import dataset_of
from har_core.settings.experiment import Experiment
from har_core.training.unfinished import forget
from pipelines.definitions import build_definitions
from pipelines.diagnosis import refuse_troubled_stores
from pipelines.homes import Order, propose
from pipelines.runner import Outcome, make_request, run_waves
from pipelines.session import can_only_be_read, open_home, open_home_to_look, open_instance
from pipelines.staleness import Item, State, Status, ask
from pipelines.waves import Request


def refresh(order: Order, *, selection: str | None, forced: bool, seed: int | None = None) -> int:
    """Materialise what is missing or stale, and say what was done; gives the exit code.

    Raises:
        InputError: the data, the selection or the home is wrong, or an architecture refuses its options.
        HomeBusyError: another process is at work in the home.
        HarError: a store is damaged, of another version, or stays locked.
    """
    from pipelines.summary import print_summary

    def request(asset_graph: AssetGraph) -> Request:
        return make_request(asset_graph, selection, forced=forced, seed=seed)

    return carry_out(
        order,
        request,
        lambda outcome, home: print_summary(outcome, home, _champion(Tracking(home), order.experiment)),
        continues=not forced,
    )


def carry_out(
    order: Order,
    request: Callable[[AssetGraph], Request],
    tell: Callable[[Outcome, Home], int],
    *,
    continues: bool = True,
) -> int:
    """Do what ``request`` says of the graph, in the home of this process, and ``tell`` of it; gives the exit code.

    ``continues`` says whether the same command takes up what an interrupted one has begun. Errors are those of
    :func:`refresh`.
    """
    home = open_home()
    with occupied(home):
        refuse_troubled_stores(home)
        with open_instance(home) as instance:
            Tracking(home).follow_home()
            os.environ["HAR_EXPERIMENT"] = str(order.experiment.path.absolute())
            try:
                with _interruptible():
                    outcome = _run(order, home, instance, request)
            except KeyboardInterrupt:
                next_run = "continues where this one ended" if continues else "begins it anew"
                typer.echo(f"Interrupted; what was finished is kept, and the same command {next_run}.", err=True)
                return 1
            return tell(outcome, home)


def look(order: Order) -> list[Status]:
    """The status of every asset and partition, parents before children.

    Raises:
        InputError: the data or the home is wrong.
    """
    home, experiment = open_home_to_look(), order.experiment
    with open_instance(home) as instance:
        if can_only_be_read(home):
            _look_at_source(order, home, instance, _refuse_what_is_new(order, home))
        else:
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
    if not _is_unplugged(order, memory, instance):
        dataset_of(order.experiment).source_version(order.experiment.source, memory.data_location)
    sync_folds(instance, order.experiment)
    remember(home, memory)
    _look_at_source(order, home, instance, memory)


def _look_at_source(order: Order, home: Home, instance: DagsterInstance, memory: Memory) -> None:
    """Report what the source holds now; where it is away, what was made from it before goes on to count."""
    if _is_unplugged(order, memory, instance):
        typer.echo(
            f"The source was not looked at: this home remembers its recordings at {memory.data}, where there are none "
            "now; if they lie elsewhere, --data NEW says where",
            err=True,
        )
    else:
        report_source_version(instance, order.experiment, home)


def _is_unplugged(order: Order, memory: Memory, instance: DagsterInstance) -> bool:
    """Whether the remembered recordings are away, and were there once: an empty folder is where a disk was mounted."""
    location = memory.data_location
    if order.data is not None or location is None or latest(instance, RAW_RECORDINGS) is None:
        return False
    return not location.exists() or (location.is_dir() and not any(location.iterdir()))


def _refuse_what_is_new(order: Order, home: Home) -> Memory:
    """What a home that can only be read remembers.

    Raises:
        InputError: the order names other recordings.
    """
    known = recall(home)
    if propose(home, order.experiment.path, order.data).data != known.data:
        raise InputError(f"{home.root}: can only be read, so it cannot remember --data {order.data}; leave that out")
    return known


def _run(order: Order, home: Home, instance: DagsterInstance, make: Callable[[AssetGraph], Request]) -> Outcome:
    from rich.console import Console

    from pipelines.display import make_display  # brings rich, which a look needs not

    display, tracking = make_display(Console(stderr=True)), Tracking(home)
    definitions = build_definitions(order.experiment, home, display)
    request = make(definitions.resolve_asset_graph())
    _accept(order, home, instance, bind=True)
    home.problems.unlink(missing_ok=True)  # of an earlier run
    close_interrupted(tracking, instance)
    remove_leftovers(home.data)
    begun_anew = [Item(key, fold) for key in request.forced for fold in (None, *fold_partitions(instance))]
    _forget_checkpoints(home, begun_anew)

    def before_work() -> None:  # imports MLflow and PyTorch, so not where there is nothing to do
        _refuse_impossible_options(order.experiment)
        tracking.prepare()

    try:
        with display:
            outcome = run_waves(definitions, instance, request, home.root, display.wave, before_work=before_work)
    except KeyboardInterrupt:
        _forget_checkpoints(home, begun_anew)
        raise
    # What is fresh has none but of a forced run that was killed: nobody goes on with that.
    _forget_checkpoints(home, [status.item for status in outcome.statuses.values() if status.state is State.FRESH])
    return outcome


def _champion(store: Store, experiment: Experiment) -> str | None:
    """The model to use and what it is a copy of, as in ``har/3 (har-cnn/2)``; or why none is chosen."""
    holder = store.by_alias(OVERALL, CHAMPION_ALIAS)
    if holder is not None:
        return f"{OVERALL}/{holder.version} ({holder.tags.get(COPIED_FROM_TAG, '')})"
    return None if experiment.has_validation else f"none; {NO_CHAMPION}"


def _refuse_impossible_options(experiment: Experiment) -> None:
    """What an architecture refuses to be built with is not known before its code is imported.

    Raises:
        InputError: with every option that an architecture of the experiment refuses.
    """
    from har_core.fitting.recipe import channels_seen
    from har_core.models.registry import check_options

    problems, spec = [], experiment.windowed
    for name in experiment.models.architectures:
        settings = experiment.model_settings(name)
        try:
            check_options(
                name,
                num_channels=len(channels_seen(spec, settings.training)),
                num_timepoints=experiment.window_length,
                num_classes=spec.num_activities,
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


def _forget_checkpoints(home: Home, items: Iterable[Item]) -> None:
    for item in items:
        name = item.key.to_user_string()
        if item.partition is None:
            forget(home.checkpoint(name))
        else:
            shutil.rmtree(home.checkpoints(name, item.partition), ignore_errors=True)
