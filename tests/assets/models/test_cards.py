"""Cards in the registry tell scores over folds of the same recipe on the same windows, and of no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from narrowing import as_type, present

from assets.machinery.keys import CHAMPION, FOLD_PARTITIONS, fold_key, model_key
from har_core.evaluation.records import FoldRecord, read_record
from har_core.evaluation.results import score_fold
from har_core.experiment.loader import load_experiment
from har_core.inference.predictions import read_predictions
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

FOLD = "loso-p3"
ENSEMBLE = """
[ensembles.both]
members = ["cnn", "lstm"]
"""


def with_folds(graph: Graph, before: str = "", after: str = "") -> Experiment:
    path = graph.home.root / "folds.toml"
    text = (graph.home.root / "tiny.toml").read_text().replace(before, after) + ENSEMBLE
    path.write_text(text.replace("[evaluation]", '[evaluation]\nprotocols = ["loso"]'))
    return load_experiment(path)


def cards(graph: Graph) -> dict[str, str]:
    """Of the newest version of each registered model."""
    client, entries = graph.tracking.client, reversed(graph.tracking.registered())
    newest = {entry.name: str(entry.version) for entry in entries}
    return {name: as_type(str, client.get_model_version(name, own).description) for name, own in newest.items()}


def told(graph: Graph, name: str) -> str:
    """The row of the subject who tests in the fold: its score by the weights, and by the fold's."""
    record = read_record(graph.home.fold_record(name, FOLD), FoldRecord)
    predictions = read_predictions(graph.home.predictions(fold_key(name).to_user_string(), FOLD))
    own = graph.result(name).scores["test"].macro_f1
    return f"| 3 | {own:.3f} | {score_fold(record, predictions).macro_f1:.3f} |"


def run_folds(graph: Graph, experiment: Experiment, *names: str) -> None:
    keys = [fold_key(name).to_user_string() for name in names]
    assert graph.materialise(*keys, experiment=experiment, partition=FOLD).success


@pytest.fixture
def folded(graph: Graph) -> Graph:
    graph.instance.add_dynamic_partitions(FOLD_PARTITIONS, [FOLD])
    return graph


def test_the_champion_writes_cards_again_with_the_folds_of_the_same_recipe(folded: Graph) -> None:
    experiment = with_folds(folded)
    assert "No fold of this recipe" in cards(folded)["har-cnn"]
    run_folds(folded, experiment, "cnn")
    run_folds(folded, with_folds(folded, "hidden_size = 8", "hidden_size = 4"), "lstm")
    before = {name: present(folded.latest(f"models/{name}").tags) for name in ("cnn", "lstm")}
    assert folded.materialise(CHAMPION.to_user_string(), experiment=experiment).success
    after = cards(folded)
    assert told(folded, "cnn") in after["har-cnn"]
    assert "tested in turn when this was written" not in after["har-cnn"]
    assert "No fold of this recipe" in after["har-lstm"]  # its fold was trained with another setting
    assert {name: folded.latest(f"models/{name}").tags for name in before} == before  # nothing was trained for it


def test_a_model_that_is_made_after_its_folds_tells_them_at_once_and_so_does_an_ensemble(folded: Graph) -> None:
    experiment = with_folds(folded)
    run_folds(folded, experiment, "cnn", "lstm", "both")
    both = model_key("both").to_user_string()
    assert folded.materialise("models/cnn", both, experiment=experiment).success
    found = cards(folded)
    for name in ("cnn", "both"):
        assert told(folded, name) in found[f"har-{name}"]
    assert "The answers of cnn and lstm, combined by" in found["har-both"]
    assert "Windows left out: none." in found["har-both"]
    assert folded.tracking.get("har-both", 1).tags["har.files_sha256"]


def test_folds_on_other_windows_are_not_told(folded: Graph) -> None:
    run_folds(folded, with_folds(folded), "cnn")
    other = with_folds(folded, "num_segments = 2", "num_segments = 1")
    data = ("raw_recordings", "recording_audit", "windows", "splits", "models/cnn")
    assert folded.materialise(*data, experiment=other).success
    assert "No fold of this recipe" in cards(folded)["har-cnn"]
