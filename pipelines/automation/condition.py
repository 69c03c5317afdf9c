"""When Dagster's automation asks for an asset: the same question as ``har run``'s, put once a tick.

The condition is level by level: what is below something undecided waits for the next tick.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from weakref import WeakKeyDictionary

import dagster as dg
from dagster._core.asset_graph_view.asset_graph_view import AssetGraphView
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from assets.resources.home import Home
from pipelines.staleness import Item, OutputFiles, ask
from pipelines.waves import Request, due_items

_due_by_view: WeakKeyDictionary[AssetGraphView, set[Item]] = WeakKeyDictionary()
"""One tick has one view, and asks once for each asset."""


class IsDue(dg.AutomationCondition[dg.AssetKey]):
    """True of what is missing or stale while nothing above it is, as :mod:`pipelines.waves` decides.

    An asset that makes do with what there is when ``har run`` asks waits for all its inputs here.
    """

    def __init__(self, home: Home) -> None:
        self._root = home.root

    @property
    def name(self) -> str:
        """In the UI's tree of conditions."""
        return "is_due"

    @property
    def description(self) -> str:
        """In the UI's tree of conditions."""
        return "Missing or stale, and nothing above it is"

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        """The candidates that are due."""
        due = _due_items(context.asset_graph_view, self._root)
        partitions = {item.partition for item in due if item.key == context.key}
        return dg.AutomationResult(context, _subset(context, partitions))


def with_condition(
    assets: Iterable[dg.AssetSpec | dg.AssetsDefinition], home: Home
) -> list[dg.AssetSpec | dg.AssetsDefinition]:
    """The assets of ``home``, each with the condition but for those that are not made here."""
    condition = make_condition(home)
    return [
        asset.map_asset_specs(lambda spec: spec.replace_attributes(automation_condition=condition))
        if isinstance(asset, dg.AssetsDefinition)
        else asset
        for asset in assets
    ]


def make_condition(home: Home) -> dg.AutomationCondition[dg.AssetKey]:
    """The condition of every asset of ``home``.

    It is asked for once when it becomes due, and once more when its code, its settings or its inputs change again; what
    failed is not tried over and over.
    """
    is_due, condition = IsDue(home), dg.AutomationCondition
    news = is_due.newly_true() | condition.code_version_changed() | _inputs_changed()
    return (
        condition.in_latest_time_window()
        & is_due
        & news.since_last_handled()
        & ~condition.any_deps_missing()
        & ~condition.any_deps_in_progress()
        & ~condition.in_progress()
        & condition.all_deps_blocking_checks_passed()
    )


def _inputs_changed() -> dg.AutomationCondition[dg.AssetKey]:
    return dg.AutomationCondition.any_deps_match(dg.AutomationCondition.data_version_changed())


def _due_items(view: AssetGraphView, root: Path) -> set[Item]:
    if view not in _due_by_view:
        graph = view.asset_graph
        if not isinstance(graph, AssetGraph):
            raise TypeError("the sensor must be evaluated where the definitions are: use_user_code_server=True")
        request = Request(wanted=graph.materializable_asset_keys)
        _due_by_view[view] = due_items(ask(graph, view.instance, _outputs(root)), request)
    return _due_by_view[view]


@lru_cache
def _outputs(root: Path) -> OutputFiles:
    """Kept between ticks: it hashes a file again only when the file has changed."""
    return OutputFiles(root)


def _subset(context: dg.AutomationContext[dg.AssetKey], partitions: set[str | None]):
    if context.partitions_def is None:
        return context.candidate_subset if None in partitions else context.get_empty_subset()
    named = {partition for partition in partitions if partition is not None}
    subset = context.asset_graph_view.get_subset_from_partition_keys(context.key, context.partitions_def, named)
    return context.candidate_subset.compute_intersection(subset)
