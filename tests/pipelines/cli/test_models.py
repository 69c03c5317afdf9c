"""What ``har models`` lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assets.resources.store import RegisteredVersion, Store
from har_core.models import list_models

if TYPE_CHECKING:
    from har_commands import Result

VERSIONS = [
    RegisteredVersion("har", 1, ("champion",), "real", "run-1", "m-1", "file:///m-1", {}),
    RegisteredVersion("har-cnn", 2, (), "synthetic", "run-2", "m-2", "file:///m-2", {}, 1234567.8),
]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "registered", lambda store: VERSIONS)


def test_what_is_not_known_before_a_fit_is_a_dash(har: Callable[..., Result]) -> None:
    answer = har("models")
    assert answer.exit_code == 0
    rows = {line.split()[0]: line.split()[1:] for line in answer.out.splitlines() if line}
    assert rows["random_forest"] == ["–", "–", "har_core/models/random_forest.py"]
    assert rows["cnn"] == ["956,947", "248,708,160", "har_core/models/cnn.py"]


def test_registered_versions(har: Callable[..., Result], registered: None) -> None:
    assert har("models").out.splitlines()[-3:] == [
        "Registered model         Version  Recordings  Aliases",
        "har                            1  real        champion",
        "har-cnn                        2  synthetic     (1,234,568 MACs on average)",
    ]


def test_a_home_without_models_is_named_and_left_alone(har: Callable[..., Result], home: Path) -> None:
    assert har("models").out.splitlines()[-1] == (
        f"No model is registered in {home} yet: `har run` trains and registers them."
    )
    assert not home.exists()


def test_json(har: Callable[..., Result], registered: None) -> None:
    told = json.loads(har("models", "--json").out)
    assert [entry["name"] for entry in told["architectures"]] == list_models()
    assert next(entry for entry in told["architectures"] if entry["name"] == "cnn") == {
        "name": "cnn",
        "num_parameters": 956_947,
        "macs": 248_708_160,
        "source": "har_core/models/cnn.py",
    }
    assert told["registered"] == [
        {
            "name": "har",
            "version": 1,
            "aliases": ["champion"],
            "recordings": "real",
            "mlflow_run_id": "run-1",
            "logged_model": "m-1",
            "mean_macs": None,
        },
        {
            "name": "har-cnn",
            "version": 2,
            "aliases": [],
            "recordings": "synthetic",
            "mlflow_run_id": "run-2",
            "logged_model": "m-2",
            "mean_macs": 1234567.8,
        },
    ]


def test_one_architecture_is_described_with_its_options(har: Callable[..., Result]) -> None:
    lines = har("models", "compact").out.splitlines()
    assert lines[0].startswith("Compact: a small network")
    assert any(line.startswith("Cost of a window of 125 x 45") for line in lines)
    assert lines[-5:] == ["[models.compact]", "width = 64", "depth = 3", "kernel_size = 5", "dropout = 0.2"]
    told = json.loads(har("models", "compact", "--json").out)
    assert told["options"] == {"width": 64, "depth": 3, "kernel_size": 5, "dropout": 0.2}
    assert told["source"] == "har_core/models/compact.py"


def test_an_unknown_architecture_is_refused_with_the_nearest_name(har: Callable[..., Result]) -> None:
    answer = har("models", "compct")
    assert answer.exit_code == 2
    assert "did you mean 'compact'" in answer.err
