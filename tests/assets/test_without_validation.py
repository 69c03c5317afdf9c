"""An experiment of three activities in which nothing is chosen: every subject that does not test trains."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pytest
from narrowing import as_type, present

from assets.comparison.champion import NO_CHAMPION
from assets.data.source_files import report_source_version
from assets.machinery.keys import fold_key, model_key
from assets.machinery.quality import RECOGNISES
from assets.resources.home import Home
from assets.resources.memory import Memory, remember
from assets.resources.runs import TrackedRun
from assets.resources.store import CHAMPION_ALIAS, OVERALL
from har_core.evaluation.records import FoldRecord, read_record
from har_core.evaluation.results import score_fold
from har_core.experiment.loader import load_experiment
from har_core.fitting.trained import train_and_predict
from har_core.inference.predictions import probabilities_of, read_predictions
from har_core.splits.build import cut_fold, read_splits
from har_core.splits.protocols import fold_named
from har_core.windows.tensors import read_tensors

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

EXPERIMENT = """
[source]
kind = "synthetic"
num_subjects = 3
num_segments = 2

[windows]
activities = ["sitting", "walking in a parking lot", "rowing"]

[splits]
validation_subjects = []
test_subjects = [3]

[training]
epochs = 1
batch_size = 16
keep = "last"

[models]
architectures = ["logistic_regression", "compact"]
[models.compact]
width = 4

[evaluation]
protocols = ["loso"]
validation_subjects = 0
latency_repeats = 3
latency_warmup = 1

[runtime]
device = "cpu"
num_threads = 1
"""


@pytest.fixture(scope="module")
def unvalidated(ran: Graph, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """Everything ran once; one fold of each architecture."""
    root = tmp_path_factory.mktemp("unvalidated")
    path = root / "mine.toml"
    path.write_text(EXPERIMENT, encoding="utf-8")
    with dg.DagsterInstance.ephemeral() as instance:
        graph = type(ran)(Home(root), load_experiment(path), instance)
        folds = [f"folds/{name}" for name in ("logistic_regression", "compact")]
        above = ["raw_recordings", "recording_audit", "windows", "splits", "models/logistic_regression"]
        assert graph.materialise(*above, "models/compact").success
        assert graph.materialise(*folds, partition="loso-p2").success
        result = graph.materialise("comparison_report", "champion")
        assert result.success, [event.message for event in result.all_events if event.is_failure]
        yield graph


@pytest.mark.parametrize("architecture", ["logistic_regression", "compact"])
def test_all_subjects_that_do_not_test_train(unvalidated: Graph, architecture: str) -> None:
    result = unvalidated.result(architecture)
    assert result.subjects == {"training": (1, 2), "validation": (), "test": (3,)}
    assert set(result.scores) == {"test"}
    assert "validation_macro_f1" not in unvalidated.latest(f"models/{architecture}").metadata
    fold = read_record(unvalidated.home.fold_record(architecture, "loso-p2"), FoldRecord)
    assert fold.subjects == {"training": (1, 3), "validation": (), "test": (2,)}


def test_nobody_judges_what_a_model_recognises(unvalidated: Graph) -> None:
    key = dg.AssetCheckKey(model_key("compact"), RECOGNISES)
    record = unvalidated.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    evaluation = present(record.evaluation)
    assert evaluation.passed
    assert evaluation.metadata["num_activities"].value == 0
    assert "nobody validates" in as_type(str, evaluation.metadata["detail"].value)


def test_folds_are_judged_by_the_windows_of_whom_they_test(unvalidated: Graph) -> None:
    home, key = unvalidated.home, dg.AssetCheckKey(fold_key("compact"), RECOGNISES)
    record = unvalidated.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    evaluation = present(record.evaluation)
    told = {name: entry.value for name, entry in evaluation.metadata.items()}
    fold = read_record(home.fold_record("compact", "loso-p2"), FoldRecord)
    [seed] = score_fold(fold, read_predictions(home.predictions("folds/compact", "loso-p2"))).seeds
    never = [own.activity for own in seed.scores["test"].per_class if not own.recall]
    assert told["num_never_recognised"] == len(never)
    assert told["never_recognised"] == (", ".join(never) or "none")
    assert told["lowest_f1"] == pytest.approx(min(own.f1 for own in seed.scores["test"].per_class))
    assert (evaluation.passed, evaluation.severity) == (not never, dg.AssetCheckSeverity.WARN)


def test_activities_that_are_not_chosen_are_left_out_and_it_is_said(unvalidated: Graph) -> None:
    windows = read_tensors(unvalidated.home.windows)
    assert windows.spec.activities == ("sitting", "walking in a parking lot", "rowing")
    assert set(windows.labels.tolist()) == {0, 1, 2}
    assert set(windows.keys["session"].to_pylist()) == {1, 9, 17}
    metadata = unvalidated.latest("raw_recordings").metadata
    assert str(metadata["not_chosen"].value).startswith("96 files: a02/p1/s01.txt, ")
    report = (unvalidated.home.report_folder / "report.md").read_text(encoding="utf-8")
    assert "- Activities, the others left out: sitting, walking in a parking lot and rowing" in report
    assert "Activities: 1 sitting, 2 walking in a parking lot, 3 rowing.\n" in report


def test_scores_count_the_activities_that_are_there(unvalidated: Graph) -> None:
    """A model of three activities that errs in nothing has a macro-F1 of 1, not of 3 / 19."""
    result = unvalidated.result("logistic_regression")
    test = result.scores["test"]
    assert test.macro_f1 == pytest.approx(sum(entry.f1 for entry in test.per_class) / 3)
    assert test.accuracy > 0.5
    content = json.loads((unvalidated.home.report_folder / "report.json").read_text(encoding="utf-8"))
    for row in content["protocols"]["loso"]["ranking"]:
        assert row["pooled_macro_f1"] == pytest.approx(row["macro_f1"]["mean"]), "of one fold and one seed"
    predictions = read_predictions(unvalidated.home.predictions("models/logistic_regression", "holdout"))
    given = probabilities_of(predictions).sum(axis=0) > 0
    assert given.tolist() == [True] * 3


def test_a_source_is_not_stale_for_what_is_not_chosen(unvalidated: Graph) -> None:
    summary = report_source_version(unvalidated.instance, unvalidated.experiment, unvalidated.home)
    assert summary == "nothing changed since the last look"
    remember(unvalidated.home, Memory(data=str(unvalidated.home.raw / "synthetic")))
    assert report_source_version(unvalidated.instance, unvalidated.experiment, unvalidated.home) == "same content"


def test_classical_models_are_fitted_to_windows_as_they_are(unvalidated: Graph) -> None:
    """Not to windows that were normalised and turned back: that would change their last digits."""
    home, name, settings = unvalidated.home, "logistic_regression", unvalidated.experiment
    fold = fold_named("loso-p2", (1, 2, 3), num_validation_subjects=0)
    for asset, part, windows in (
        (f"models/{name}", "holdout", read_splits(home.splits("holdout"), raw_from=home.windows)),
        (f"folds/{name}", "loso-p2", cut_fold(home.windows, fold, normalise=False)),
    ):
        assert windows.statistics is None
        raw = train_and_predict(name, settings.model_settings(name), settings.runtime, windows)
        stored = read_predictions(home.predictions(asset, part))
        assert np.array_equal(probabilities_of(stored), probabilities_of(raw.predictions))


def test_the_report_says_that_nothing_was_chosen(unvalidated: Graph) -> None:
    content = json.loads((unvalidated.home.report_folder / "report.json").read_text(encoding="utf-8"))
    assert content["ranking"]["validation"] == []
    markdown = (unvalidated.home.report_folder / "report.md").read_text(encoding="utf-8")
    assert markdown.count("| subjects 1 and 2 | nothing: no epochs |") == 1
    assert markdown.count("| subjects 1 and 2 | nothing: last of 1 epoch |") == 1
    assert markdown.count("| 2 | nothing |") == 2, "the folds"


def test_no_champion_is_chosen_and_it_is_said_why(unvalidated: Graph) -> None:
    assert unvalidated.tracking.by_alias(OVERALL, CHAMPION_ALIAS) is None
    metadata = unvalidated.latest("champion").metadata
    assert metadata["champion"].value == NO_CHAMPION
    assert str(metadata["decisions"].value).count(NO_CHAMPION) == 3


def test_a_champion_stays_where_nobody_validates_any_more(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is neither compared nor taken away."""
    before = graph.aliases()
    path = tmp_path / "mine.toml"
    path.write_text(EXPERIMENT.replace('"logistic_regression", "compact"', '"cnn", "lstm"'), encoding="utf-8")
    experiment = load_experiment(path)
    assert graph.materialise("splits", experiment=experiment).success
    decided = []
    monkeypatch.setattr(TrackedRun, "log_json", lambda run, name, value: decided.append((name, value)))
    assert graph.materialise("champion", experiment=experiment).success
    assert graph.aliases() == before
    [decisions] = [value for name, value in decided if name == "decisions.json"]
    assert decisions["har-cnn"][0]["reason"] == f"har-cnn version 1 stays: {NO_CHAMPION}"
