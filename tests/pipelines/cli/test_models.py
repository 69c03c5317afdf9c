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
    from tests.pipelines.cli.conftest import Result

VERSIONS = [
    RegisteredVersion("har", 1, ("champion",), "real", "run-1", "m-1", "file:///m-1", {}),
    RegisteredVersion("har-cnn", 2, (), "synthetic", "run-2", "m-2", "file:///m-2", {}),
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
        "har-cnn                        2  synthetic",
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
        },
        {
            "name": "har-cnn",
            "version": 2,
            "aliases": [],
            "recordings": "synthetic",
            "mlflow_run_id": "run-2",
            "logged_model": "m-2",
        },
    ]
