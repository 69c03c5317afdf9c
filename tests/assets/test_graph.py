"""The whole graph on made recordings: what each materialisation says, where, and what a failure leaves alone."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl
import pyarrow.parquet as pq
import pytest
from narrowing import as_type, present

from assets.machinery.lineage import OUTPUTS, RUN_ID, RUN_URL
from assets.machinery.presentation import describe_column
from assets.resources.addresses import run_url
from assets.resources.display import LogDisplay
from assets.resources.model_files import files_of_model
from har_core.base.files import sha256_of_file
from har_core.datasets.dsads.dataset import DSADS
from har_core.inference.predictions import probabilities_of, read_predictions
from har_core.report import FILES
from har_core.splits.names import FILE_NAMES
from har_core.training.events import EpochFinished, TrainingEvent

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

ARTIFACTS = {
    "raw_recordings": {"manifest.parquet"},
    "recording_audit": {"findings.parquet", "plots"},
    "windows": {"tables"},
    "splits": {"statistics.json", "tables"},
    "models/cnn": {"result.json", "predictions.parquet", "plots", "tables"},
    "models/lstm": {"result.json", "predictions.parquet", "plots", "tables"},
    "comparison_report": {*FILES},
    "champion": {"decisions.json"},
}
"""What each asset leaves in its MLflow run."""
COMPUTED = tuple(ARTIFACTS)
NUM_WINDOWS = 3 * DSADS.num_activities * 2


def test_graph_has_the_assets_and_edges_of_the_design(ran: Graph) -> None:
    graph = ran.definitions().resolve_asset_graph()
    edges = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert edges == {
        "source_files": set(),
        "raw_recordings": {"source_files"},
        "recording_audit": {"raw_recordings"},
        "windows": {"raw_recordings", "recording_audit"},
        "splits": {"windows"},
        "models/cnn": {"splits"},
        "models/lstm": {"splits"},
        "comparison_report": {"champion", "recording_audit", "windows", "splits", "models/cnn", "models/lstm"},
        "champion": {"windows", "splits", "models/cnn", "models/lstm"},
    }


@pytest.mark.parametrize("name", ["source_files", *COMPUTED])
def test_every_asset_introduces_itself(ran: Graph, name: str) -> None:
    graph = ran.definitions().resolve_asset_graph()
    node = graph.get(dg.AssetKey.from_user_string(name))
    assert node.group_name in {"data", "models", "comparison"}
    assert node.kinds
    assert node.owners == ["team:har"]
    assert node.description
    assert name == "source_files" or node.code_version


@pytest.mark.parametrize("name", COMPUTED)
def test_each_materialisation_is_one_mlflow_run_and_each_finds_the_other(ran: Graph, name: str) -> None:
    event = present(ran.instance.get_latest_materialization_event(dg.AssetKey.from_user_string(name)))
    materialisation = present(event.asset_materialization)
    versions = present(materialisation.tags)
    run_id = as_type(str, materialisation.metadata[RUN_ID].value)
    run = ran.tracking.client.get_run(run_id)
    tags = run.data.tags
    assert materialisation.metadata[RUN_URL].value == run_url(ran.tracking.experiment_id, run_id)
    assert run.info.status == "FINISHED"
    assert tags["dagster.run_id"] == event.run_id
    assert tags["dagster.run_url"].endswith(f"/runs/{event.run_id}")
    assert tags["dagster.asset_key"] == name
    assert tags["har.data_version"] == versions["dagster/data_version"]
    assert tags["har.code_version"] == versions["dagster/code_version"]
    assert tags["har.origin"] == "synthetic"
    assert tags["har.git_commit"]
    assert run.data.tags["mlflow.note.content"]
    assert present(run.inputs).dataset_inputs
    artifacts = {entry.path for entry in ran.tracking.client.list_artifacts(run_id)}
    assert {"experiment.toml", "experiment.json", *ARTIFACTS[name]} <= artifacts


@pytest.mark.parametrize("name", COMPUTED[1:])
def test_mlflow_knows_the_versions_of_what_went_in(ran: Graph, name: str) -> None:
    run = ran.tracking.client.get_run(as_type(str, ran.latest(name).metadata[RUN_ID].value))
    upstream = json.loads(run.data.tags["har.upstream_data_versions"])
    graph = ran.definitions().resolve_asset_graph()
    parents = {key.to_user_string() for key in graph.get(dg.AssetKey.from_user_string(name)).parent_keys}
    assert upstream == {parent: present(ran.latest(parent).tags)["dagster/data_version"] for parent in parents}


@pytest.mark.parametrize("name", COMPUTED)
def test_recorded_outputs_are_the_files_on_disk(ran: Graph, name: str) -> None:
    outputs = as_type(dict, ran.latest(name).metadata[OUTPUTS].value)
    assert outputs
    assert outputs == {path: sha256_of_file(ran.home.root / path) for path in outputs}


def test_every_output_on_disk_is_recorded(ran: Graph) -> None:
    recorded = {path for name in COMPUTED for path in as_type(dict, ran.latest(name).metadata[OUTPUTS].value)}
    kept = {path.relative_to(ran.home.root).as_posix() for path in ran.home.data.rglob("*.*") if path.is_file()}
    for folder in (ran.home.artifacts / "models").glob("*/artifacts"):
        kept |= {path.relative_to(ran.home.root).as_posix() for path in files_of_model(folder)}
    assert {path for path in kept if not path.startswith("data/raw/synthetic")} == recorded


def columns_told(ran: Graph, name: str) -> Sequence[dg.TableColumn]:
    return as_type(dg.TableSchema, ran.latest(name).metadata["dagster/column_schema"].value).columns


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("raw_recordings", "raw/manifest.parquet"),
        ("windows", "windows/windows.parquet"),
        ("splits", "splits/holdout/train.parquet"),
    ],
)
def test_column_schema_is_that_of_the_file(ran: Graph, name: str, file: str) -> None:
    schema = pq.read_schema(ran.home.data / file)
    told = columns_told(ran, name)
    assert [(c.name, c.type, c.description, c.constraints.nullable) for c in told] == [
        (f.name, str(f.type), describe_column(f.metadata), f.nullable) for f in schema
    ]
    assert all(column.description for column in told)


def test_units_are_in_the_column_schema(ran: Graph) -> None:
    columns = {c.name: c.description for c in columns_told(ran, "windows")}
    assert present(columns["T_xacc"]).endswith("[m/s²]")
    assert present(columns["LL_zgyro"]).endswith("[rad/s]")


def test_row_counts_are_of_the_tables_on_disk(ran: Graph) -> None:
    home = ran.home
    tables = {
        "raw_recordings": [home.manifest],
        "recording_audit": [home.findings],
        "windows": [home.windows],
        "splits": [home.splits("holdout") / name for name in FILE_NAMES.values()],
        "models/cnn": [home.predictions("models/cnn", "holdout")],
    }
    counts = {name: ran.latest(name).metadata["dagster/row_count"].value for name in tables}
    assert counts == {name: sum(pl.read_parquet(path).height for path in paths) for name, paths in tables.items()}
    assert counts["windows"] == counts["splits"] == NUM_WINDOWS
    assert counts["models/cnn"] == NUM_WINDOWS * 2 // 3


def test_scores_come_before_costs(ran: Graph) -> None:
    """In tables, which keep the order given; latency in Dagster's plots too, which are in the order of names."""
    metadata = list(ran.latest("models/cnn").metadata)
    scores, costs = metadata[:4], ["num_parameters", "macs", "file_bytes", "window_latency_ms", "training_seconds"]
    assert scores == ["validation_macro_f1", "test_macro_f1", "validation_accuracy", "test_accuracy"]
    first = metadata.index("num_parameters")
    assert metadata[first : first + 5] == costs
    assert metadata.index("confusion_matrix_test") < first
    assert max(*scores, "window_latency_ms") == "window_latency_ms"
    run = ran.tracking.client.get_run(as_type(str, ran.latest("models/cnn").metadata[RUN_ID].value))
    metrics = list(run.data.metrics)
    assert metrics[0] == "epoch/validation_macro_f1"
    of_the_model = [name for name in metrics if not name.startswith("epoch/")]
    assert of_the_model[:4] == ["validation/macro_f1", "test/macro_f1", "validation/accuracy", "test/accuracy"]
    assert [name for name in of_the_model if name in costs] == costs
    assert set(metrics[-len(costs) - 1 :]) == {*costs, "row_count"}


def test_predictions_agree_with_the_result(ran: Graph) -> None:
    table = read_predictions(ran.home.predictions("models/cnn", "holdout"))
    result = ran.result("cnn")
    assert set(table["role"].to_pylist()) == {"validation", "test"}
    is_test = table["role"].to_numpy(zero_copy_only=False) == "test"
    hits = probabilities_of(table).argmax(axis=1) == table["label"].to_numpy()
    assert result.scores["test"].accuracy == pytest.approx(hits[is_test].mean())


def test_metrics_are_logged_once_an_epoch(ran: Graph) -> None:
    run_id = as_type(str, ran.latest("models/cnn").metadata[RUN_ID].value)
    history = ran.tracking.client.get_metric_history(run_id, "epoch/training_loss")
    result = ran.result("cnn")
    assert [metric.step for metric in history] == [record["epoch"] for record in result.history]
    assert [metric.value for metric in history] == pytest.approx([record["training_loss"] for record in result.history])
    assert len(history) == 2


def test_plots_are_small_and_inline(ran: Graph) -> None:
    metadata = ran.latest("models/lstm").metadata
    for name in ("confusion_matrix_validation", "confusion_matrix_test", "training_curves"):
        picture = as_type(str, metadata[name].value)
        assert picture.startswith(f"![{name}](data:image/png;base64,iVBOR")
        assert len(picture) < 150_000


def test_checkpoints_are_gone(ran: Graph) -> None:
    assert not list(ran.home.data.glob("checkpoints/**/*.pt"))


def test_nothing_is_written_outside_the_home(ran: Graph) -> None:
    run = ran.tracking.client.get_run(as_type(str, ran.latest("models/cnn").metadata[RUN_ID].value))
    assert Path(run.info.artifact_uri.removeprefix("file://")).is_relative_to(ran.home.mlruns)
    assert not Path("mlruns/0").exists()
    assert not Path("mlflow.db").exists()


def test_repeating_changes_no_data_version(graph: Graph) -> None:
    before = {name: present(graph.latest(name).tags)["dagster/data_version"] for name in COMPUTED}
    assert graph.materialise("raw_recordings", "recording_audit", "windows", "splits", "models/cnn").success
    after = {name: present(graph.latest(name).tags)["dagster/data_version"] for name in COMPUTED}
    assert after == before
    assert present(graph.tracking.by_alias("har-cnn", "challenger")).version == 2


def test_report_takes_what_the_instance_knows_and_names_what_is_missing(graph: Graph) -> None:
    more = graph.experiment.model_copy(
        update={
            "models": graph.experiment.models.model_copy(
                update={
                    "architectures": ("cnn", "lstm", "resnet"),
                    "settings": {
                        **graph.experiment.models.settings,
                        "resnet": graph.experiment.models.settings["cnn"].model_copy(
                            update={"architecture_options": {}}
                        ),
                    },
                }
            )
        }
    )
    assert graph.materialise("comparison_report", "champion", experiment=more).success
    assert "models/resnet" in as_type(str, graph.latest("comparison_report").metadata["missing"].value)
    report = (graph.home.report_folder / "report.md").read_text(encoding="utf-8")
    assert "resnet" in report.lower()


def test_report_needs_no_windows(graph: Graph) -> None:
    assert 'class="trace' in (graph.home.report_folder / "report.html").read_text(encoding="utf-8")
    graph.home.windows.unlink()
    assert graph.materialise("comparison_report").success
    assert 'class="trace' not in (graph.home.report_folder / "report.html").read_text(encoding="utf-8")


def test_report_refuses_a_result_that_was_altered(graph: Graph) -> None:
    path = graph.home.record("cnn")
    path.write_text(path.read_text(encoding="utf-8").replace('"seed": 0', '"seed": 1'), encoding="utf-8")
    result = graph.materialise("comparison_report")
    assert not result.success
    assert "materialise that asset again" in str(present(result.failure_data_for_node("comparison_report")).error)


def test_bad_input_replaces_nothing_and_moves_no_alias(graph: Graph) -> None:
    files, aliases = graph.files(), graph.aliases()
    materialised = {name: graph.latest(name).metadata[RUN_ID].value for name in COMPUTED}
    broken = graph.home.root / "recordings"
    made = graph.home.raw / "synthetic"
    with zipfile.ZipFile(broken.with_suffix(".zip"), "w") as archive:
        for path in made.rglob("*.txt"):
            archive.write(path, path.relative_to(made).as_posix())
    with zipfile.ZipFile(broken.with_suffix(".zip"), "a") as archive:
        archive.writestr("a01/p1/s09.txt", "not,numbers\n")
    graph.home.memory.parent.mkdir(exist_ok=True)
    graph.home.memory.write_text(json.dumps({"data": str(broken.with_suffix(".zip"))}), encoding="utf-8")

    assert not graph.materialise().success

    assert graph.files() == files
    assert graph.aliases() == aliases
    assert {name: graph.latest(name).metadata[RUN_ID].value for name in COMPUTED} == materialised
    assert "s09.txt" in graph.home.problems.read_text(encoding="utf-8")
    newest = graph.tracking.client.search_runs([graph.tracking.experiment_id], max_results=1)[0]
    assert newest.info.status == "FAILED"


@pytest.mark.slow
def test_an_interrupted_training_goes_on_in_a_new_run(graph: Graph) -> None:
    settings = graph.experiment.models.settings["cnn"]
    training = settings.training.model_copy(update={"epochs": 3})
    models = graph.experiment.models.model_copy(
        update={
            "settings": {**graph.experiment.models.settings, "cnn": settings.model_copy(update={"training": training})}
        }
    )
    longer = graph.experiment.model_copy(update={"models": models})

    class PullThePlug(LogDisplay):
        def training(self, asset: str, event: TrainingEvent) -> None:
            if isinstance(event, EpochFinished) and event.record.epoch == 2:
                raise KeyboardInterrupt

    class Recorder(LogDisplay):
        def __init__(self) -> None:
            self.events: list[TrainingEvent] = []

        def training(self, asset: str, event: TrainingEvent) -> None:
            self.events.append(event)

    files, aliases = graph.files(), graph.aliases()
    assert not graph.materialise("models/cnn", experiment=longer, display=PullThePlug()).success
    assert graph.home.checkpoint("models/cnn").is_file()
    assert {name: content for name, content in graph.files().items() if "checkpoints" not in name} == files
    assert graph.aliases() == aliases
    broken = graph.tracking.client.search_runs([graph.tracking.experiment_id], max_results=1)[0]
    assert broken.info.status == "FAILED"

    recorder = Recorder()
    assert graph.materialise("models/cnn", experiment=longer, display=recorder).success
    run_id = as_type(str, graph.latest("models/cnn").metadata[RUN_ID].value)
    assert run_id != broken.info.run_id
    history = graph.tracking.client.get_metric_history(run_id, "epoch/training_loss")
    assert [metric.step for metric in history] == [1, 2, 3]
    assert [event.record.epoch for event in recorder.events if isinstance(event, EpochFinished)] == [3]
    assert not graph.home.checkpoint("models/cnn").exists()
    resumed = present(graph.latest("models/cnn").tags)["dagster/data_version"]

    assert graph.materialise("models/cnn", experiment=longer).success
    assert present(graph.latest("models/cnn").tags)["dagster/data_version"] == resumed


def test_an_asset_names_what_it_lacks(empty_graph: Graph) -> None:
    result = empty_graph.materialise("windows")
    assert not result.success
    error = str(present(result.failure_data_for_node("windows")).error)
    assert "windows needs raw_recordings, which was never materialised" in error
