"""``sensors/<architecture>`` on made recordings: the folds that it has, what it leaves, what makes it stale."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from instances import copy_of
from narrowing import present

from assets.comparison.report_inputs import gather
from assets.data.source_files import report_source_version
from assets.folds.fold import RULES_HOLD
from assets.folds.partitions import sync_folds
from assets.graph import build_assets, build_resources
from assets.machinery.code_versions import INGREDIENTS
from assets.machinery.keys import COMPARISON_REPORT, FOLD_PARTITIONS, WINDOWS, fold_key, sensors_key
from assets.machinery.lineage import RUN_ID, Latest, fold_partitions, latest_of_partition, sensor_partitions
from assets.resources.display import Display, LogDisplay
from assets.resources.home import Home
from assets.resources.tracking import Tracking
from har_core.evaluation.sensors import score_sensors
from har_core.experiment.loader import load_experiment
from har_core.inference.predictions import read_predictions
from har_core.report.build import build_report
from har_core.report.sensors import view_sensors
from har_core.sensors.subsets import subsets_of
from har_core.sensors.table import sensors_schema
from har_core.settings.experiment import Experiment
from har_core.training.events import EpochFinished, TrainingEvent

EXPERIMENT = """
[source]
num_subjects = 3
num_segments = 1

[training]
epochs = 1
batch_size = 16

[models]
architectures = ["cnn", "lda"]
[models.cnn]
base_width = 1
units = ["RA", "LL"]
sensors = ["acc", "mag"]

[evaluation]
protocols = ["leaky", "loso"]
seeds = [3, 4]
sensors = ["cnn"]

[runtime]
device = "cpu"
num_threads = 1
"""
FOLDS = ["loso-p1", "loso-p2", "loso-p3"]
ASKED = [
    ("all", "", ""),
    ("missing", "unit", "RA"),
    ("missing", "unit", "LL"),
    ("alone", "unit", "RA"),
    ("alone", "unit", "LL"),
    ("alone", "sensor", "acc"),
    ("alone", "sensor", "mag"),
]
"""Of two units and two kinds of sensors, one left out is the other one alone."""


class Place:
    """A home with its instance."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        self.home, self.instance = Home(root), instance
        self.experiment = load_experiment(root / "tiny.toml")

    def with_changes(self, before: str, after: str) -> Experiment:
        path = self.home.root / "changed.toml"
        assert before in EXPERIMENT
        path.write_text(EXPERIMENT.replace(before, after), encoding="utf-8")
        return load_experiment(path)

    def materialise(self, *names: str, fold: str | None = None, display: Display | None = None) -> bool:
        return dg.materialize(
            build_assets(self.experiment),
            instance=self.instance,
            resources=build_resources(self.home, display),
            selection=[dg.AssetKey.from_user_string(name) for name in names],
            partition_key=fold,
            raise_on_error=False,
        ).success

    def latest(self, fold: str) -> Latest | None:
        return latest_of_partition(self.instance, sensors_key("cnn"), fold)

    def predictions(self, fold: str) -> Path:
        return self.home.predictions("sensors/cnn", fold)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Windows are there, and the first fold. Do not run anything in it: take ``place``."""
    root = tmp_path_factory.mktemp("home")
    (root / "tiny.toml").write_text(EXPERIMENT, encoding="utf-8")
    with dg.DagsterInstance.ephemeral() as instance:
        place = Place(root, instance)
        report_source_version(instance, place.experiment, place.home)
        assert place.materialise("raw_recordings", "recording_audit", "windows")
        assert place.materialise("sensors/cnn", fold="loso-p1")
        yield place


@pytest.fixture
def place(done: Place, tmp_path: Path) -> Iterator[Place]:
    """A copy of that home, to run things in."""
    root = tmp_path / "home"
    shutil.copytree(done.home.root, root)
    with copy_of(done.instance) as instance:
        yield Place(root, instance)


def graph_of(experiment: Experiment) -> dict[dg.AssetKey, dg.AssetSpec]:
    assets = build_assets(experiment)
    return {spec.key: spec for asset in assets if isinstance(asset, dg.AssetsDefinition) for spec in asset.specs}


def test_it_has_the_folds_of_the_protocol_that_leads(done: Place) -> None:
    assert sensor_partitions(done.instance) == FOLDS
    assert fold_partitions(done.instance) == [*(f"leaky-{number}" for number in range(1, 6)), *FOLDS]
    specs = graph_of(done.experiment)
    assert {dep.asset_key for dep in specs[sensors_key("cnn")].deps} == {WINDOWS}
    assert sensors_key("cnn") in {dep.asset_key for dep in specs[COMPARISON_REPORT].deps}
    assert sensors_key("lda") not in specs


def test_nothing_is_measured_where_nobody_asks(done: Place) -> None:
    plain = done.with_changes('sensors = ["cnn"]\n\n[run', "\n[run")
    specs = graph_of(plain)
    assert not [key for key in specs if key.path[0] == "sensors"]
    assert specs[fold_key("cnn")].code_version == graph_of(done.experiment)[fold_key("cnn")].code_version


def test_predictions_of_every_subset_with_the_first_seed(done: Place) -> None:
    table = read_predictions(done.predictions("loso-p1"), sensors_schema)
    scores = score_sensors(table)
    assert [(score.way, score.part, score.name) for score in scores] == ASKED
    assert set(table["seed"].to_pylist()) == {3}
    assert set(table["subject"].to_pylist()) == {1}
    made = present(done.latest("loso-p1"))
    assert set(made.outputs) == {"data/predictions/sensors/cnn/loso-p1.parquet"}
    assert made.metadata["macro_f1"] == pytest.approx(scores[0].macro_f1)
    assert made.metadata["dagster/row_count"] == table.num_rows
    assert not list(done.home.data.glob("checkpoints/**/*.pt"))
    key = dg.AssetCheckKey(sensors_key("cnn"), RULES_HOLD)
    record = done.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert record.status.value == "SUCCEEDED"


@pytest.mark.parametrize(
    ("before", "after", "is_stale"),
    [
        ("epochs = 1", "epochs = 2", True),
        ('units = ["RA", "LL"]', 'units = ["RA", "T"]', True),
        ("seeds = [3, 4]", "seeds = [4, 3]", True),
        ("seeds = [3, 4]", "seeds = [3]", False),
        ('["leaky", "loso"]', '["loso"]', False),
        ('sensors = ["cnn"]', 'sensors = ["lda", "cnn"]', False),
    ],
)
def test_what_makes_it_stale(done: Place, before: str, after: str, is_stale: bool) -> None:
    now, changed = (graph_of(own)[sensors_key("cnn")] for own in (done.experiment, done.with_changes(before, after)))
    assert (now.code_version != changed.code_version) == is_stale


def test_its_code_counts_what_measures_it_and_no_scores(done: Place) -> None:
    told = graph_of(done.experiment)[sensors_key("cnn")].metadata[INGREDIENTS]["files"]
    assert {"har_core/sensors/measure.py", "har_core/sensors/subsets.py", "har_core/models/cnn.py"} <= set(told)
    assert not [name for name in told if name.startswith(("har_core/evaluation", "har_core/report"))]
    folds = graph_of(done.experiment)[fold_key("cnn")].metadata[INGREDIENTS]["files"]
    assert not [name for name in folds if name.startswith("har_core/sensors")]


def test_a_fold_that_was_interrupted_goes_on_and_others_stay(place: Place) -> None:
    class Recorder(LogDisplay):
        def __init__(self, pull_after: int | None = None) -> None:
            self.finished, self.pull_after = 0, pull_after

        def training(self, asset: str, event: TrainingEvent) -> None:
            if isinstance(event, EpochFinished):
                self.finished += 1
                if self.finished == self.pull_after:
                    raise KeyboardInterrupt

    before = place.predictions("loso-p1").read_bytes()
    assert not place.materialise("sensors/cnn", fold="loso-p2", display=Recorder(pull_after=2))
    assert not place.predictions("loso-p2").exists()
    again = Recorder()
    assert place.materialise("sensors/cnn", fold="loso-p2", display=again)
    training = place.experiment.model_settings("cnn").training
    assert again.finished == len(subsets_of(place.experiment.windowed, training)) - 2
    assert place.predictions("loso-p1").read_bytes() == before


def test_a_lost_mlflow_run_is_made_again_without_training(place: Place) -> None:
    class NoTraining(LogDisplay):
        def training(self, asset: str, event: TrainingEvent) -> None:
            raise AssertionError(f"{asset} trains: {event}")

    before = present(place.latest("loso-p1"))
    Tracking(place.home).client.delete_run(before.metadata[RUN_ID])
    assert place.materialise("sensors/cnn", fold="loso-p1", display=NoTraining())
    after = present(place.latest("loso-p1"))
    assert after.data_version == before.data_version
    assert after.metadata[RUN_ID] != before.metadata[RUN_ID]


def test_the_report_has_what_there_is_and_names_what_is_missing(place: Place) -> None:
    assert place.materialise("folds/cnn", fold="loso-p1")
    gathered = gather(place.instance, place.experiment, place.home)
    assert gathered.versions["sensors/cnn[loso-p1]"] == present(place.latest("loso-p1")).data_version
    [model] = present(view_sensors(gathered.inputs)).models
    scores = score_sensors(read_predictions(place.predictions("loso-p1"), sensors_schema))
    assert {row.key: row.macro_f1 for row in model.rows} == {
        (score.way, score.part, score.name): score.macro_f1 for score in scores
    }
    report = build_report(gathered.inputs)
    assert "sensors/cnn: loso-p2 and loso-p3 not computed yet" in report.html
    assert "1 of 3 folds" in report.markdown


def test_the_partitions_follow_the_setting(place: Place) -> None:
    sync_folds(place.instance, place.with_changes('["leaky", "loso"]', '["pairs", "leaky"]'), (1, 2, 3, 4))
    assert sensor_partitions(place.instance) == ["pairs-p1-p2", "pairs-p3-p4"]
    sync_folds(place.instance, place.with_changes('sensors = ["cnn"]\n\n[run', "\n[run"), (1, 2, 3))
    assert sensor_partitions(place.instance) == []
    assert place.instance.get_dynamic_partitions(FOLD_PARTITIONS)
