"""``comparison_report`` with folds and the audit: what it takes, what it names, and what makes its version another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from instances import copy_of
from narrowing import as_type, present

from assets.comparison.report_inputs import describe_data, gather
from assets.graph import build_assets, build_resources
from assets.machinery.keys import COMPARISON_REPORT, FOLD_PARTITIONS, RECORDING_AUDIT, WINDOWS, fold_key
from assets.machinery.lineage import RUN_ID, SUBJECTS, Latest, latest_of_partition
from assets.resources.home import Home
from assets.resources.store import CHAMPION_ALIAS, COPIED_FROM_TAG, OVERALL, Store
from assets.resources.tracking import Tracking
from har_core.audit.findings import read_findings
from har_core.base.errors import HarError
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

EVALUATION = """
[evaluation]
protocols = ["loso"]
architectures = ["cnn"]
"""
FOLDS_OF_THREE = ("loso-p1", "loso-p2", "loso-p3")


class Place:
    """The home of the whole graph, with folds asked for."""

    def __init__(self, root: Path, instance: dg.DagsterInstance, experiment: Experiment) -> None:
        self.home, self.instance, self.experiment = Home(root), instance, experiment

    def materialise(self, name: str, fold: str | None = None) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            build_assets(self.experiment),
            instance=self.instance,
            resources=build_resources(self.home),
            selection=[dg.AssetKey.from_user_string(name)],
            partition_key=fold,
            raise_on_error=False,
        )

    def figures(self) -> dict[str, Any]:
        return as_type(dict, json.loads((self.home.report_folder / "report.json").read_text(encoding="utf-8")))

    def told(self) -> dg.AssetMaterialization:
        event = present(self.instance.get_latest_materialization_event(COMPARISON_REPORT))
        return present(event.asset_materialization)

    def version(self) -> str:
        return present(self.told().tags)["dagster/data_version"]


@pytest.fixture(scope="module")
def done(ran: Graph, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One of three folds is there, and the report after it. Do not run anything in it: take ``place``."""
    root = tmp_path_factory.mktemp("folded") / "home"
    shutil.copytree(ran.home.root, root)
    path = root / "folded.toml"
    text = ran.experiment.path.read_text(encoding="utf-8")
    path.write_text(text.replace("[evaluation]\n", EVALUATION), encoding="utf-8")
    with copy_of(ran.instance) as instance:
        place = Place(root, instance, load_experiment(path))
        instance.add_dynamic_partitions(FOLD_PARTITIONS, list(FOLDS_OF_THREE))
        assert place.materialise("folds/cnn", "loso-p1").success
        assert place.materialise("comparison_report").success
        yield place


@pytest.fixture
def place(done: Place, tmp_path: Path) -> Iterator[Place]:
    root = tmp_path / "home"
    shutil.copytree(done.home.root, root)
    with copy_of(done.instance) as instance:
        yield Place(root, instance, done.experiment)


def test_it_waits_for_folds_and_the_audit(done: Place) -> None:
    graph = dg.Definitions(assets=build_assets(done.experiment), resources=build_resources(done.home))
    parents = graph.resolve_asset_graph().get(COMPARISON_REPORT).parent_keys
    data = {"recording_audit", "windows", "splits"}
    assert {key.to_user_string() for key in parents} == {*data, "models/cnn", "models/lstm", "folds/cnn", "champion"}


def test_it_shows_the_folds_that_are_there_and_names_the_others(done: Place) -> None:
    figures = done.figures()
    [row] = figures["protocols"]["loso"]["ranking"]
    assert (row["architecture"], row["folds"], row["num_folds_planned"]) == ("cnn", ["loso-p1"], 3)
    assert set(row["per_subject"]) == {"1"}
    line = "folds/cnn: loso-p2 and loso-p3 not computed yet"
    assert line in figures["missing"]
    metadata = done.told().metadata
    assert metadata["missing"].value == line
    assert metadata["num_folds"].value == 1
    assert "| cnn |" in as_type(str, metadata["ranking_loso"].value)
    assert "1 of 3" in as_type(str, metadata["ranking_loso"].value)


def test_it_tells_of_the_audit_and_of_windows(done: Place) -> None:
    audit, findings = done.figures()["audit"], read_findings(done.home.findings)
    assert audit["num_findings"] == findings.num_rows == done.told().metadata["num_findings"].value
    assert audit["windows"]["num_windows"] == 3 * 19 * 2
    assert audit["windows"]["num_damaged"] == 0
    page = (done.home.report_folder / "report.md").read_text(encoding="utf-8")
    assert f"- Segments: {3 * 19 * 2}\n- Subjects: \\[1, 2, 3\\]\n" in page


def test_it_names_the_champion(done: Place) -> None:
    told, store = done.figures()["champion"], Store(done.home)
    holder = present(store.by_alias(OVERALL, CHAMPION_ALIAS))
    assert told["version"] == str(holder.version)
    assert told["copied_from"] == holder.tags[COPIED_FROM_TAG].replace("/", " version ")
    assert f"har-{told['architecture']} version" in told["copied_from"]
    assert told["reason"]


def test_it_links_every_run_and_every_registered_version(done: Place) -> None:
    figures, client = done.figures(), Tracking(done.home).client
    assert set(figures["data_runs"]) == {"recording_audit", "windows", "splits"}
    html = (done.home.report_folder / "report.html").read_text(encoding="utf-8")
    for told in (*figures["data_runs"].values(), *figures["entries"], *figures["folds"]):
        assert told["mlflow_run_url"].partition("?")[0].endswith(client.get_run(told["mlflow_run_id"]).info.run_id)
        assert f'href="{told["mlflow_run_url"]}"' in html
    for entry in figures["entries"]:
        address = f"/{entry['registered_model']}/versions/{entry['version']}?workflowType=machine_learning"
        assert entry["registered_model_url"].endswith(address)
        assert f'href="{entry["registered_model_url"]}"' in html


def test_its_run_knows_every_version_that_went_in(done: Place) -> None:
    gathered = gather(done.instance, done.experiment, done.home)
    fold = present(latest_of_partition(done.instance, fold_key("cnn"), "loso-p1"))
    assert gathered.versions["folds/cnn[loso-p1]"] == fold.data_version
    data = {"recording_audit", "windows", "splits"}
    assert set(gathered.versions) == {*data, "models/cnn", "models/lstm", "folds/cnn[loso-p1]", "champion"}
    run = Tracking(done.home).client.get_run(as_type(str, done.told().metadata[RUN_ID].value))
    artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
    assert json.loads((artifacts / "inputs.json").read_text(encoding="utf-8")) == gathered.versions


def test_another_fold_makes_another_version_and_the_same_ones_do_not(place: Place) -> None:
    before = place.version()
    assert place.materialise("comparison_report").success
    assert place.version() == before
    assert place.materialise("folds/cnn", "loso-p3").success
    assert place.materialise("comparison_report").success
    assert place.version() != before
    assert place.figures()["protocols"]["loso"]["ranking"][0]["folds"] == ["loso-p1", "loso-p3"]


def test_a_fold_that_is_no_longer_asked_for_is_not_shown(place: Place) -> None:
    before = place.version()
    place.instance.delete_dynamic_partition(FOLD_PARTITIONS, "loso-p1")
    assert place.materialise("comparison_report").success
    assert place.figures()["protocols"] == {}
    assert place.figures()["missing"] == ["folds/cnn: none of its 2 folds is computed yet"]
    assert place.version() != before


@pytest.mark.parametrize(("name", "file"), [("folds/cnn", "fold"), ("recording_audit", "findings")])
def test_an_altered_file_is_refused_and_the_report_stays(place: Place, name: str, file: str) -> None:
    path = place.home.findings if file == "findings" else place.home.fold_record("cnn", "loso-p1")
    path.write_bytes(path.read_bytes() + b" ")
    page = (place.home.report_folder / "report.html").read_bytes()
    result = place.materialise("comparison_report")
    assert not result.success
    assert f"is not what {name} wrote" in str(present(result.failure_data_for_node("comparison_report")).error)
    assert (place.home.report_folder / "report.html").read_bytes() == page


def test_an_audit_that_never_ran_is_named(place: Place) -> None:
    place.instance.wipe_assets([RECORDING_AUDIT])
    gathered = gather(place.instance, place.experiment, place.home)
    assert gathered.inputs.findings is None
    assert "recording_audit: not computed yet" in gathered.inputs.missing
    assert "recording_audit" not in gathered.versions


def test_folds_alone_make_a_report_and_nothing_at_all_makes_none(place: Place) -> None:
    place.instance.wipe_assets([dg.AssetKey(["models", name]) for name in ("cnn", "lstm")])
    gathered = gather(place.instance, place.experiment, place.home)
    assert [entry.result.fold for entry in gathered.inputs.folds] == ["loso-p1"]
    assert gathered.inputs.origin == "synthetic"
    place.instance.delete_dynamic_partition(FOLD_PARTITIONS, "loso-p1")
    with pytest.raises(HarError, match="nothing to compare"):
        gather(place.instance, place.experiment, place.home)


def test_what_was_done_to_recordings_is_told_where_anything_was() -> None:
    metadata = {"num_segments": 3, SUBJECTS: "[1]", "dagster/row_count": 8, "window_length": 125, "num_gaps": 0}
    whole = describe_data({WINDOWS: Latest(WINDOWS, "1", metadata)})
    assert whole == {"segments": 3, "subjects": "[1]", "windows": 8, "samples in a window": 125}
    broken = describe_data({WINDOWS: Latest(WINDOWS, "1", {**metadata, "num_gaps": 2, "num_other": 7})})
    assert broken.keys() - whole.keys() == {
        "breaks, where rows or values are missing",
        "windows not cut, of no chosen activity",
    }
