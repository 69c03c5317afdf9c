"""Models that are fitted on to people who test, in a home where they ran."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pyarrow.compute as pc
import pytest
from instances import copy_of
from narrowing import as_type, present

from assets.machinery.lineage import RUN_ID
from assets.resources.home import Home
from assets.resources.tracking import Tracking
from har_core.evaluation.records import ModelRecord, TransferRecord, read_record
from har_core.evaluation.transfer import score_transfer
from har_core.experiment.loader import load_experiment
from har_core.inference.predictions import probabilities_of, read_predictions
from har_core.settings.experiment import Experiment
from har_core.transfer.table import curves_schema
from pipelines.staleness import ask

if TYPE_CHECKING:
    import pyarrow as pa

    from tests.assets.conftest import Graph

TRANSFERRED = """
[transferred]
models = ["cnn", "lstm"]
ways = ["last_layer", "all"]
windows_per_activity = [1]
epochs = 2
from_nothing_epochs = 2
"""
NUM_TESTED = 19
"""Of two segments of each activity, the first is shown."""


def extended(graph: Graph, text: str = TRANSFERRED, before: str = "", after: str = "") -> Experiment:
    path = graph.home.root / "extended.toml"
    path.write_text((graph.home.root / "tiny.toml").read_text().replace(before, after) + text)
    return load_experiment(path)


@pytest.fixture(scope="module")
def done(ran: Graph, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """Both models were fitted on. Do not run anything in it: take ``made``."""
    root = tmp_path_factory.mktemp("home") / "home"
    shutil.copytree(ran.home.root, root)
    with copy_of(ran.instance) as instance:
        graph = replace(ran, home=Home(root), instance=instance)
        graph = replace(graph, experiment=extended(graph))
        result = graph.materialise("transferred/cnn", "transferred/lstm", "comparison_report", "champion")
        assert result.success, [event.message for event in result.all_events if event.is_failure]
        yield graph


@pytest.fixture
def made(done: Graph, tmp_path: Path) -> Iterator[Graph]:
    root = tmp_path / "home"
    shutil.copytree(done.home.root, root)
    with copy_of(done.instance) as instance:
        yield replace(done, home=Home(root), instance=instance)


def states(graph: Graph) -> dict[str, str]:
    asked = ask(graph.definitions().resolve_asset_graph(), graph.instance, graph.home.root)
    return {str(item): str(status.state) for item, status in asked.items()}


def state_after(graph: Graph, text: str = TRANSFERRED, before: str = "", after: str = "") -> str:
    return states(replace(graph, experiment=extended(graph, text, before, after)))["transferred/cnn"]


def predictions_of(graph: Graph, name: str = "cnn") -> pa.Table:
    return read_predictions(graph.home.predictions(f"transferred/{name}", "holdout"), curves_schema)


def test_its_predictions_are_of_later_windows_by_way_and_number(done: Graph) -> None:
    table = predictions_of(done)
    asked = set(zip(table["way"].to_pylist(), table["windows_per_activity"].to_pylist(), strict=True))
    assert asked == {("as_it_is", 0), ("last_layer", 1), ("all", 1), ("from_nothing", 1)}
    assert table.num_rows == 4 * NUM_TESTED
    assert set(table["segment"].to_pylist()) == {2}
    assert set(table["subject"].to_pylist()) == {3}
    plain = read_predictions(done.home.predictions("models/cnn", "holdout"))
    plain = plain.filter(pc.and_(pc.equal(plain["role"], "test"), pc.equal(plain["segment"], 2)))
    as_it_is = table.filter(pc.equal(table["way"], "as_it_is"))
    assert probabilities_of(as_it_is) == pytest.approx(probabilities_of(plain), abs=1e-5)


def test_its_record_says_how_it_was_made(done: Graph) -> None:
    record = read_record(done.home.transfer_record("cnn"), TransferRecord)
    parent = read_record(done.home.record("cnn"), ModelRecord)
    assert (record.model, record.origin, record.seed) == ("cnn", "synthetic", parent.seed)
    assert record.settings["ways"] == ["last_layer", "all"]
    assert 0 < record.num_moved["last_layer"] < record.num_moved["all"] <= parent.complexity.num_parameters
    assert record.seconds > 0


def test_mlflow_has_its_scores_and_nothing_is_registered(done: Graph) -> None:
    run = Tracking(done.home).client.get_run(as_type(str, done.latest("transferred/cnn").metadata[RUN_ID].value))
    for score in score_transfer(predictions_of(done)):
        name = f"transferred/{score.way}/{score.windows_per_activity}/macro_f1"
        assert run.data.metrics[name] == pytest.approx(score.macro_f1)
    artifacts = {entry.path for entry in Tracking(done.home).client.list_artifacts(run.info.run_id)}
    assert {"result.json", "predictions.parquet", "plots", "tables"} <= artifacts
    assert set(done.aliases()) == {"har", "har-cnn", "har-lstm"}


def test_the_report_shows_it(done: Graph) -> None:
    html, markdown, text = (
        (done.home.report_folder / f"report.{ending}").read_text(encoding="utf-8") for ending in ("html", "md", "json")
    )
    assert '<h2 id="people">New people</h2>' in html
    assert "## New people" in markdown
    told = json.loads(text)["transferred"]
    assert [own["model"] for own in told] == ["cnn", "lstm"]
    assert [own["num_windows"] for own in told] == [NUM_TESTED, NUM_TESTED]
    assert [score["macro_f1"] for score in told[0]["scores"]] == pytest.approx(
        [score.macro_f1 for score in score_transfer(predictions_of(done))]
    )


def test_the_report_names_what_was_not_measured(made: Graph) -> None:
    made.instance.wipe_assets([dg.AssetKey(["transferred", "lstm"])])
    assert made.materialise("comparison_report").success
    assert made.latest("comparison_report").metadata["missing"].value == "transferred/lstm: not measured yet"


def test_the_champion_does_not_look_at_it(made: Graph) -> None:
    graph = made.definitions().resolve_asset_graph()
    above = {name: graph.get(dg.AssetKey([name])).parent_keys for name in ("champion", "comparison_report")}
    own = {dg.AssetKey(["transferred", name]) for name in ("cnn", "lstm")}
    assert own <= set(above["comparison_report"])
    assert not own & set(above["champion"])
    before = made.latest("champion")
    shutil.rmtree(made.home.data / "transferred")
    shutil.rmtree(made.home.data / "predictions" / "transferred")
    assert made.materialise("champion").success
    assert made.latest("champion").metadata["decisions"] == before.metadata["decisions"]
    assert (made.latest("champion").tags, made.aliases()) == (before.tags, made.aliases())


def test_it_is_stale_exactly_where_what_it_reads_changes(made: Graph) -> None:
    assert set(states(made).values()) == {"fresh"}
    assert state_after(made, TRANSFERRED.replace('"cnn", "lstm"', '"cnn"')) == "fresh"
    assert state_after(made, TRANSFERRED + "rank = 9\nadapters_rate = 1.0\n") == "fresh"  # of a way that is not taken
    assert state_after(made, TRANSFERRED + "all_rate = 1e-3\n") == "stale"
    assert state_after(made, TRANSFERRED.replace("epochs = 2", "epochs = 3", 1)) == "stale"
    assert state_after(made, before="hidden_size = 8", after="hidden_size = 4") == "fresh"
    assert state_after(made, before="latency_repeats = 3", after="latency_repeats = 4") == "fresh"
    assert state_after(made, before="test_subjects = [3]", after="test_subjects = [1]") == "pending"


def test_the_report_is_stale_where_it_is_another(made: Graph) -> None:
    other = replace(made, experiment=extended(made, TRANSFERRED.replace("from_nothing_epochs = 2", "")))
    assert states(other)["comparison_report"] in {"stale", "pending"}
    before = present(made.latest("comparison_report").tags)["dagster/data_version"]
    assert made.materialise("transferred/cnn", experiment=extended(made, TRANSFERRED + "all_rate = 0.01\n")).success
    assert states(made)["comparison_report"] == "stale"
    assert made.materialise("comparison_report").success
    assert present(made.latest("comparison_report").tags)["dagster/data_version"] != before


def test_other_weights_of_its_model_make_it_stale(made: Graph) -> None:
    other = replace(made, experiment=extended(made, before="hidden_size = 8", after="hidden_size = 4"))
    assert made.materialise("models/lstm", experiment=other.experiment).success
    found = states(other)
    assert (found["transferred/lstm"], found["transferred/cnn"]) == ("stale", "fresh")


def test_doing_it_again_gives_the_same_file(made: Graph) -> None:
    name = "predictions/transferred/cnn/holdout.parquet"
    before = made.files()[name]
    version = present(made.latest("transferred/cnn").tags)["dagster/data_version"]
    assert made.materialise("transferred/cnn").success
    assert made.files()[name] == before
    assert present(made.latest("transferred/cnn").tags)["dagster/data_version"] == version


def test_what_fails_replaces_nothing(made: Graph) -> None:
    files = made.files()
    experiment = extended(made, TRANSFERRED + "all_rate = 1e30\n")
    result = made.materialise("transferred/cnn", experiment=experiment)
    assert not result.success
    assert "cannot be fitted on at a learning rate" in str(
        present(result.failure_data_for_node("transferred__cnn")).error
    )
    assert made.files() == files


def test_a_record_that_mlflow_lost_is_made_again_without_fitting(made: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    predictions, before = predictions_of(made), made.latest("transferred/cnn")
    client = Tracking(made.home).client
    client.delete_run(as_type(str, before.metadata[RUN_ID].value))
    monkeypatch.setattr("har_core.transfer.curves.measure_curves", None)
    assert made.materialise("transferred/cnn").success
    assert predictions_of(made).equals(predictions)
    assert made.latest("transferred/cnn").tags == before.tags
