"""A materialisation that was reported by hand in Dagster's UI has none of our metadata, and breaks nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from assets.comparison.report_inputs import gather
from assets.resources.store import Store
from har_core.base.errors import HarError
from pipelines.staleness import ask
from pipelines.trace import trace_model

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

MADE = ["raw_recordings", "recording_audit", "windows", "splits", "models/cnn", "models/lstm", "comparison_report"]


def report(graph: Graph, *names: str) -> None:
    """As the button does."""
    for name in names:
        graph.instance.report_runless_asset_event(dg.AssetMaterialization(dg.AssetKey.from_user_string(name)))


@pytest.mark.parametrize("name", ["source_files", *MADE, "champion"])
def test_each_asset_can_be_looked_at(graph: Graph, name: str) -> None:
    report(graph, name)
    asset_graph = graph.definitions().resolve_asset_graph()
    assert {str(item) for item in ask(asset_graph, graph.instance, graph.home.root)} >= {name}
    store = Store(graph.home)
    assert trace_model(store.resolve("models:/har@champion"), store, graph.instance)
    gather(graph.instance, graph.experiment, graph.home)


def test_report_names_what_was_reported_by_hand_and_the_champion_does_without(graph: Graph) -> None:
    report(graph, "models/cnn", "recording_audit", "windows", "splits")
    missing = gather(graph.instance, graph.experiment, graph.home).inputs.missing
    assert [text.partition(",")[0] for text in missing] == [
        "models/cnn: reported by hand",
        "recording_audit: reported by hand",
    ]
    result = graph.materialise("comparison_report", "champion")
    assert result.success, [event.message for event in result.all_events if event.is_failure]
    text = (graph.home.report_folder / "report.md").read_text()
    assert "models/cnn: reported by hand" in text


def test_nothing_but_reports_by_hand(graph: Graph) -> None:
    report(graph, "models/cnn", "models/lstm")
    with pytest.raises(HarError, match=r"nothing to compare: models/cnn: reported by hand"):
        gather(graph.instance, graph.experiment, graph.home)
    result = graph.materialise("champion")
    assert [type(error) for error in failures(result)] == [HarError]


@pytest.mark.parametrize("name", MADE)
def test_what_is_below_runs_or_says_why_not(graph: Graph, name: str) -> None:
    report(graph, name)
    below = {"raw_recordings": "windows", "windows": "splits", "splits": "models/lstm"}.get(name, "comparison_report")
    result = graph.materialise(below)
    assert result.success or all(isinstance(error, HarError) for error in failures(result)), list(failures(result))


def failures(result: dg.ExecuteInProcessResult) -> Iterator[BaseException]:
    """What was raised, as far as Dagster still knows."""
    for event in result.all_events:
        if event.is_step_failure:
            told = event.step_failure_data.error
            names = re.findall(r"\w+Error", told.to_string() if told is not None else "")
            yield HarError() if "HarError" in names or "InputError" in names else RuntimeError(str(told))
