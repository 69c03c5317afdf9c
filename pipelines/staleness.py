"""What is fresh, stale, missing or pending, and why: Dagster's own staleness resolver, asked from outside its UI.

The resolver is internal to Dagster (it is what the UI's ``staleStatus`` asks), so it is touched in this module only.
Dagster's instance is the one record; nothing is remembered here. What is done about the answer belongs in
:mod:`pipelines.waves`. An edge with 100 or more upstream partitions is ignored by the resolver, so an asset keeps
fewer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from dagster import AssetKey, DagsterInstance, DynamicPartitionsDefinition
from dagster._core.asset_graph_view.asset_graph_view import AssetGraphView, TemporalContext
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.data_version import (
    CachingStaleStatusResolver,
    StaleCause,
    StaleCauseCategory,
    StaleStatus,
)
from dagster._core.storage.event_log.base import AssetRecord
from dagster._time import get_current_datetime

from assets.data.source_files import SUMMARY
from assets.machinery.code_versions import INGREDIENTS, Ingredients, differences
from assets.machinery.keys import BY_HAND
from assets.machinery.lineage import Latest, latest_of_partition, read_materialization
from assets.machinery.presence import moves_by_hand, output_problems, record_problems
from assets.resources.home import Home
from assets.resources.store import Contents, Store


class State(StrEnum):
    """What is known of an asset, or of one partition of it."""

    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"
    PENDING = "pending"
    """Fresh by itself, below something that is not: may become stale when that has run."""


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """An asset that has no partitions (by its nature, or yet), or one partition of one that has."""

    key: AssetKey
    partition: str | None = None

    def __str__(self) -> str:
        name = self.key.to_user_string()
        return name if self.partition is None else f"{name}[{self.partition}]"


@dataclass(frozen=True, slots=True)
class Status:
    """The state of an item, with its causes in words; no causes where it is fresh."""

    item: Item
    state: State
    causes: tuple[str, ...] = ()
    parents: tuple[Item, ...] = ()
    partitions: str | None = None
    """Name of the partitions that its partition is one of: a Dagster run has only such as share it."""
    lacks_partitions: bool = False
    """Stands for an asset whose partitions are not known yet; what is above it will add them."""
    was_made: bool = False
    """Whether the instance knows a materialisation of it."""
    seconds: float | None = None
    """What its latest materialisation took; None where nobody knows."""
    lost: Latest | None = None
    """Its latest materialisation, where MLflow lacks something that it recorded there."""


def ask(
    asset_graph: AssetGraph, instance: DagsterInstance, root: Path, *, also: Collection[AssetKey] = ()
) -> dict[Item, Status]:
    """The status of each item of the graph, parents before children; what was made is looked for in the home there.

    Assets that are started by hand are left out but for those in ``also``: nothing waits for them.
    """
    view = AssetGraphView(
        temporal_context=TemporalContext(effective_dt=get_current_datetime(), last_event_id=None),
        instance=instance,
        asset_graph=asset_graph,
    )
    AssetRecord.blocking_get_many(view, asset_graph.toposorted_asset_keys)  # in one query: the view keeps them
    resolver = CachingStaleStatusResolver(instance=instance, asset_graph=asset_graph, loading_context=view)
    held = Store(Home(root)).contents()
    statuses: dict[Item, Status] = {}
    for key in asset_graph.toposorted_asset_keys:
        if key not in also and is_by_hand(key, asset_graph):
            continue
        for item in _items(key, asset_graph, instance):
            status = _status(item, view, resolver, root, held, known=statuses)
            statuses[item] = replace(status, partitions=_partitions(item, asset_graph))
    return statuses


def is_by_hand(key: AssetKey, asset_graph: AssetGraph) -> bool:
    """Whether only a person starts this asset, by its name."""
    return BY_HAND.items() <= asset_graph.get(key).tags.items()


def _items(key: AssetKey, asset_graph: AssetGraph, instance: DagsterInstance) -> list[Item]:
    partitions = asset_graph.get(key).partitions_def
    if partitions is None:
        return [Item(key)]
    names = partitions.get_partition_keys(dynamic_partitions_store=instance)
    return [Item(key, name) for name in names] or [Item(key)]


def _partitions(item: Item, asset_graph: AssetGraph) -> str | None:
    own = asset_graph.get(item.key).partitions_def
    return own.name if item.partition is not None and isinstance(own, DynamicPartitionsDefinition) else None


def _status(
    item: Item,
    view: AssetGraphView,
    resolver: CachingStaleStatusResolver,
    root: Path,
    held: Contents,
    *,
    known: Mapping[Item, Status],
) -> Status:
    parents = _parents(item, view, known)
    if view.asset_graph.get(item.key).is_external:
        return Status(item, State.FRESH, parents=parents)
    if item.partition is None and view.asset_graph.get(item.key).is_partitioned:
        cause = "has no partitions yet; what is above it adds them"
        return Status(item, State.MISSING, (cause,), parents, lacks_partitions=True)
    made = _latest(item, view)
    if made is None:
        return Status(item, State.MISSING, ("was never materialised",), parents)
    lost = record_problems(made, held)
    if causes := [*output_problems(root, made.outputs), *lost]:
        state = State.MISSING
    elif (is_stale := resolver.get_status(item.key, item.partition) is StaleStatus.STALE) or moves_by_hand(made, held):
        reasons = resolver.get_stale_causes(item.key, item.partition) if is_stale else []
        causes = [words for reason in reasons for words in _in_words(reason, item, made, view)]
        causes += moves_by_hand(made, held)
        state = State.STALE
    else:
        causes = [f"{parent} is {known[parent].state}" for parent in parents if known[parent].state != State.FRESH]
        state = State.PENDING if causes else State.FRESH
    return Status(
        item,
        state,
        tuple(dict.fromkeys(causes)),
        parents,
        was_made=True,
        seconds=made.seconds,
        lost=made if lost else None,
    )


def _parents(item: Item, view: AssetGraphView, known: Iterable[Item]) -> tuple[Item, ...]:
    partitions = view.asset_graph.get(item.key).partitions_def
    child = (
        view.get_subset_from_partition_keys(item.key, partitions, {item.partition})
        if item.partition is not None and partitions is not None
        else view.get_full_subset(key=item.key)
    )
    found: list[Item] = []
    for key in sorted(view.asset_graph.get(item.key).parent_keys - {item.key}):
        if view.asset_graph.get(key).is_partitioned:
            names = view.compute_parent_subset(key, child).expensively_compute_partition_keys()
            found += [Item(key, name) for name in sorted(names)] or [Item(key)]
        else:
            found.append(Item(key))
    return tuple(parent for parent in found if parent in known)


def _latest(item: Item, view: AssetGraphView) -> Latest | None:
    if item.partition is not None:
        return latest_of_partition(view.instance, item.key, item.partition)
    record = AssetRecord.blocking_get(view, item.key)
    event = record.asset_entry.last_materialization if record is not None else None
    return read_materialization(item.key, event.asset_materialization if event is not None else None)


def _in_words(cause: StaleCause, item: Item, made: Latest, view: AssetGraphView) -> list[str]:
    if cause.category is StaleCauseCategory.CODE:
        now = view.asset_graph.get(item.key).metadata.get(INGREDIENTS)
        return changes_of(made.metadata.get(INGREDIENTS), now) or ["its code or its settings changed"]
    if cause.category is StaleCauseCategory.DATA and cause.dependency is not None:
        changed = Item(cause.dependency.asset_key, cause.dependency.partition_key)
        newest = _latest(changed, view)
        summary = newest.metadata.get(SUMMARY) if newest is not None else None
        return [f"{changed} has new content" + (f": {summary}" if summary else "")]
    return [cause.reason]


def changes_of(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> list[str]:
    """How ingredients differ, in words; empty where a side says nothing, as what was reported by hand does not."""
    if not before or not now:
        return []
    return differences(Ingredients(**before), Ingredients(**now))
