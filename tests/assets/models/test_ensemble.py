"""Ensembles in a home where their members ran: what they are made of, and when they are made again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import numpy.typing as npt
import pytest
import torch
from instances import copy_of
from narrowing import present

from assets.comparison.contenders import Contenders, made_today, read_validation_windows
from assets.comparison.fold_scores import FoldScores
from assets.graph import build_assets, build_resources
from assets.machinery.keys import SPLITS, fold_key, model_key
from assets.machinery.lineage import latest, latest_of_partition
from assets.resources.home import Home
from assets.resources.model_files import find_model
from har_core.experiment.loader import load_experiment
from har_core.inference.classifier import predict_probabilities
from har_core.inference.graph import load_graph
from har_core.inference.predictions import probabilities_of, read_predictions
from har_core.settings.experiment import Experiment
from pipelines.staleness import ask

if TYPE_CHECKING:
    from tests.assets.conftest import Graph


ENSEMBLES = """
[ensembles.both]
members = ["cnn", "lstm"]

[ensembles.stacked]
members = ["cnn", "lstm"]
combine = "stack"
"""


def extended(graph: Graph, text: str = ENSEMBLES, before: str = "", after: str = "") -> Experiment:
    path = graph.home.root / "extended.toml"
    path.write_text((graph.home.root / "tiny.toml").read_text().replace(before, after) + text)
    return load_experiment(path)


@pytest.fixture(scope="module")
def done(ran: Graph, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """Both ensembles were made. Do not run anything in it: take ``made``."""
    root = tmp_path_factory.mktemp("home") / "home"
    shutil.copytree(ran.home.root, root)
    with copy_of(ran.instance) as instance:
        graph = replace(ran, home=Home(root), instance=instance)
        graph = replace(graph, experiment=extended(graph))
        result = graph.materialise("models/both", "models/stacked")
        assert result.success, [event.message for event in result.all_events if event.is_failure]
        yield graph


@pytest.fixture
def made(done: Graph, tmp_path: Path) -> Iterator[Graph]:
    root = tmp_path / "home"
    shutil.copytree(done.home.root, root)
    with copy_of(done.instance) as instance:
        yield replace(done, home=Home(root), instance=instance)


def of(graph: Graph, name: str) -> npt.NDArray[np.float32]:
    return probabilities_of(read_predictions(graph.home.predictions(f"models/{name}", "holdout")))


def all_states(graph: Graph) -> dict[str, str]:
    asked = ask(graph.definitions().resolve_asset_graph(), graph.instance, graph.home.root)
    return {str(item): str(status.state) for item, status in asked.items()}


def test_one_model_answers_as_its_members_together(done: Graph) -> None:
    graph = done
    np.testing.assert_allclose(of(graph, "both"), (of(graph, "cnn") + of(graph, "lstm")) / 2, atol=1e-6)
    windows = torch.randn(3, 125, 45, generator=torch.Generator().manual_seed(0))
    answers = {
        name: predict_probabilities(
            load_graph(find_model(graph.tracking, f"models:/har-{name}@challenger").graph), windows
        )
        for name in ("both", "cnn", "lstm")
    }
    np.testing.assert_allclose(answers["both"], (answers["cnn"] + answers["lstm"]) / 2, atol=1e-6)
    cnn, lstm, both = (graph.result(name).complexity for name in ("cnn", "lstm", "both"))
    assert both.num_parameters == cnn.num_parameters + lstm.num_parameters + 2
    assert both.macs == cnn.macs + lstm.macs


def test_the_gate_knows_the_split_of_its_members(done: Graph) -> None:
    contenders = Contenders(
        tracking=done.tracking,
        validation=read_validation_windows(done.home, done.experiment),
        folds=FoldScores(of="", by_model={}),
        today={},
    )
    newest = {entry.name: entry for entry in done.tracking.registered()}
    splits = {name: contenders.entry(newest[f"har-{name}"]).split for name in ("cnn", "both", "stacked")}
    assert set(splits.values()) == {present(latest(done.instance, SPLITS)).data_version}


def test_it_is_of_today_where_its_members_are(done: Graph) -> None:
    """Else folds of other settings would speak for it."""
    changed = extended(done, before="base_width = 2", after="base_width = 3")

    def today(experiment: Experiment) -> set[str]:
        built = [asset for asset in build_assets(experiment) if isinstance(asset, dg.AssetsDefinition)]
        return set(made_today(done.instance, built))

    assert today(done.experiment) == {"cnn", "lstm", "both", "stacked"}
    assert today(changed) == {"cnn", "lstm"}


def test_it_is_stale_exactly_when_a_member_or_its_settings_are(done: Graph) -> None:
    graph, experiment = done, done.experiment

    def states(of: Experiment) -> dict[str, str]:
        return {item: state for item, state in all_states(replace(graph, experiment=of)).items() if "models/" in item}

    assert set(states(experiment).values()) == {"fresh"}
    changed = extended(graph, before="hidden_size = 8", after="hidden_size = 4")
    assert states(changed) == {
        "models/cnn": "fresh",
        "models/lstm": "stale",
        "models/both": "pending",
        "models/stacked": "pending",
    }
    changed = extended(graph, ENSEMBLES + "penalty = 2.0\n")
    assert states(changed)["models/stacked"] == "stale"
    assert states(changed)["models/both"] == "fresh"


def test_what_was_fitted_on_validation_windows_is_not_judged_by_them(made: Graph) -> None:
    graph = made
    result = graph.materialise("comparison_report", "champion")
    assert result.success, [event.message for event in result.all_events if event.is_failure]
    holders = {name for name, aliases in graph.aliases().items() if "champion" in aliases}
    assert "har-both" in holders
    assert "har-stacked" not in holders
    page = (graph.home.report_folder / "report.md").read_text()
    assert "both" in page
    assert "stacked" in page


def test_folds_are_combined_from_those_of_the_members(graph: Graph) -> None:
    protocols = ENSEMBLES + '\n[evaluation]\nprotocols = ["loso"]\n'
    experiment = extended(graph, protocols, before="[evaluation]\nlatency_repeats = 3\nlatency_warmup = 1\n", after="")
    graph.instance.add_dynamic_partitions("folds", ["loso-p3"])
    names = ("folds/cnn", "folds/lstm", "folds/both", "folds/stacked")
    result = dg.materialize(
        build_assets(experiment),
        instance=graph.instance,
        resources=build_resources(graph.home),
        selection=[dg.AssetKey.from_user_string(name) for name in names],
        partition_key="loso-p3",
    )
    assert result.success

    def probabilities(name: str) -> npt.NDArray[np.float32]:
        return probabilities_of(read_predictions(graph.home.predictions(f"folds/{name}", "loso-p3")))

    np.testing.assert_allclose(probabilities("both"), (probabilities("cnn") + probabilities("lstm")) / 2, atol=1e-6)
    states = all_states(replace(graph, experiment=experiment))
    assert {states[f"{name}[loso-p3]"] for name in names} == {"fresh"}
    assert latest_of_partition(graph.instance, fold_key("both"), "loso-p3") is not None
    assert latest(graph.instance, model_key("both")) is None


def test_files_of_the_members_are_named_where_one_was_never_made(empty_graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text('[models]\narchitectures = ["cnn", "lstm"]\n' + ENSEMBLES)
    result = empty_graph.materialise("models/both", experiment=load_experiment(path))
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "models/both needs models/cnn, which was never materialised" in str(failure.step_failure_data.error)
