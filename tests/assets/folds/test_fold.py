"""``folds/<architecture>`` on made recordings: what a materialisation of one fold leaves behind, and what not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from fold_places import EXPERIMENT, FOLDS, WINDOWS_PER_SUBJECT, Place
from instances import copy_of
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from narrowing import present

from assets.data.source_files import report_source_version
from assets.folds.fold import RULES_HOLD, fold_ingredients
from assets.machinery.code_versions import INGREDIENTS, Ingredients
from assets.machinery.keys import WINDOWS, fold_key
from assets.machinery.lineage import RUN_ID, RUN_URL, latest
from assets.resources.addresses import run_url
from assets.resources.display import LogDisplay
from har_core.base.errors import InputError, Problem
from har_core.base.files import sha256_of_file
from har_core.evaluation.describe import fold_version
from har_core.evaluation.records import FoldRecord, read_record
from har_core.inference.predictions import probabilities_of, read_predictions
from har_core.settings.experiment import Experiment
from har_core.splits import build
from har_core.splits.protocols import Fold
from har_core.training.events import EpochFinished, TrainingEvent, TrainingStarted


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Windows are there, and the first fold of both architectures. Do not run anything in it: take ``place``."""
    root = tmp_path_factory.mktemp("home")
    (root / "tiny.toml").write_text(EXPERIMENT, encoding="utf-8")
    with dg.DagsterInstance.ephemeral() as instance:
        place = Place(root, instance)
        report_source_version(instance, place.experiment, place.home)
        assert place.materialise("raw_recordings", "recording_audit", "windows").success
        assert place.materialise("folds/cnn", "folds/logistic_regression", fold="loso-p1").success
        yield place


@pytest.fixture
def place(done: Place, tmp_path: Path) -> Iterator[Place]:
    """A copy of that home, to run things in."""
    root = tmp_path / "home"
    shutil.copytree(done.home.root, root)
    with copy_of(done.instance) as instance:
        yield Place(root, instance)


def test_folds_stand_beside_the_models_below_windows(done: Place) -> None:
    graph = done.graph(done.experiment)
    for name in ("cnn", "logistic_regression"):
        node = graph.get(fold_key(name))
        assert node.parent_keys == {WINDOWS}
        assert present(node.partitions_def).get_partition_keys(dynamic_partitions_store=done.instance) == FOLDS
        assert node.group_name == "folds"
        assert node.description
        assert node.owners == ["team:har"]
    below = {key for name in ("comparison_report", "champion") for key in graph.get(dg.AssetKey(name)).parent_keys}
    assert {key.path[1] for key in below if key.path[0] == "folds"} == {"cnn", "logistic_regression"}


def test_there_are_no_folds_without_a_protocol_and_only_of_chosen_architectures(done: Place) -> None:
    def folds(experiment: Experiment) -> set[str]:
        return {key.path[1] for key in done.graph(experiment).get_all_asset_keys() if key.path[0] == "folds"}

    assert folds(done.with_changes('["loso", "leaky"]', "[]")) == set()
    assert folds(done.with_changes("seeds = [3, 4]", 'architectures = ["cnn"]')) == {"cnn"}


def test_result_holds_every_seed_and_who_stood_where(done: Place) -> None:
    result = done.result("cnn", "loso-p1")
    assert (result.architecture, result.fold, result.protocol, result.origin) == ("cnn", "loso-p1", "loso", "synthetic")
    assert [entry.seed for entry in result.seeds] == [3, 4]
    assert result.subjects == {"training": (3,), "validation": (2,), "test": (1,)}
    assert result.num_windows["test"] == WINDOWS_PER_SUBJECT
    assert set(result.seeds[0].scores) == {"validation", "test"}
    assert set(result.seeds[0].per_subject) == {1}
    assert result.seeds[0].best_epoch in {1, 2}
    assert result.seeds[0].scores != result.seeds[1].scores
    assert result.num_parameters > 1000
    assert result.training_settings["base_width"] == 2
    assert "seed" not in result.training_settings
    assert done.result("logistic_regression", "loso-p1").seeds[0].best_epoch == 0


def test_predictions_hold_every_role_that_was_scored_with_its_seed(done: Place) -> None:
    table = read_predictions(done.home.predictions("folds/cnn", "loso-p1"))
    seeds, roles = table["seed"].to_numpy(), table["role"].to_numpy(zero_copy_only=False)
    assert table.num_rows == 2 * 2 * WINDOWS_PER_SUBJECT
    assert set(zip(seeds.tolist(), roles.tolist(), strict=True)) == {
        (seed, role) for seed in (3, 4) for role in ("validation", "test")
    }
    hits = probabilities_of(table).argmax(axis=1) == table["label"].to_numpy()
    for entry in done.result("cnn", "loso-p1").seeds:
        chosen = (seeds == entry.seed) & (roles == "test")
        assert entry.scores["test"].accuracy == pytest.approx(hits[chosen].mean())
        assert set(table["subject"].to_numpy()[chosen]) == {1}


@pytest.mark.parametrize("architecture", ["cnn", "logistic_regression"])
def test_a_fold_is_one_mlflow_run_with_one_below_it_for_each_seed(done: Place, architecture: str) -> None:
    entry = present(done.latest(architecture, "loso-p1"))
    name = f"folds/{architecture}[loso-p1]"
    parent, *nested = done.runs(name)
    assert entry.metadata[RUN_ID] == parent.info.run_id
    assert entry.metadata[RUN_URL] == run_url(done.tracking.experiment_id, parent.info.run_id)
    assert [run.info.run_name for run in nested] == [f"{name} seed 3", f"{name} seed 4"]
    assert [run.data.params["seed"] for run in nested] == ["3", "4"]
    assert [run.data.tags[MLFLOW_PARENT_RUN_ID] for run in nested] == [parent.info.run_id] * 2
    assert {run.info.status for run in (parent, *nested)} == {"FINISHED"}
    for run in (parent, *nested):
        tags = run.data.tags
        assert present(done.instance.get_run_by_id(tags["dagster.run_id"])).is_success
        assert tags["dagster.asset_key"] == f"folds/{architecture}"
        assert tags["dagster.partition"] == "loso-p1"
        assert tags["har.code_version"] == fold_ingredients(architecture, done.experiment).version
        assert json.loads(tags["har.upstream_data_versions"]) == {
            "windows": present(latest(done.instance, WINDOWS)).data_version
        }
        assert tags["har.git_commit"]
        assert tags["har.origin"] == "synthetic"
    assert parent.data.tags["har.data_version"] == entry.data_version
    if architecture == "cnn":
        assert len({run.data.tags["har.data_version"] for run in nested}) == 2
        history = done.tracking.client.get_metric_history(nested[0].info.run_id, "epoch/training_loss")
        assert [metric.step for metric in history] == [1, 2]
    scores = [entry.scores["test"].macro_f1 for entry in done.result(architecture, "loso-p1").seeds]
    assert [run.data.metrics["test/macro_f1"] for run in nested] == pytest.approx(scores)
    assert parent.data.metrics["test_macro_f1"] == pytest.approx(np.mean(scores))
    artifacts = {entry.path for entry in done.tracking.client.list_artifacts(parent.info.run_id)}
    assert {"result.json", "predictions.parquet", "experiment.toml"} <= artifacts
    kept = done.home.artifacts / parent.info.run_id / "artifacts"
    for path in (
        done.home.fold_record(architecture, "loso-p1"),
        done.home.predictions(f"folds/{architecture}", "loso-p1"),
    ):
        name = "predictions.parquet" if path.suffix == ".parquet" else "result.json"
        assert (kept / name).read_bytes() == path.read_bytes()


def test_outputs_are_recorded_and_checkpoints_gone(done: Place) -> None:
    outputs = present(done.latest("cnn", "loso-p1")).outputs
    assert outputs == {path: sha256_of_file(done.home.root / path) for path in outputs}
    assert set(outputs) == {"data/folds/cnn/loso-p1.json", "data/predictions/folds/cnn/loso-p1.parquet"}
    assert not list(done.home.data.glob("checkpoints/**/*.pt"))


def test_the_rules_of_the_split_are_told(done: Place) -> None:
    key = dg.AssetCheckKey(fold_key("cnn"), RULES_HOLD)
    record = done.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert record.status.value == "SUCCEEDED"
    told = {name: entry.value for name, entry in present(record.evaluation).metadata.items()}
    assert told["roles_share_no_subject"] == "each subject has one role"
    assert (told["num_test_windows"], told["num_subjects_in_several_roles"]) == (WINDOWS_PER_SUBJECT, 0)


def test_a_leaky_fold_mixes_subjects_and_no_windows(place: Place) -> None:
    assert place.materialise("folds/logistic_regression", fold="leaky-2").success
    result = place.result("logistic_regression", "leaky-2")
    assert result.subjects["training"] == (1, 2, 3)
    assert sum(result.num_windows.values()) == 3 * WINDOWS_PER_SUBJECT
    halved = place.with_changes("seeds = [3, 4]", 'leaky_shares = "50/30/20"\nseeds = [3, 4]')
    assert place.materialise("folds/logistic_regression", fold="leaky-2", experiment=halved).success
    shares = [
        number / (3 * WINDOWS_PER_SUBJECT)
        for number in place.result("logistic_regression", "leaky-2").num_windows.values()
    ]
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.02)


def test_repeating_a_fold_changes_nothing(place: Place) -> None:
    before = present(place.latest("cnn", "loso-p1"))
    assert place.latest("cnn", "loso-p2") is None
    assert place.materialise("folds/cnn", fold="loso-p1").success
    after = present(place.latest("cnn", "loso-p1"))
    assert after.data_version == before.data_version
    assert after.metadata[RUN_ID] != before.metadata[RUN_ID]
    assert place.latest("cnn", "loso-p2") is None


def test_an_interrupted_fold_keeps_its_finished_seeds_and_epochs(place: Place) -> None:
    class PullThePlug(LogDisplay):
        def training(self, asset: str, event: TrainingEvent) -> None:
            if asset.endswith("seed 4") and isinstance(event, EpochFinished):
                raise KeyboardInterrupt

    class Recorder(LogDisplay):
        def __init__(self) -> None:
            self.started: dict[str, int] = {}
            self.finished: list[tuple[str, int]] = []
            self.seeds: list[tuple[str, int, int]] = []

        def training(self, asset: str, event: TrainingEvent) -> None:
            if isinstance(event, TrainingStarted):
                self.started[asset] = len(event.resumed)
            if isinstance(event, EpochFinished):
                self.finished.append((asset, event.record.epoch))

        def progress(self, what: str, num_done: int, num_total: int) -> None:
            self.seeds.append((what, num_done, num_total))

    assert not place.materialise("folds/cnn", fold="loso-p2", display=PullThePlug()).success
    assert not place.home.fold_record("cnn", "loso-p2").exists()
    assert not place.home.predictions("folds/cnn", "loso-p2").exists()
    assert place.latest("cnn", "loso-p2") is None
    name = "folds/cnn[loso-p2]"
    assert [run.info.status for run in place.runs(name)] == ["FAILED", "FINISHED", "FAILED"]

    recorder = Recorder()
    assert place.materialise("folds/cnn", fold="loso-p2", display=recorder).success
    assert recorder.started == {f"{name} seed 3": 2, f"{name} seed 4": 1}
    assert recorder.finished == [(f"{name} seed 4", 2)]
    assert recorder.seeds == [(f"{name} seeds", done, 2) for done in (0, 1, 2)]
    resumed = present(place.latest("cnn", "loso-p2")).data_version
    nested = place.runs(f"{name} seed 3")[-1]
    assert len(place.tracking.client.get_metric_history(nested.info.run_id, "epoch/training_loss")) == 2

    assert place.materialise("folds/cnn", fold="loso-p2").success
    assert present(place.latest("cnn", "loso-p2")).data_version == resumed


def test_a_fold_that_breaks_a_rule_is_refused_and_replaces_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = present(place.latest("cnn", "loso-p1"))

    def refuse(path: Path, fold: Fold, **named: object) -> None:
        shared = {"num_groups_in_several_roles": 1}
        problem = Problem(path="roles_share_no_duplicate", value="group 3", expected="none", numbers=shared)
        raise InputError("The windows cannot be split so.", [problem])

    monkeypatch.setattr(build, "cut_fold", refuse)
    assert not place.materialise("folds/cnn", fold="loso-p1").success
    key = dg.AssetCheckKey(fold_key("cnn"), RULES_HOLD)
    record = place.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert record.status.value == "FAILED"
    assert present(record.evaluation).metadata["num_groups_in_several_roles"].value == 1
    assert place.latest("cnn", "loso-p1") == before
    assert before.outputs == {path: sha256_of_file(place.home.root / path) for path in before.outputs}
    assert "roles_share_no_duplicate" in place.home.problems.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("before", "after", "stale"),
    [
        ('["loso", "leaky"]', '["pairs"]', set()),
        ('["cnn", "logistic_regression"]', '["cnn", "lstm", "logistic_regression"]', set()),
        ("seed = 9", "seed = 8", set()),
        ("seeds = [3, 4]", "seeds = [3, 4]\nlatency_repeats = 9", set()),
        ("num_threads = 1", "num_threads = 2", set()),
        ("epochs = 2", "epochs = 3", {"cnn"}),
        ("base_width = 2", "base_width = 3", {"cnn"}),
        ("seeds = [3, 4]", "seeds = [3]", {"cnn", "logistic_regression"}),
        ("seeds = [3, 4]", "validation_subjects = 2\nseeds = [3, 4]", {"cnn", "logistic_regression"}),
        ("seeds = [3, 4]", 'leaky_shares = "50/30/20"\nseeds = [3, 4]', {"cnn", "logistic_regression"}),
        ("[training]", '[training]\nunits = ["T"]', {"cnn", "logistic_regression"}),
        ("[training]", "[training]\naugmentation.jitter = 0.1", {"cnn"}),
    ],
)
def test_what_makes_a_fold_stale(done: Place, before: str, after: str, stale: set[str]) -> None:
    changed = done.with_changes(before, after)
    names = ("cnn", "logistic_regression")
    versions = [
        {n: fold_ingredients(n, experiment).version for n in names} for experiment in (done.experiment, changed)
    ]
    assert {name for name in names if versions[0][name] != versions[1][name]} == stale


def test_a_fold_records_what_it_was_made_with_by_the_names_of_the_file(done: Place) -> None:
    recorded = Ingredients(**present(done.latest("cnn", "loso-p1")).metadata[INGREDIENTS])
    assert recorded == fold_ingredients("cnn", done.experiment)
    assert "har_core/models/cnn.py" in recorded.files
    assert "models.cnn.seed" not in recorded.settings
    told = {
        "models.cnn.base_width": 2,
        "models.cnn.epochs": 2,
        "models.cnn.augmentation.mixup": 0.0,
        "evaluation.seeds": [3, 4],
        "evaluation.validation_subjects": 1,
        "windows.length": 125,
    }
    assert recorded.settings == {**recorded.settings, **told}


def test_data_version_is_of_content_and_not_of_times(done: Place) -> None:
    record = read_record(done.home.fold_record("cnn", "loso-p1"), FoldRecord)
    version = fold_version(record, [])
    slower = replace(record.seeds[0], training_seconds=999.0)
    assert (
        fold_version(
            replace(record, device="cuda", num_threads=64, cpu_capability="DEFAULT", seeds=(slower, *record.seeds[1:])),
            [],
        )
        == version
    )
    other_epoch = replace(record.seeds[0], best_epoch=17)
    assert fold_version(replace(record, seeds=(other_epoch, *record.seeds[1:])), []) != version


def test_a_fold_whose_mlflow_run_is_gone_is_recorded_again_from_its_predictions(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr("har_core.fitting.trained.train_and_predict", refuse)
    assert not place.materialise("folds/cnn", fold="loso-p1").success, "nothing is lost, so it is wanted anew"
    before, result = present(place.latest("cnn", "loso-p1")), place.result("cnn", "loso-p1")
    place.tracking.client.delete_run(before.metadata[RUN_ID])
    assert place.materialise("folds/cnn", fold="loso-p1").success
    after = present(place.latest("cnn", "loso-p1"))
    assert after.data_version == before.data_version
    assert after.metadata[RUN_ID] in place.tracking.contents().runs
    assert place.result("cnn", "loso-p1") == result
