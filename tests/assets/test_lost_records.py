"""What MLflow loses is noticed, and mended with the least work: nothing is trained whose weights are kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from narrowing import present

import har_core.fitting.trained
from assets.machinery.lineage import HOLDERS
from assets.resources.model_files import read_model_files
from assets.resources.store import CHALLENGER, CHAMPION_ALIAS, OVERALL, Store
from har_core.inference.archive import archived_weights_version
from pipelines.runner import Outcome, make_request, run_waves
from pipelines.staleness import State, Status, ask

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

MODELS = {"models/cnn", "models/lstm"}


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The architectures that were trained, as they are."""
    names: list[str] = []
    train = har_core.fitting.trained.train_and_predict

    def spy(architecture: str, *arguments: object, **named: object) -> object:
        names.append(architecture)
        return train(architecture, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(har_core.fitting.trained, "train_and_predict", spy)
    return names


def statuses(graph: Graph) -> dict[str, Status]:
    asked = ask(graph.definitions().resolve_asset_graph(), graph.instance, graph.home.root)
    return {str(item): status for item, status in asked.items()}


def not_fresh(graph: Graph) -> dict[str, str]:
    found = statuses(graph).items()
    return {name: "; ".join(status.causes) for name, status in found if status.state is State.MISSING}


def run(graph: Graph, *, forced: bool = False) -> Outcome:
    definitions = graph.definitions()
    request = make_request(definitions.resolve_asset_graph(), "key:models/cnn" if forced else None, forced=forced)
    return run_waves(definitions, graph.instance, request, graph.home.root)


def answers(graph: Graph, uri: str = "models:/har@champion") -> bool:
    """Whether the files of a model are there and whole."""
    store = Store(graph.home)
    files = read_model_files(store.folder_of(uri), uri)
    return archived_weights_version(files.graph) == store.resolve(uri).tags["har.data_version"]


def run_id(graph: Graph, name: str) -> str:
    return str(graph.latest(name).metadata["har/mlflow_run_id"].value)


def version(graph: Graph, name: str) -> str:
    return str(graph.latest(name).metadata["har/registered_version"].value)


def lose_challenger(graph: Graph) -> None:
    graph.tracking.client.delete_registered_model_alias("har-cnn", CHALLENGER)


def lose_champion(graph: Graph) -> None:
    graph.tracking.client.delete_registered_model_alias(OVERALL, CHAMPION_ALIAS)


def move_challenger(graph: Graph) -> None:
    """As a run does that is killed between the alias and its record."""
    entry = present(Store(graph.home).by_alias("har-lstm", CHALLENGER))
    other = graph.tracking.register("har-cnn", f"models:/{entry.model_id}", entry.run_id, entry.tags)
    graph.tracking.set_alias("har-cnn", CHALLENGER, other.version)


def delete_run(graph: Graph) -> None:
    graph.tracking.client.delete_run(run_id(graph, "models/cnn"))
    graph.tracking.client.delete_run(run_id(graph, "windows"))


def delete_experiment(graph: Graph) -> None:
    graph.tracking.client.delete_experiment(graph.tracking.experiment_id)


@pytest.mark.parametrize(
    ("lose", "lost", "cause"),
    [
        (lose_challenger, {"models/cnn"}, "har-cnn has lost its alias challenger"),
        (move_challenger, {"models/cnn"}, "har-cnn@challenger names version 2, not 1"),
        (lose_champion, {"champion"}, "har has lost its alias champion"),
        (delete_run, {"models/cnn", "windows"}, "its MLflow run was deleted"),
        (delete_experiment, None, "its MLflow run was deleted"),
    ],
)
def test_what_can_be_put_back_runs_nothing(
    graph: Graph, lose: Callable[[Graph], None], lost: set[str] | None, cause: str
) -> None:
    before = graph.aliases()
    lose(graph)
    found = not_fresh(graph)
    assert set(found) == (lost or set(statuses(graph)) - {"source_files"})
    assert set(found.values()) == {cause}
    outcome = run(graph)
    assert outcome.ran == []
    assert {str(item) for item in outcome.restored} == set(found)
    assert graph.aliases() == before
    assert {status.state for status in statuses(graph).values()} == {State.FRESH}


def delete_version(graph: Graph) -> None:
    graph.tracking.client.delete_model_version("har-cnn", version(graph, "models/cnn"))


def delete_models(graph: Graph) -> None:
    for name in ("har-cnn", OVERALL):
        graph.tracking.client.delete_registered_model(name)


def purge_run(graph: Graph) -> None:
    """As ``mlflow gc`` does."""
    delete_run(graph)
    graph.tracking.client._tracking_client.store._hard_delete_run(run_id(graph, "models/cnn"))


@pytest.mark.parametrize(
    ("lose", "made"),
    [
        pytest.param(delete_version, {"models/cnn", "champion"}, marks=pytest.mark.slow),
        pytest.param(delete_models, {"models/cnn", "champion"}, marks=pytest.mark.slow),
        (purge_run, {"models/cnn"}),
    ],
)
def test_weights_that_are_kept_are_registered_again(
    graph: Graph, trained: list[str], lose: Callable[[Graph], None], made: set[str]
) -> None:
    before = graph.result("cnn")
    lose(graph)
    outcome = run(graph)
    assert not outcome.failures
    assert {str(item) for item in outcome.ran} == made
    assert trained == []
    assert graph.result("cnn") == before
    assert {status.state for status in statuses(graph).values()} == {State.FRESH}
    assert present(Store(graph.home).by_alias("har-cnn", CHALLENGER)).version == int(version(graph, "models/cnn"))
    assert answers(graph)
    assert answers(graph, "models:/har-cnn@challenger")
    assert run(graph).ran == []


@pytest.mark.slow
def test_a_store_that_was_deleted_is_made_again_from_what_is_kept(graph: Graph, trained: list[str]) -> None:
    graph.home.mlflow_store.unlink()
    assert set(not_fresh(graph)) == set(statuses(graph)) - {"source_files"}
    assert not run(graph).failures
    assert trained == []
    assert answers(graph)
    assert {status.state for status in statuses(graph).values()} == {State.FRESH}


@pytest.mark.slow
def test_a_model_without_its_files_is_trained_again(graph: Graph, trained: list[str]) -> None:
    shutil.rmtree(graph.home.mlruns)
    assert not run(graph).failures
    assert sorted(trained) == ["cnn", "lstm"]
    assert answers(graph)
    assert {status.state for status in statuses(graph).values()} == {State.FRESH}


def test_a_damaged_model_is_named_and_trained_again_and_the_damaged_champion_yields(
    graph: Graph, trained: list[str]
) -> None:
    champion = present(Store(graph.home).by_alias(OVERALL, CHAMPION_ALIAS))
    [name] = [name for name in ("cnn", "lstm") if champion.tags["har.copied_from"].startswith(f"har-{name}/")]
    path = Store(graph.home).folder_of("models:/har@champion") / "data" / "model.pt2"
    path.write_bytes(path.read_bytes()[:1000])
    found = not_fresh(graph)
    altered = f"{path.relative_to(graph.home.root)} was altered after it was written"
    assert found == {f"models/{name}": altered, "champion": altered}
    outcome = run(graph)
    assert not outcome.failures
    assert trained == [name]
    assert f"{OVERALL} version {champion.version} yields" in str(graph.latest("champion").metadata["decisions"].value)
    assert answers(graph)
    assert {status.state for status in statuses(graph).values()} == {State.FRESH}


@pytest.mark.slow
def test_force_trains_again_whatever_is_kept(graph: Graph, trained: list[str]) -> None:
    delete_version(graph)
    assert not run(graph, forced=True).failures
    assert trained == ["cnn"]


def test_a_champion_that_was_moved_by_hand_is_told_and_judged(graph: Graph) -> None:
    """MLflow's "promote" does not go round the gate unseen; without a better model it stands."""
    held = graph.latest("champion").metadata[HOLDERS].value
    entry = present(Store(graph.home).by_alias("har-lstm", CHAMPION_ALIAS))
    other = graph.tracking.register("har-lstm", f"models:/{entry.model_id}", entry.run_id, entry.tags)
    graph.tracking.set_alias("har-lstm", CHAMPION_ALIAS, other.version)
    assert held == {"har": 1, "har-cnn": 1, "har-lstm": 1}
    assert not_fresh(graph) == {}
    status = statuses(graph)["champion"]
    assert status.state is State.STALE
    assert status.causes == ("har-lstm@champion was moved past the gate, from version 1 to 2",)
    assert [str(item) for item in run(graph).ran] == ["champion"]
    assert present(Store(graph.home).by_alias("har-lstm", CHAMPION_ALIAS)).version == 2
    metadata = graph.latest("champion").metadata
    assert metadata[HOLDERS].value == {"har": 1, "har-cnn": 1, "har-lstm": 2}
    assert "har-lstm version 2 was put there past the gate" in str(metadata["decisions"].value)
    assert {status.state for status in statuses(graph).values()} == {State.FRESH}
