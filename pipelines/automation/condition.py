"""When Dagster's automation asks for an asset: the same question as ``har run``'s, put once a tick.

The condition is level by level: what is below something undecided waits for the next tick. All operands of a tick go by
one look, which begins with whether anybody is at work: what ends while the rest is read counts as running still, and
what was made is never taken for stale.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from weakref import WeakKeyDictionary

import dagster as dg
from dagster._core.asset_graph_view.asset_graph_view import AssetGraphView
from dagster._core.asset_graph_view.entity_subset import EntitySubset
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from assets.machinery.keys import BY_HAND, PARTIAL_INPUTS
from assets.machinery.lineage import made_from
from assets.resources.home import Home
from assets.resources.occupation import is_occupied
from pipelines.staleness import Item, Status, ask
from pipelines.waves import Request, due_items

_AT_WORK = (dg.DagsterRunStatus.QUEUED, *IN_PROGRESS_RUN_STATUSES)
"""Of runs: one that was created and never queued keeps nobody waiting."""
_UNDER_WAY = (BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING)
"""Of backfills, which Dagster makes of several folds of one architecture; none of their runs may be at work."""


_looks: WeakKeyDictionary[AssetGraphView, dict[Item, str] | None] = WeakKeyDictionary()
"""What could run now, with its occasion: another one is there when its code, its settings or its inputs changed, or
when there is another reason. None where somebody is at work. One tick has one view, and looks once for all assets."""


class _Operand(dg.AutomationCondition[dg.AssetKey]):
    """A part of the condition; its name and description stand in the UI's tree of conditions."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def _look(self, context: dg.AutomationContext[dg.AssetKey]) -> dict[Item, str] | None:
        view = context.asset_graph_view
        if view not in _looks:
            _looks[view] = _look(view, self._home)
        return _looks[view]

    def _due(self, context: dg.AutomationContext[dg.AssetKey]) -> dict[str | None, str]:
        """Partition -> occasion, of this asset; None stands for an asset that has no partitions."""
        look = self._look(context) or {}
        return {item.partition: occasion for item, occasion in look.items() if item.key == context.key}


class IsIdle(_Operand):
    """True of everything while no run or backfill waits or is at work, and no command works in the home.

    A request made meanwhile would wait, and might be out of date when its turn comes.
    """

    name = "is_idle"
    description = "Nobody is at work in the home, and no run or backfill waits"

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        """All candidates, or none."""
        is_busy = self._look(context) is None
        return dg.AutomationResult(context, context.get_empty_subset() if is_busy else context.candidate_subset)


class IsDue(_Operand):
    """True of what is missing or stale while nothing above it is, as :mod:`pipelines.waves` decides.

    An asset that makes do with what there is when ``har run`` asks waits here for inputs that were never made.
    """

    name = "is_due"
    description = "Missing or stale, and nothing above it is"

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        """The candidates that are due."""
        return dg.AutomationResult(context, _subset(context, self._due(context).keys()))


class IsNew(_Operand):
    """True of what was not asked for on the same occasion before, so that what failed is not tried over and over.

    The last operand: what it lets through is asked for, and remembered as asked for until it is no longer due. Not so
    what is asked for together with an input: where that fails, it is never tried.
    """

    name = "is_new"
    description = "Not asked for since its code, its settings or its inputs last changed"

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        """The candidates that are new, and the cursor that makes them old."""
        due = self._due(context)
        asked: dict[str | None, str] = dict(json.loads(context.cursor or "[]"))
        if self._look(context) is not None:
            asked = {partition: occasion for partition, occasion in asked.items() if partition in due}
        candidates = {entry.partition_key for entry in context.candidate_subset.expensively_compute_asset_partitions()}
        new = {partition: due[partition] for partition in candidates if asked.get(partition) != due[partition]}
        if not _is_any_input_asked_for(context):
            asked |= new
        return dg.AutomationResult(context, _subset(context, new), cursor=json.dumps([*asked.items()]))


def with_condition(
    assets: Iterable[dg.AssetSpec | dg.AssetsDefinition], home: Home
) -> list[dg.AssetSpec | dg.AssetsDefinition]:
    """The assets of ``home``, each with its condition but for those that are not made here, or by hand alone."""

    def conditioned(spec: dg.AssetSpec) -> dg.AssetSpec:
        if BY_HAND.items() <= spec.tags.items():
            return spec
        return spec.replace_attributes(automation_condition=_condition(spec, home))

    return [asset.map_asset_specs(conditioned) if isinstance(asset, dg.AssetsDefinition) else asset for asset in assets]


def _condition(spec: dg.AssetSpec, home: Home) -> dg.AutomationCondition[dg.AssetKey]:
    """What makes do with what stands of an input that failed waits nevertheless for what was never made."""
    condition, is_due = dg.AutomationCondition, IsDue(home)
    failed = is_due & ~condition.will_be_requested()
    inputs_are_there = ~condition.any_deps_missing()
    if PARTIAL_INPUTS not in spec.tags:
        inputs_are_there &= ~condition.any_deps_match(failed).with_label("any_deps_failed")
    return IsIdle(home) & is_due & inputs_are_there & IsNew(home)


def _look(view: AssetGraphView, home: Home) -> dict[Item, str] | None:
    graph = view.asset_graph
    if not isinstance(graph, AssetGraph):
        raise TypeError("the sensor must be evaluated where the definitions are: use_user_code_server=True")
    if is_occupied(home) or _is_busy(view.instance):
        return None
    statuses = ask(graph, view.instance, home.root)
    due = due_items(statuses, Request(wanted=graph.materializable_asset_keys))
    return {item: _occasion(statuses[item], graph, view.instance) for item in due}


def _is_busy(instance: dg.DagsterInstance) -> bool:
    # Backfills first: one that has ended has no runs left.
    return bool(
        instance.get_backfills(BulkActionsFilter(statuses=_UNDER_WAY), limit=1)
        or instance.get_run_ids(dg.RunsFilter(statuses=_AT_WORK), limit=1)
    )


def _occasion(status: Status, graph: AssetGraph, instance: dg.DagsterInstance) -> str:
    key = status.item.key
    made_of = made_from(instance, graph.get(key).assets_def.get_asset_spec(key))
    return hashlib.sha256(json.dumps([made_of, status.causes]).encode()).hexdigest()


def _is_any_input_asked_for(context: dg.AutomationContext[dg.AssetKey]) -> bool:
    """In this tick, which decides about inputs first."""
    asked = (context.request_subsets_by_key.get(key) for key in context.asset_graph.get(context.key).parent_keys)
    return any(subset is not None and not subset.is_empty for subset in asked)


def _subset(
    context: dg.AutomationContext[dg.AssetKey], partitions: Collection[str | None]
) -> EntitySubset[dg.AssetKey]:
    """The candidates among ``partitions``."""
    if None in partitions:
        return context.candidate_subset
    named = {partition for partition in partitions if partition is not None}
    return context.candidate_subset.compute_intersection_with_partition_keys(named)
