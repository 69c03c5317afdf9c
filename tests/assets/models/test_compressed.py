"""Models that are made from others, in a home where their parents ran."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from instances import copy_of
from narrowing import as_type, present

from assets.machinery.keys import model_key
from assets.resources.home import Home
from assets.resources.model_files import find_model
from har_core.evaluation import results
from har_core.evaluation.records import ModelRecord, read_record
from har_core.experiment.loader import load_experiment
from har_core.inference.classifier import predict_probabilities
from har_core.inference.graph import load_graph
from har_core.inference.predictions import read_predictions
from har_core.settings.experiment import Experiment
from pipelines.staleness import ask

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

COMPRESSED = """
[compressed]
cnn = ["int8"]
"""


def extended(graph: Graph, text: str = COMPRESSED, before: str = "", after: str = "") -> Experiment:
    path = graph.home.root / "extended.toml"
    path.write_text((graph.home.root / "tiny.toml").read_text().replace(before, after) + text)
    return load_experiment(path)


@pytest.fixture(scope="module")
def done(ran: Graph, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """``cnn-int8`` was made. Do not run anything in it: take ``made``."""
    root = tmp_path_factory.mktemp("home") / "home"
    shutil.copytree(ran.home.root, root)
    with copy_of(ran.instance) as instance:
        graph = replace(ran, home=Home(root), instance=instance)
        graph = replace(graph, experiment=extended(graph))
        result = graph.materialise("compressed/cnn-int8", "comparison_report", "champion")
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


def test_a_version_of_its_own_answers_nearly_as_its_parent(done: Graph) -> None:
    small, large = (find_model(done.tracking, f"models:/har-{name}@challenger") for name in ("cnn-int8", "cnn"))
    assert (small.spec, small.training) == (large.spec, large.training)
    windows = np.random.default_rng(0).normal(0, 5, (50, 125, 45)).astype(np.float32)
    answers = [predict_probabilities(load_graph(own.graph), torch.from_numpy(windows)) for own in (small, large)]
    assert 0 < np.abs(answers[0] - answers[1]).max() < 0.1


def test_its_card_says_what_it_was_made_of(done: Graph) -> None:
    client = done.tracking.client
    card = as_type(str, client.get_model_version("har-cnn-int8", "1").description)
    assert "cnn, made smaller or faster (int8). CNN: four convolutions" in card
    assert "| training | 1 | 38 |" in card
    assert client.get_registered_model("har-cnn-int8").tags["har.made_by_url"].endswith("/assets/compressed/cnn-int8")
    run = present(done.tracking.read_run(done.tracking.get("har-cnn-int8", 1).run_id))
    assert (run.params["parent"], run.params["seed"]) == ("cnn", "0")


def test_its_record_says_what_it_is_and_what_it_costs(done: Graph) -> None:
    own, parent = (read_record(done.home.record(name), ModelRecord) for name in ("cnn-int8", "cnn"))
    assert (own.parent, parent.parent) == ("cnn", None)
    assert own.training_settings["kind"] == "int8"
    assert own.subjects == parent.subjects
    assert own.complexity.num_parameters == parent.complexity.num_parameters
    assert own.complexity.size_bytes < 0.5 * parent.complexity.size_bytes
    assert present(own.file_bytes) < present(parent.file_bytes)
    predictions = read_predictions(done.home.predictions("compressed/cnn-int8", "holdout"))
    assert predictions.drop(["probabilities"]) == read_predictions(done.home.predictions("models/cnn", "holdout")).drop(
        ["probabilities"]
    )


def test_the_report_has_it_beside_its_parent(done: Graph) -> None:
    page = (done.home.data / "reports" / "latest" / "report.html").read_text(encoding="utf-8")
    assert "CNN, int8" in page
    assert "Made from a fitted model" in page


def test_it_is_stale_exactly_where_its_parent_or_its_recipe_is(made: Graph) -> None:
    assert set(states(made).values()) == {"fresh"}
    other = replace(made, experiment=extended(made, COMPRESSED + "[recipes.int8]\nwindows_per_activity = 1\n"))
    stale = {name for name, state in states(other).items() if state == "stale"}
    assert "compressed/cnn-int8" in stale
    assert not {name for name in stale if name.startswith("models/")}
    other = replace(made, experiment=extended(made, before="hidden_size = 8", after="hidden_size = 4"))
    assert states(other)["compressed/cnn-int8"] == "fresh"
    other = replace(made, experiment=extended(made, before="base_width = 2", after="base_width = 3"))
    assert states(other)["compressed/cnn-int8"] == "pending"


def test_a_parent_with_the_same_weights_makes_nothing_stale(made: Graph) -> None:
    before = made.files()
    assert made.materialise("models/cnn").success
    assert states(made)["compressed/cnn-int8"] == "fresh"
    assert (
        made.files()["predictions/compressed/cnn-int8/holdout.parquet"]
        == (before["predictions/compressed/cnn-int8/holdout.parquet"])
    )


@pytest.mark.parametrize(("macro_f1", "keeps"), [(0.8951, True), (0.8949, False)])
def test_what_lost_too_much_is_no_champion(
    made: Graph, monkeypatch: pytest.MonkeyPatch, macro_f1: float, keeps: bool
) -> None:
    with monkeypatch.context() as patched:
        scores = iter([{2: 0.9}, {2: macro_f1}])
        patched.setattr(results, "validation_by_subject", lambda _: next(scores))
        assert made.materialise("compressed/cnn-int8").success
    assert made.latest("compressed/cnn-int8").metadata["keeps_macro_f1"].value is keeps
    made.tracking.client.delete_registered_model_alias("har-cnn-int8", "champion")
    assert made.materialise("champion").success
    assert (made.tracking.by_alias("har-cnn-int8", "champion") is not None) is keeps


def test_its_asset_is_named_after_both() -> None:
    assert model_key("cnn-int8").path == ["compressed", "cnn-int8"]
    assert model_key("cnn").path == ["models", "cnn"]
