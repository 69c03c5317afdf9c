"""What ``har trace`` finds of a model whose home is as it was, and of one where something has changed since.

Here rather than beside the tests of ``pipelines``, since the home in which the graph ran is here.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from narrowing import as_type, present

from assets.machinery import lineage
from assets.machinery.lineage import REGISTERED_MODEL_URL
from assets.resources.addresses import model_url, run_url
from assets.resources.memory import Memory, remember
from assets.resources.model_files import hash_model_files
from assets.resources.store import FILES_TAG
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment
from pipelines import trace as trace_module
from pipelines.links import Link, LinkCheck, Verdict
from pipelines.trace import trace_model

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

pytestmark = pytest.mark.slow  # a home in which everything ran takes half a minute

CHAIN = [
    "Registered model",
    "MLflow run",
    "Materialisation",
    "Code",
    "Experiment file",
    "splits",
    "windows",
    "recording_audit",
    "raw_recordings",
    "source_files",
]
OF_THE_REPOSITORY = [("Code", "commit"), ("Code", "files then")]
"""What the checkout decides in which the tests run."""


@pytest.fixture
def home(graph: Graph) -> Graph:
    """A home that remembers its experiment file, with its artifacts where MLflow looks for them."""
    remember(graph.home, Memory(experiment=str(graph.home.root / "tiny.toml")))
    before = Path(graph.experiment.path).parent
    with sqlite3.connect(graph.home.mlruns / "mlflow.db") as store:
        for table, column in [
            ("runs", "artifact_uri"),
            ("logged_models", "artifact_location"),
            ("model_versions", "storage_location"),
            ("experiments", "artifact_location"),
        ]:
            store.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(before), str(graph.home.root)))  # noqa: S608
    store.close()
    return graph


def links_of(graph: Graph, model_uri: str = "models:/har@champion") -> list[Link]:
    return trace_model(graph.tracking.resolve(model_uri), graph.tracking, graph.instance)


def checks_of(graph: Graph, model_uri: str = "models:/har@champion") -> dict[tuple[str, str], LinkCheck]:
    return {(link.title, check.what): check for link in links_of(graph, model_uri) for check in link.checks}


def findings(graph: Graph, model_uri: str = "models:/har@champion") -> dict[tuple[str, str], tuple[str, str]]:
    """Verdict and reason of every check that is not verified."""
    return {
        place: (str(check.verdict), check.reason)
        for place, check in checks_of(graph, model_uri).items()
        if check.verdict != Verdict.VERIFIED and place not in OF_THE_REPOSITORY
    }


def forget(graph: Graph, run_id: str) -> None:
    """Remove a run from MLflow for good."""
    with sqlite3.connect(graph.home.mlruns / "mlflow.db") as store:
        store.execute("DELETE FROM runs WHERE run_uuid = ?", (run_id,))
    store.close()


def model_file(graph: Graph, alias: str) -> Path:
    """The weights of ``har-<architecture>@champion``."""
    entry = graph.tracking.resolve(f"models:/{alias}")
    return graph.home.mlruns / "artifacts" / "models" / entry.model_id / "artifacts" / "data" / "model.pt2"


def experiment_with(graph: Graph, before: str, after: str) -> Experiment:
    """The same experiment but for one line, from a file beside it."""
    text = (graph.home.root / "tiny.toml").read_text(encoding="utf-8")
    assert before in text
    path = graph.home.root / "other.toml"
    path.write_text(text.replace(before, after), encoding="utf-8")
    return load_experiment(path)


def test_everything_is_verified_where_nothing_was_touched(home: Graph) -> None:
    links = links_of(home)
    assert [link.title for link in links] == CHAIN
    assert findings(home) == {}
    assert len([check for link in links for check in link.checks]) >= 22


def test_facts_name_the_records(home: Graph) -> None:
    entry = home.tracking.resolve("models:/har@champion")
    event = home.latest(f"models/{entry.tags['har.copied_from'].split('/')[0].removeprefix('har-')}")
    facts = {link.title: {"name": link.name, **link.facts} for link in links_of(home, "models:/har/1")}
    assert facts["Registered model"]["name"] == "har version 1"
    assert facts["Registered model"]["copy of"] == entry.tags["har.copied_from"]
    assert facts["Registered model"]["recordings"] == "synthetic"
    assert facts["MLflow run"]["name"] == entry.run_id == event.metadata["har/mlflow_run_id"].value
    assert facts["MLflow run"]["seed"] == "0"
    assert facts["MLflow run"]["test macro-F1"] == pytest.approx(event.metadata["test_macro_f1"].value)
    assert facts["MLflow run"]["url"] == run_url(home.tracking.experiment_id, entry.run_id)
    assert facts["Materialisation"]["status"] == "SUCCESS"
    for name in ("splits", "windows", "recording_audit", "raw_recordings", "source_files"):
        assert facts[name]["name"] == present(home.latest(name).tags)["dagster/data_version"]


def test_materialisation_links_to_the_registered_version(ran: Graph) -> None:
    url = ran.latest("models/cnn").metadata[REGISTERED_MODEL_URL].value
    assert (
        url
        == model_url("har-cnn", 1)
        == "http://127.0.0.1:5000/#/models/har-cnn/versions/1?workflowType=machine_learning"
    )


# --- Files ------------------------------------------------------------------------------------------------------------


def test_altered_output(home: Graph) -> None:
    with (home.home.splits("holdout") / "train.parquet").open("ab") as file:
        file.write(b" ")
    assert findings(home) == {("splits", "files"): ("differs", "")}
    assert "data/splits/holdout/train.parquet" in checks_of(home)["splits", "files"].detail


def test_missing_output(home: Graph) -> None:
    home.home.windows.unlink()
    assert findings(home) == {("windows", "files"): ("cannot be verified", "missing")}


def test_output_replaced_by_a_newer_materialisation(home: Graph) -> None:
    other = experiment_with(home, "test_subjects = [3]", "test_subjects = [1]")
    assert home.materialise("splits", experiment=other).success
    assert findings(home) == {("splits", "files"): ("cannot be verified", "replaced since")}


def test_newer_materialisation_of_the_same_content_replaces_nothing(home: Graph) -> None:
    run_id = home.latest("splits").metadata["har/mlflow_run_id"].value
    assert home.materialise("splits").success
    assert findings(home) == {}
    [splits] = [link for link in links_of(home, "models:/har/1") if link.title == "splits"]
    assert splits.facts["MLflow run"] == run_id  # the one that was there when the model was trained


def test_recordings_replaced_by_newer_ones(home: Graph) -> None:
    other = experiment_with(home, "num_segments = 2", "num_segments = 1")
    assert home.materialise("raw_recordings", experiment=other).success
    assert findings(home) == {
        ("raw_recordings", "files"): ("cannot be verified", "replaced since"),
        ("raw_recordings", "content"): ("cannot be verified", "no manifest"),
        ("source_files", "files"): ("cannot be verified", "no manifest"),
    }


# --- The source -------------------------------------------------------------------------------------------------------


def test_changed_source_file(home: Graph) -> None:
    path = home.home.raw / "synthetic" / "a03" / "p2" / "s02.txt"
    before, text = path.stat(), path.read_text(encoding="utf-8")
    path.write_text(text.translate({ord("1"): "2"}), encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # neither its size nor its time says so
    assert findings(home) == {("source_files", "files"): ("differs", "")}
    assert checks_of(home)["source_files", "files"].detail == "1 file changed: a03/p2/s02.txt, in data/raw/synthetic"


def test_removed_source_file(home: Graph) -> None:
    (home.home.raw / "synthetic" / "a01" / "p1" / "s01.txt").unlink()
    assert findings(home) == {("source_files", "files"): ("differs", "")}


def test_removed_source(home: Graph) -> None:
    shutil.rmtree(home.home.raw / "synthetic")
    assert findings(home) == {("source_files", "files"): ("cannot be verified", "not there any more")}


def test_source_that_was_packed_and_moved(home: Graph, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "recordings"), "zip", home.home.raw / "synthetic")
    remember(home.home, Memory(experiment=str(home.home.root / "tiny.toml"), data=packed))
    shutil.rmtree(home.home.raw / "synthetic")
    assert findings(home) == {}
    assert packed in checks_of(home)["source_files", "files"].detail


# --- Weights ----------------------------------------------------------------------------------------------------------


def test_other_weights_in_the_artifacts(home: Graph) -> None:
    shutil.copyfile(model_file(home, "har-cnn@champion"), model_file(home, "har-lstm@champion"))
    altered = {("Registered model", "files"): ("differs", ""), ("Materialisation", "files"): ("differs", "")}
    assert findings(home, "models:/har-lstm@champion") == altered
    detail = checks_of(home, "models:/har-lstm@champion")["Registered model", "files"].detail
    assert detail == "altered since they were registered: data/model.pt2"
    assert findings(home, "models:/har-cnn@champion") == {}


def test_other_weights_whose_hashes_were_altered_too(home: Graph) -> None:
    """Dagster's records, and the tag that says what the weights come to, still tell."""
    shutil.copyfile(model_file(home, "har-cnn@champion"), path := model_file(home, "har-lstm@champion"))
    entry = home.tracking.resolve("models:/har-lstm@champion")
    hashes = hash_model_files(path.parents[1])
    home.tracking.client.set_model_version_tag(entry.name, str(entry.version), FILES_TAG, hashes)
    altered = {("Registered model", "weights"): ("differs", ""), ("Materialisation", "files"): ("differs", "")}
    assert findings(home, "models:/har-lstm@champion") == altered


def test_damaged_weights(home: Graph) -> None:
    path = model_file(home, "har-cnn@champion")
    path.write_bytes(path.read_bytes()[:1000])
    altered = {("Registered model", "files"): ("differs", ""), ("Materialisation", "files"): ("differs", "")}
    assert findings(home, "models:/har-cnn@champion") == altered


def test_copy_of_another_model(home: Graph) -> None:
    original = home.tracking.resolve("models:/har@champion").tags["har.copied_from"]
    other = "har-cnn/1" if original == "har-lstm/1" else "har-lstm/1"
    home.tracking.client.set_model_version_tag("har", "1", "har.copied_from", other)
    assert findings(home)["Registered model", "copy"] == ("differs", "")


def test_copy_of_a_version_that_was_deleted(home: Graph) -> None:
    name, version = home.tracking.resolve("models:/har@champion").tags["har.copied_from"].split("/")
    home.tracking.client.delete_model_version(name, version)
    assert findings(home) == {("Registered model", "copy"): ("cannot be verified", "not there any more")}


def test_removed_weights(home: Graph) -> None:
    model_file(home, "har-cnn@champion").unlink()
    gone = {
        ("Registered model", "files"): ("cannot be verified", "not there any more"),
        ("Materialisation", "files"): ("cannot be verified", "missing"),
    }
    assert findings(home, "models:/har-cnn@champion") == gone
    shutil.rmtree(model_file(home, "har-cnn@champion").parents[1])
    assert findings(home, "models:/har-cnn@champion") == gone


# --- The experiment file ----------------------------------------------------------------------------------------------


def test_experiment_file_that_was_edited_contradicts_nothing(home: Graph) -> None:
    with (home.home.root / "tiny.toml").open("a", encoding="utf-8") as file:
        file.write("# a remark\n")
    assert findings(home) == {("Experiment file", "file now"): ("cannot be verified", "changed since")}


def test_settings_that_were_edited_are_told(home: Graph) -> None:
    path = home.home.root / "tiny.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("batch_size = 16", "batch_size = 8"), encoding="utf-8")
    changed = ("cannot be verified", "changed since")
    assert findings(home) == {("Code", "code version"): changed, ("Experiment file", "file now"): changed}
    assert "batch_size" in checks_of(home)["Code", "code version"].detail


@pytest.mark.parametrize(("content", "reason"), [(None, "not there any more"), ("[models]\n", "changed since")])
def test_experiment_file_that_does_not_load(home: Graph, content: str | None, reason: str) -> None:
    path = home.home.root / "tiny.toml"
    path.unlink()
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert findings(home) == {
        ("Code", "code version"): ("cannot be verified", "not known"),
        ("Experiment file", "file now"): ("cannot be verified", reason),
    }


def test_altered_copy_of_the_experiment_file(home: Graph) -> None:
    run_id = home.tracking.resolve("models:/har@champion").run_id
    path = home.home.mlruns / "artifacts" / run_id / "artifacts" / "experiment.toml"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert findings(home)["Experiment file", "kept file"] == ("differs", "")


# --- Records ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "check"),
    [
        ("dagster.run_id", "Dagster run"),
        ("har.data_version", "data version"),
        ("har.code_version", "code version"),
        ("dagster.asset_key", "asset"),
    ],
)
def test_records_that_contradict_each_other(home: Graph, tag: str, check: str) -> None:
    run_id = home.tracking.resolve("models:/har@champion").run_id
    home.tracking.client.set_tag(run_id, tag, "something else")
    link = "MLflow run" if check == "asset" else "Materialisation"
    assert findings(home) == {(link, check): ("differs", "")}


def test_records_of_data_that_contradict_each_other(home: Graph) -> None:
    run_id = as_type(str, home.latest("windows").metadata["har/mlflow_run_id"].value)
    home.tracking.client.set_tag(run_id, "har.data_version", "something else")
    assert findings(home) == {("windows", "records"): ("differs", "")}


def test_without_its_mlflow_run_the_chain_follows_dagster(home: Graph) -> None:
    forget(home, home.tracking.resolve("models:/har-cnn@champion").run_id)
    gone = ("cannot be verified", "not there any more")
    assert findings(home, "models:/har-cnn@champion") == {
        ("MLflow run", "run"): gone,
        ("Materialisation", "MLflow run"): gone,
        ("Experiment file", "kept file"): gone,
    }
    assert [link.title for link in links_of(home, "models:/har-cnn/1")] == CHAIN


def test_without_the_mlflow_run_of_a_table_the_chain_follows_dagster(home: Graph) -> None:
    forget(home, as_type(str, home.latest("windows").metadata["har/mlflow_run_id"].value))
    assert findings(home) == {("windows", "records"): ("cannot be verified", "not there any more")}
    assert [link.title for link in links_of(home, "models:/har/1")] == CHAIN


def test_without_its_materialisation_the_chain_follows_mlflow(home: Graph) -> None:
    assert home.materialise(
        "splits", experiment=experiment_with(home, "test_subjects = [3]", "test_subjects = [1]")
    ).success
    home.instance.wipe_assets([key for key in home.instance.all_asset_keys() if key.path == ["models", "cnn"]])
    found = findings(home, "models:/har-cnn@champion")
    gone = ("cannot be verified", "not there any more")
    assert found == {
        ("Materialisation", "materialisation"): gone,
        ("Code", "code version"): gone,
        ("splits", "files"): ("cannot be verified", "replaced since"),
    }
    assert [link.title for link in links_of(home, "models:/har-cnn/1")] == CHAIN


def test_the_chain_ends_where_nothing_is_remembered(home: Graph) -> None:
    home.instance.wipe_assets([key for key in home.instance.all_asset_keys() if key.path == ["windows"]])
    assert findings(home) == {("windows", "record"): ("cannot be verified", "not there any more")}
    assert [link.title for link in links_of(home, "models:/har/1")] == CHAIN[:7]


@pytest.mark.parametrize(
    ("recorded", "verdicts"),
    [
        ("known", ["verified", "verified"]),
        ("known-dirty", ["verified", "cannot be verified"]),
        ("other", ["cannot be verified"]),
        ("unknown", ["cannot be verified"]),
        ("", ["cannot be verified"]),
    ],
)
def test_commit(monkeypatch: pytest.MonkeyPatch, recorded: str, verdicts: list[str]) -> None:
    monkeypatch.setattr(trace_module, "has_commit", lambda commit: commit == "known")
    assert [check.verdict for check in trace_module._commit_checks(recorded, "known")] == verdicts


# --- Which model ------------------------------------------------------------------------------------------------------


def test_an_earlier_version_is_traced_after_a_retrain(home: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    first = present(home.latest("models/lstm").tags)["dagster/data_version"]
    other = experiment_with(home, "batch_size = 16", "batch_size = 16\nseed = 7")
    assert home.materialise("models/lstm", experiment=other).success
    second = present(home.latest("models/lstm").tags)["dagster/data_version"]
    assert first != second
    monkeypatch.setattr(lineage, "_PAGE", 1)
    assert findings(home, "models:/har-lstm/1") == {
        ("Materialisation", "files"): ("cannot be verified", "replaced since")
    }
    assert findings(home, "models:/har-lstm@challenger") == {
        ("Code", "code version"): ("cannot be verified", "changed since"),
        ("Experiment file", "file now"): ("cannot be verified", "changed since"),
    }
    for version, data_version in ((1, first), (2, second)):
        checks = checks_of(home, f"models:/har-lstm/{version}")
        assert checks["Registered model", "weights"].detail.startswith(data_version)
        assert checks["Materialisation", "model version"].detail == f"har-lstm/{version} in both records"
