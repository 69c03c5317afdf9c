"""Runs waves in this process against a Dagster instance, and gathers what failed with the exceptions themselves.

What runs next is decided in :mod:`pipelines.waves`; how it is shown belongs in :mod:`pipelines.cli`.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dagster import (
    AssetKey,
    AssetSelection,
    BetaWarning,
    DagsterInstance,
    DagsterInvalidSubsetError,
    Definitions,
    HookContext,
    failure_hook,
    logger,
)
from dagster._check import CheckError
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.errors import DagsterError
from dagster._core.execution.plan.objects import ErrorSource

from assets.machinery.keys import MODELS_GROUP, PARTIAL_INPUTS
from assets.machinery.materialisation import FORCED_TAG
from assets.machinery.presence import record_problems
from assets.resources.home import Home
from assets.resources.processes import PROCESS_TAG, current_process
from assets.resources.tracking import Tracking
from har_core.base.errors import UnknownNameError
from har_core.base.names import nearest
from pipelines.mending import put_back
from pipelines.staleness import Item, State, Status, ask, is_by_hand
from pipelines.waves import NextStep, Plan, Request, plan_wave

_TOKEN = re.compile(
    r"""
    "[^"]*" | \w+ \s* : \s* (?: "[^"]*" | [^\s"(),+]+ )?   # quoted, or the value of an attribute: as it is
    | \w+ \s* (?= \( )                                   # a function, as in roots(...)
    | (?P<comma> \s* , \s* )
    | (?P<name> [\w/.*-]+ )
    """,
    re.VERBOSE,
)
_WORDS = {"and", "or", "not", "*"}
PART_OF_TAG = "har/part_of"
"""Tag of a Dagster run that is a wave of another: the other's id."""


@dataclass(slots=True)
class Outcome:
    """What a command did."""

    statuses: dict[Item, Status]
    """At the end."""
    restored: list[Item] = field(default_factory=list)
    """Items of which something was put back in MLflow."""
    ran: list[Item] = field(default_factory=list)
    failures: dict[Item, BaseException] = field(default_factory=dict)
    """The exception of each item that failed, as it was raised."""
    failed_checks: dict[str, list[Item]] = field(default_factory=dict)
    """Items that ran all the same, by the check of theirs that failed."""
    held: dict[Item, str] = field(default_factory=dict)
    """Why an item that is due, or may be, was not run."""

    @property
    def unsettled(self) -> list[Status]:
        """Items that ran and are nevertheless not fresh; a code version or an output that never agrees with itself."""
        ran = set(self.ran)
        return [s for s in self.statuses.values() if s.item in ran and s.state in {State.STALE, State.MISSING}]


def select_assets(asset_graph: AssetGraph, selection: str | None) -> frozenset[AssetKey]:
    """The materialisable assets that a selection in Dagster's syntax names; all of them where it is None.

    Never those that are started by hand.

    Raises:
        UnknownNameError: the selection cannot be read, or names no asset; the text offers the nearest and all names.
    """
    every = asset_graph.materializable_asset_keys
    keys = {key for key in every if not is_by_hand(key, asset_graph)}
    if selection is None:
        return frozenset(keys)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BetaWarning)  # of Dagster's own parser
            named = AssetSelection.from_string(in_dagsters_syntax(selection)).resolve(asset_graph) & every
    except DagsterInvalidSubsetError as error:
        raise _unknown(selection, "names no asset", keys) from error
    except (DagsterError, CheckError, NotImplementedError, RecursionError) as error:  # for what only Dagster's UI knows
        raise _unknown(selection, "is no selection of assets, in Dagster's syntax", keys) from error
    chosen = named & keys
    if named and not chosen:
        models = [key.path[-1] for key in sorted(named)]
        raise UnknownNameError(f"--select {selection!r} names what is started by hand: har search --model {models[0]}")
    if not chosen:
        raise _unknown(selection, "names no asset", keys)
    return frozenset(chosen)


def in_dagsters_syntax(selection: str) -> str:
    """``selection`` with plain names as keys, and commas as ``or``, outside quotes.

    >>> in_dagsters_syntax("+windows, models/cnn or group:folds")
    '+key:"windows" or key:"models/cnn" or group:folds'
    """
    return _TOKEN.sub(_translated, selection)


def _translated(token: re.Match[str]) -> str:
    if token["comma"]:
        return " or "
    name = token["name"]
    if name is None or name.isdigit() or name.lower() in _WORDS:  # a number says how far up or down
        return token[0]
    return f"key:{name}" if "*" in name else f'key:"{name}"'


def _unknown(selection: str, complaint: str, keys: Collection[AssetKey]) -> UnknownNameError:
    names = sorted(key.to_user_string() for key in keys)
    meant = nearest(selection, names)
    offer = f"; did you mean {meant!r}?" if meant else "."
    return UnknownNameError(f"--select {selection!r} {complaint}{offer} There are {', '.join(names)}.")


def make_request(
    asset_graph: AssetGraph, selection: str | None = None, *, forced: bool = False, seed: int | None = None
) -> Request:
    """What the user asked for, in terms of the graph."""
    nodes = [asset_graph.get(key) for key in asset_graph.materializable_asset_keys]
    partial = {
        node.key: {
            key for key in node.parent_keys if asset_graph.get(key).group_name in node.tags[PARTIAL_INPUTS].split(".")
        }
        for node in nodes
        if PARTIAL_INPUTS in node.tags
    }
    wanted = select_assets(asset_graph, selection)
    return Request(wanted=wanted, forced=wanted if forced else (), seed=seed, partial_inputs=partial)


def run_waves(
    definitions: Definitions,
    instance: DagsterInstance,
    request: Request,
    root: Path,
    on_wave: Callable[[Collection[Status], int], None] = lambda wave, num_folds_left: None,  # noqa: ARG005
    *,
    before_work: Callable[[], None] = lambda: None,
    part_of: str | None = None,
) -> Outcome:
    """Run what is due until nothing is; an item that fails holds back what is below it, and nothing else.

    Outputs lie below ``root``. ``on_wave`` is called before each wave, with its items and how many folds are left with
    it; ``before_work`` once, before the first. The runs of the waves are tagged with ``part_of``: the id of the Dagster
    run that does all this, if one does.
    """
    asset_graph = definitions.resolve_asset_graph()
    outcome = Outcome({})
    while True:
        outcome.statuses = ask(asset_graph, instance, root, also=request.wanted)
        if restored := _put_back(outcome.statuses.values(), request, Tracking(Home(root))):
            outcome.restored += restored
            outcome.statuses = ask(asset_graph, instance, root, also=request.wanted)
        plan = plan_wave(outcome.statuses, request, outcome.ran, outcome.failures)
        outcome.held = plan.reasons
        if not plan.wave:
            return outcome
        if not outcome.ran and not outcome.failures:
            before_work()
        on_wave([outcome.statuses[item] for item in plan.wave], _num_folds_left(plan))
        tags = {PROCESS_TAG: current_process(), **({PART_OF_TAG: part_of} if part_of is not None else {})}
        ran, failures, failed_checks = _run(definitions, instance, plan, request, tags)
        outcome.ran += ran
        outcome.failures |= failures
        for name, items in failed_checks.items():
            outcome.failed_checks[name] = [*outcome.failed_checks.get(name, []), *items]


def _put_back(statuses: Iterable[Status], request: Request, tracking: Tracking) -> list[Item]:
    """Restore in MLflow what costs no work, of what is wanted; gives the items that lack nothing any more."""
    lost = {status.item: status.lost for status in statuses if status.lost and status.item.key in request.wanted}
    for made in lost.values():
        put_back(tracking, made)
    held = tracking.contents()
    return [item for item, made in lost.items() if not record_problems(made, held)]


def _num_folds_left(plan: Plan) -> int:
    """Folds that this wave or a later one runs, as far as is known now."""
    undecided = {NextStep.RUN, NextStep.WAIT}
    return sum(item.partition is not None and step in undecided for item, step in plan.steps.items())


def _run(
    definitions: Definitions, instance: DagsterInstance, plan: Plan, request: Request, tags: Mapping[str, str]
) -> tuple[list[Item], dict[Item, BaseException], dict[str, list[Item]]]:
    """One Dagster run in this process.

    Gives what was materialised, the exception of what failed, and what was materialised by the check of it that failed.
    """
    exceptions: dict[str, BaseException] = {}
    wave, seed = plan.wave, request.seed

    @failure_hook(name="remember_failure")
    def remember_failure(context: HookContext) -> None:
        exceptions[context.step_key] = context.op_exception or DagsterError("no exception was recorded")

    steps = {item: definitions.resolve_assets_def(item.key).node_def.name for item in wave}
    given = {step: request.config[item.key] for item, step in steps.items() if item.key in request.config}
    if seed is not None:
        given |= {step: {"seed": seed} for item, step in steps.items() if item.key.path[0] == MODELS_GROUP}
    job = definitions.resolve_implicit_global_asset_job_def()
    job = job.with_hooks({remember_failure}).with_logger_defs({"file": _file_logger})
    result = job.execute_in_process(
        instance=instance,
        asset_selection=[item.key for item in wave],
        partition_key=plan.partition,
        raise_on_error=False,
        run_config={"loggers": {"file": {}}, "ops": {step: {"config": dict(config)} for step, config in given.items()}},
        tags={**tags, **({FORCED_TAG: "true"} if any(item.key in request.forced for item in wave) else {})},
    )
    if any(e.is_step_failure and e.step_failure_data.error_source is ErrorSource.INTERRUPT for e in result.all_events):
        raise KeyboardInterrupt  # Dagster has closed the run, and would have us go on
    failures = {item: exceptions[step] for item, step in steps.items() if step in exceptions}
    materialized = {event.asset_key for event in result.get_asset_materialization_events()}
    ran = [item for item in wave if item.key in materialized and item not in failures]
    if not result.success and not failures:
        raise DagsterError(f"Dagster run {result.run_id} failed outside its assets; its log says why")
    if not ran and not failures:
        raise DagsterError(f"Dagster run {result.run_id} materialised nothing of {', '.join(map(str, wave))}")
    failed_checks: dict[str, list[Item]] = {}
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            failed_checks.setdefault(check.check_name, []).extend(item for item in ran if item.key == check.asset_key)
    return ran, failures, failed_checks


@logger({}, "Hands Dagster's messages to Python's logging, away from the terminal.")
def _file_logger(_context: object) -> logging.Logger:
    messages = logging.getLogger("har.dagster")
    messages.setLevel(logging.DEBUG)
    return messages
