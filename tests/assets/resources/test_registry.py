"""Registered models answer to plain MLflow, and hold nothing that a loader would run."""

from __future__ import annotations

import io
import os
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pyarrow.compute as pc
import pytest
import torch
from likeness_examples import some_training_windows
from narrowing import as_type, present
from torch import nn

from assets.resources.export import RoundTripError, load_model, log_model
from assets.resources.runs import TrackedRun
from assets.resources.store import CHALLENGER, CHAMPION_ALIAS, OVERALL, RegisteredVersion
from har_core.datasets.dsads.dataset import DSADS
from har_core.experiment.loader import load_experiment
from har_core.inference.predictions import probabilities_of, read_predictions
from har_core.spec.dataset import DatasetSpec
from har_core.windows.tensors import read_tensors

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

HARMLESS = {
    "collections OrderedDict",
    "torch FloatStorage",
    "torch._utils _rebuild_tensor_v2",
}
"""What the example input of an exported graph names: a tensor, put together from its bytes."""


CLASSICAL = """
[source]
kind = "synthetic"
num_subjects = 3
num_segments = 2

[splits]
validation_subjects = [2]
test_subjects = [3]

[models]
architectures = ["random_forest", "extra_trees", "rocket", "logistic_regression"]
[models.extra_trees]
num_trees = 20
[models.rocket]
num_features = 168
sensors = ["acc", "gyro"]
[models.logistic_regression]
units = ["RA"]

[evaluation]
latency_repeats = 3
latency_warmup = 1

[runtime]
device = "cpu"
num_threads = 1
"""


@pytest.fixture
def plain_mlflow(ran: Graph, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a user sets, and nothing of ours."""
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    monkeypatch.setenv("MLFLOW_DEFAULT_PREDICTION_DEVICE", "cpu")
    mlflow.set_tracking_uri(ran.tracking.uri)
    yield
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # MLflow's hint leaves None out


@pytest.mark.parametrize("name", ["har-cnn@challenger", "har-lstm@challenger", "har-cnn@champion", "har@champion"])
def test_models_answer_on_raw_windows(plain_mlflow: None, name: str) -> None:
    model = mlflow.pyfunc.load_model(f"models:/{name}")
    for size in (1, 2, 7):
        windows = np.random.default_rng(size).normal(size=(size, 125, 45)).astype(np.float32)
        probabilities = model.predict(windows)
        assert probabilities.shape == (size, 19)
        assert probabilities.dtype == np.float32
        assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_metadata_says_what_goes_in_and_what_comes_out(plain_mlflow: None) -> None:
    metadata = mlflow.pyfunc.load_model("models:/har@champion").metadata.metadata
    assert DatasetSpec.parse(metadata["dataset"], where="metadata") == DSADS
    assert metadata["activities"] == list(DSADS.activities)
    assert metadata["channels"] == list(DSADS.channel_names)
    assert metadata["units"]["T_xacc"] == "m/s²"
    assert metadata["sampling_rate_hz"] == 25
    assert (metadata["window_length"], metadata["join_segments"]) == (125, False)


def test_run_and_result_say_what_computed_them(ran: Graph) -> None:
    result, entry = ran.result("cnn"), ran.tracking.resolve(f"models:/har-cnn@{CHALLENGER}")
    assert (result.num_threads, result.cpu_capability) == (1, torch.backends.cpu.get_cpu_capability())
    params = present(ran.tracking.read_run(entry.run_id)).params
    assert params["computed.num_threads"] == "1"
    assert params["computed.cpu_capability"] == result.cpu_capability


MODEL_NAMES = ("cnn", "lstm")


def card_of(graph: Graph, entry: RegisteredVersion) -> str:
    return as_type(str, graph.tracking.client.get_model_version(entry.name, str(entry.version)).description)


def test_each_version_has_a_card_and_each_model_a_description_and_a_way_back(ran: Graph) -> None:
    client, entries = ran.tracking.client, ran.tracking.registered()
    assert {entry.name for entry in entries} == {"har", "har-cnn", "har-lstm"}
    for entry in entries:
        card, model = card_of(ran, entry), client.get_registered_model(entry.name)
        assert card.startswith("**Made from synthetic recordings")
        assert f"har predict --model models:/{entry.name}/{entry.version} " in card
        assert f"runs/{entry.run_id}?workflowType=machine_learning" in card
        asset = "champion" if entry.name == OVERALL else entry.name.replace("har-", "models/")
        assert model.tags["har.made_by_url"] == f"http://127.0.0.1:3000/assets/{asset}"
        assert model.description
    assert client.get_registered_model("har-cnn").description == "CNN: four convolutions along time, each halving it."
    champion = present(ran.tracking.by_alias(OVERALL, CHAMPION_ALIAS))
    assert f"A copy of {champion.tags['har.copied_from']}. " in card_of(ran, champion)


def test_a_card_tells_the_scores_and_windows_of_the_model(ran: Graph) -> None:
    for name in MODEL_NAMES:
        card, result = card_of(ran, ran.tracking.get(f"har-{name}", 1)), ran.result(name)
        assert f"Macro-F1 **{result.scores['test'].macro_f1:.3f}** on 1 person held out" in card
        assert f"| training | 1 | {result.num_windows['training']} |" in card
        assert "Windows left out: none." in card
        assert f"{present(result.file_bytes):,} bytes on disk" in card


@pytest.mark.parametrize("name", ["har", "har-lstm"])
def test_the_code_of_a_card_loads_the_model(ran: Graph, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAR_HOME", str(ran.home.root))
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    code = card_of(ran, ran.tracking.get(name, 1)).split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    try:
        exec(code, names)  # noqa: S102 - a card of ours
    finally:
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # MLflow's hint leaves None out
    windows = np.random.default_rng(0).normal(size=(2, 125, 45)).astype(np.float32)
    assert names["model"].predict(windows).shape == (2, 19)
    assert names["model"].metadata.metadata["activities"] == list(DSADS.activities)


def test_a_run_has_its_own_parameters_alone_and_opens_with_the_card(ran: Graph) -> None:
    for name, other in zip(MODEL_NAMES, reversed(MODEL_NAMES), strict=True):
        entry = ran.tracking.get(f"har-{name}", 1)
        run = present(ran.tracking.read_run(entry.run_id))
        assert run.params["epochs"] == {"cnn": "2", "lstm": "1"}[name]
        assert run.params["seed"] == "0"
        assert run.params["windows.length"] == "125"
        assert not [own for own in run.params if other in own or own.startswith(("automation", "training.", "models."))]
        assert run.tags["mlflow.note.content"] == card_of(ran, entry)


def test_no_number_of_a_run_has_two_names(ran: Graph) -> None:
    for name in MODEL_NAMES:
        run = present(ran.tracking.read_run(ran.tracking.get(f"har-{name}", 1).run_id))
        assert run.metrics["test/macro_f1"] == pytest.approx(ran.result(name).scores["test"].macro_f1)
        same = {"test_macro_f1", "test_accuracy", "validation_macro_f1_best", "validation_macro_f1", "training_loss"}
        assert not same & run.metrics.keys()
        assert "test/weighted_recall" not in run.metrics  # the accuracy
        assert not [own for own in run.metrics if "clean" in own]  # nothing is damaged here
        assert "num_nonzero" not in run.metrics or run.metrics["num_nonzero"] != run.metrics["num_parameters"]


def test_metadata_says_what_the_training_windows_held(plain_mlflow: None, ran: Graph) -> None:
    """In sensor units, though networks are fitted to normalised windows."""
    rows = read_tensors(ran.home.windows)
    own = rows.windows[torch.from_numpy(rows.keys["subject"].to_numpy() == 1)].numpy()
    held = mlflow.pyfunc.load_model(f"models:/har-cnn@{CHALLENGER}").metadata.metadata["training_windows"]
    assert held["num_windows"] == len(own)
    for channel, name in enumerate(DSADS.channel_names):
        values = held["channels"][name]
        assert values["minimum"] == pytest.approx(own[:, :, channel].min(), rel=1e-3, abs=1e-3)
        assert values["mean"] == pytest.approx(own[:, :, channel].mean(), rel=1e-3, abs=1e-3)


def test_no_artifact_holds_pickled_code(ran: Graph) -> None:
    named = {path: names for path in ran.home.mlruns.rglob("*") if path.is_file() for names in [globals_in(path)]}
    assert any(path.suffix == ".pt2" for path in named)
    assert {str(path): names - HARMLESS for path, names in named.items() if names - HARMLESS} == {}


def test_the_scan_finds_pickled_code(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(nn.Linear(2, 2), path)
    assert globals_in(path) - HARMLESS
    inside = tmp_path / "outer.zip"
    with zipfile.ZipFile(inside, "w") as archive:
        archive.write(path, "deep/model")
    assert globals_in(inside) - HARMLESS


def test_champion_is_the_better_challenger(ran: Graph) -> None:
    champion = present(ran.tracking.by_alias(OVERALL, CHAMPION_ALIAS))
    scores = {
        name: as_type(float, ran.latest(f"models/{name}").metadata["validation_macro_f1"].value)
        for name in ("cnn", "lstm")
    }
    assert champion.tags["har.copied_from"] == f"har-{max(scores, key=scores.__getitem__)}/1"
    assert champion.origin == "synthetic"
    assert all(present(ran.tracking.by_alias(f"har-{name}", CHAMPION_ALIAS)).version == 1 for name in scores)


def test_a_model_that_answers_otherwise_after_loading_is_not_registered(graph: Graph) -> None:
    class Forgetful(nn.Module):
        """Answers differently each time that it is asked in Python; its exported graph does not."""

        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(45, 19)
            self.num_calls = 0

        def forward(self, windows: torch.Tensor) -> torch.Tensor:
            self.num_calls += 1
            return torch.softmax(self.linear(windows.mean(dim=1)) * self.num_calls, dim=-1)

    started = graph.tracking.client.create_run(graph.tracking.experiment_id)
    aliases = graph.aliases()
    with pytest.raises(RoundTripError, match="answers a batch of") as caught:
        log_model(
            TrackedRun(graph.tracking, started.info.run_id),
            "har-cnn",
            Forgetful(),
            num_timepoints=125,
            training=some_training_windows(),
        )
    assert present(caught.value.largest_difference) > 1e-4
    assert graph.aliases() == aliases


@pytest.mark.slow
def test_classical_models_are_registered_as_networks_are(graph: Graph) -> None:
    path = graph.home.root / "classical.toml"
    path.write_text(CLASSICAL, encoding="utf-8")
    experiment = load_experiment(path)
    assert graph.materialise(
        *(f"models/{name}" for name in experiment.models.architectures), experiment=experiment
    ).success
    rows = read_tensors(graph.home.windows)
    for name in experiment.models.architectures:
        predictions = read_predictions(graph.home.predictions(f"models/{name}", "holdout"))
        chosen = predictions.filter(pc.equal(predictions["role"], "test"))
        is_test = torch.from_numpy(rows.keys["subject"].to_numpy() == 3)
        answered = load_model(graph.tracking, f"models:/har-{name}@{CHALLENGER}").predict(rows.windows[is_test].numpy())
        np.testing.assert_allclose(answered, probabilities_of(chosen), atol=1e-4)
        entry = graph.tracking.resolve(f"models:/har-{name}@{CHALLENGER}")
        assert graph.tracking.recompute_weights_version(entry) == entry.tags["har.data_version"]
        metadata = graph.latest(f"models/{name}").metadata
        assert metadata["num_epochs"].value == 0
        assert as_type(int, metadata["num_parameters"].value) > 0
        assert "training_curves" not in metadata
        result = graph.result(name)
        assert (result.history, result.best_epoch) == ((), 0)
        assert result.scores_clean == result.scores  # nothing is damaged here
        assert "epochs" not in result.training_settings
    for path in graph.home.mlruns.rglob("*"):
        assert not path.is_file() or globals_in(path) <= HARMLESS, path


def test_mlflows_defaults_are_left_alone(ran: Graph) -> None:
    before = mlflow.get_tracking_uri()
    load_model(ran.tracking, f"models:/har-cnn@{CHALLENGER}")
    assert mlflow.get_tracking_uri() == before
    assert "MLFLOW_TRACKING_URI" not in os.environ


def globals_in(path: Path) -> set[str]:
    """Every class or function that pickles inside a file name, whatever the file or an archive within is called."""
    return globals_in_bytes(path.read_bytes())


def globals_in_bytes(content: bytes) -> set[str]:
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return set().union(*(globals_in_bytes(archive.read(name)) for name in archive.namelist()))
    if not content.startswith(b"\x80"):
        return set()
    found: set[str] = set()
    strings: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name == "GLOBAL":
                found.add(as_type(str, argument))
            elif opcode.name == "STACK_GLOBAL":
                found.add(" ".join(strings[-2:]))
            elif isinstance(argument, str):
                strings.append(argument)
    except ValueError:
        return set()  # begins like a pickle and is none: raw bytes of a tensor
    return found
