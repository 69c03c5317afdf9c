"""The measurement of distillation: it goes on where it ended, and says how much of the gap was recovered."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def distillation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bench as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import distillation  # noqa: PLC0415 - found only now

    return distillation


def test_the_share_of_the_gap(distillation: ModuleType) -> None:
    assert distillation.recovered(0.98, 0.94, 0.96) == 0.5
    assert distillation.recovered(0.98, 0.94, 0.92) == -0.5
    assert distillation.recovered(0.94, 0.94, 0.96) is None


def test_subjects_that_test_never_train(distillation: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for protocol, number, subjects in (("loso", 8, 8), ("holdout", 1, 8), ("inner", 3, 6)):
        command = ["distillation.py", "w.parquet", "--output", "rows.csv", "--protocol", protocol]
        monkeypatch.setattr(sys, "argv", command)
        folds = distillation.chosen(distillation.parse(), range(1, 9))
        assert len(folds) == number
        assert all({*fold.training} | {*fold.test} == {*range(1, subjects + 1)} for fold in folds)
        assert all({*fold.training}.isdisjoint(fold.test) for fold in folds)


def test_what_was_measured_is_not_measured_again(
    distillation: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: list[float] = []

    def compress(settings: Any, *_: Any) -> Any:
        measured.append(settings.temperature)
        return SimpleNamespace(classifier=None)

    def scores(table: float) -> Any:
        return SimpleNamespace(scores={"test": SimpleNamespace(macro_f1=table)})

    role = SimpleNamespace(windows=SimpleNamespace(shape=(9, 4, 2)))
    windows = SimpleNamespace(roles={"training": role}, spec=SimpleNamespace(num_channels=2))
    instead = {
        "cut_fold": lambda *_, **__: windows,
        "teacher_of": lambda *_: None,
        "macro_f1": lambda *_: 0.98,
        "train_and_predict": lambda *_: SimpleNamespace(predictions=0.94),
        "compress": compress,
        "predict_held_out": lambda *_: 0.97,
        "score_predictions": scores,
        "measure_complexity": lambda *_: SimpleNamespace(num_parameters=7),
    }
    for name, value in instead.items():
        monkeypatch.setattr(distillation, name, value)
    command = ["distillation.py", "w.parquet", "--output", str(tmp_path / "rows.csv"), "--fold", "loso-p2"]
    for temperatures in (["4"], ["4", "8"], ["8"]):
        monkeypatch.setattr(sys, "argv", [*command, "--temperature", *temperatures])
        distillation.main()
    assert measured == [4.0, 8.0]
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "| invariant_lda | compact | modern | 20 | 8 | 0.9 | 0 | mean |  | 0.980 | 0.940 | 0.970 | 75% |"
