"""What Dagster is told of the checks of the whole graph, and what a failed one stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord
from narrowing import as_type, present

from assets.graph import build_assets
from assets.machinery.quality import RECOGNISES
from assets.models.publication import ROUND_TRIP
from har_core.datasets.dsads.dataset import DSADS
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    from tests.assets.conftest import Graph


def check_keys(experiment: Experiment) -> list[dg.AssetCheckKey]:
    made = [as_type(dg.AssetsDefinition, asset) for asset in build_assets(experiment)[1:]]
    return [key for asset in made for key in asset.check_keys]


def check_record(graph: Graph, asset: str, name: str) -> AssetCheckExecutionRecord:
    key = dg.AssetCheckKey(dg.AssetKey.from_user_string(asset), name)
    return graph.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]


def check_metadata(graph: Graph, asset: str, name: str) -> dict[str, Any]:
    evaluation = present(check_record(graph, asset, name).evaluation)
    return {name: entry.value for name, entry in evaluation.metadata.items()}


def test_checks_are_reported(ran: Graph) -> None:
    keys = check_keys(ran.experiment)
    records = ran.instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    assert set(records) == set(keys)
    assert {record.status.value for key, record in records.items() if key.name != RECOGNISES} == {"SUCCEEDED"}
    assert len(keys) >= 7
    numbers = {
        key.to_user_string(): [
            name
            for name, entry in present(record.evaluation).metadata.items()
            if isinstance(entry, dg.IntMetadataValue | dg.FloatMetadataValue)
        ]
        for key, record in records.items()
    }
    assert [name for name, found in numbers.items() if not found] == []


@pytest.mark.parametrize("architecture", ["cnn", "lstm"])
def test_an_activity_that_the_validation_subjects_do_in_vain_warns(ran: Graph, architecture: str) -> None:
    per_class = ran.result(architecture).scores["validation"].per_class
    told = check_metadata(ran, f"models/{architecture}", RECOGNISES)
    never = [own.activity for own in per_class if not own.recall]
    assert told["num_never_recognised"] == len(never)
    assert told["never_recognised"] == (", ".join(never) or "none")
    assert told["lowest_f1"] == min(own.f1 for own in per_class)
    assert told["num_activities"] == DSADS.num_activities
    record = check_record(ran, f"models/{architecture}", RECOGNISES)
    assert (record.status.value == "SUCCEEDED") == (not never)
    assert present(record.evaluation).severity == dg.AssetCheckSeverity.WARN


def test_a_logged_model_is_as_near_to_the_one_in_memory_as_its_check_says(ran: Graph) -> None:
    told = check_metadata(ran, "models/lstm", ROUND_TRIP)
    assert 0 <= told["largest_difference"] <= told["tolerance"] == 1e-4


def test_a_failed_check_keeps_every_alias_where_it_is(graph: Graph) -> None:
    aliases = graph.aliases()
    splits = dg.AssetKey("splits")
    keys = check_keys(graph.experiment)
    name = next(key.name for key in keys if key.asset_key == splits)
    graph.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=splits, check_name=name, passed=False, metadata={})
    )
    result = graph.materialise("champion")
    assert not result.success
    assert f"splits: {name}" in str(present(result.failure_data_for_node("champion")).error)
    assert graph.aliases() == aliases


def test_what_the_audit_finds_stops_no_alias(graph: Graph) -> None:
    key = next(key for key in check_keys(graph.experiment) if "zero" in key.name)
    assert key.asset_key == dg.AssetKey("recording_audit")
    graph.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=key.asset_key, check_name=key.name, passed=False, metadata={})
    )
    assert graph.materialise("champion").success


def test_splits_that_fail_their_checks_say_so(graph: Graph) -> None:
    aliases, files = graph.aliases(), graph.files()
    splits = graph.experiment.splits.model_copy(update={"test_subjects": (9,)})
    assert not graph.materialise("splits", experiment=graph.experiment.model_copy(update={"splits": splits})).success
    assert graph.files() == files
    assert "named_subjects_are_in_the_data" in graph.home.problems.read_text(encoding="utf-8")
    assert check_metadata(graph, "splits", "named_subjects_are_in_the_data")["num_subjects_missing"] == 1
    assert graph.aliases() == aliases
    assert graph.materialise("splits", "champion").success
