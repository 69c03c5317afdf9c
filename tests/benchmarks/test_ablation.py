"""The ablation: it goes on where it ended, and says what a change is worth beside the plain recipe."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from har_core.settings.training import PRESETS, TrainingSettings

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def ablation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bench as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import ablation  # noqa: PLC0415 - found only now

    return ablation


def test_every_change_is_a_setting(ablation: ModuleType) -> None:
    made = [TrainingSettings.model_validate({**ablation.PLAIN, **values}) for values in ablation.CHANGES.values()]
    assert len({settings.model_dump_json() for settings in made}) == len(made)
    for values in ablation.TOGETHER.values():
        assert TrainingSettings.model_validate({**ablation.PLAIN, **values}) not in made


def test_the_preset_modern_is_what_was_measured_last(ablation: ModuleType) -> None:
    measured = TrainingSettings.model_validate({**ablation.PLAIN, "epochs": 20, **[*ablation.TOGETHER.values()][-1]})
    of_the_experiment = {"keep": "last", "mixed_precision": "auto"}
    assert PRESETS["modern"].model_copy(update=of_the_experiment) == measured


def test_what_was_measured_is_not_measured_again(
    ablation: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: list[tuple[str, dict[str, Any]]] = []

    def measure(asked: Any, options: Any, values: dict[str, Any], fold: str) -> tuple[str, str, str]:
        measured.append((fold, values))
        return ("0.9000" if values else "0.8000", "0.5", "1.0")

    monkeypatch.setattr(ablation, "measure", measure)
    monkeypatch.setattr(ablation, "cut_fold", lambda path, fold, **_: fold.name)
    output = tmp_path / "rows.csv"
    command = ["ablation.py", "w.parquet", "--model", "compact", "--output", str(output), "--only", "plain"]
    monkeypatch.setattr(sys, "argv", command)
    ablation.main()
    assert [fold for fold, _ in measured] == ["search-1", "search-2", "search-3"]
    monkeypatch.setattr(sys, "argv", [*command, "--only", "he"])
    ablation.main()
    assert measured[3:] == [(f"search-{n}", {"initialisation": "he"}) for n in (1, 2, 3)]
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "| compact, 20 epochs | he | 0.900 | 0.900 | 0.900 | 0.900 | +0.100 |"
