"""The table of folds: which architectures it has, in which order, with what figures."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from assets.resources.home import Home
from har_core.datasets.dsads.layout import NUM_ACTIVITIES
from har_core.evaluation.records import FoldRecord, SeedRecord, write_record
from har_core.inference.predictions import tabulate_predictions, write_predictions
from har_core.settings.report import EvaluationSettings
from har_core.windows.tensors import WindowTensors

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
OPTIONS: dict[str, dict[str, Any]] = {
    "compact": {"width": 4, "depth": 3, "kernel_size": 5, "dropout": 0.2},
    "cnn": {"base_width": 64},
}


@pytest.fixture
def zoo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bench as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import zoo  # noqa: PLC0415 - found only now

    return zoo


def add_fold(home: Home, architecture: str, subject: int, num_wrong: int) -> None:
    """A fold with one window of each activity, the first ``num_wrong`` of which are taken for the last activity."""
    fold, labels = f"loso-p{subject}", np.arange(NUM_ACTIVITIES)
    keys = np.full(NUM_ACTIVITIES, subject, dtype=np.int16)
    windows = WindowTensors(
        keys=pa.table({"subject": keys, **dict.fromkeys(("activity", "segment", "start"), np.ones_like(keys))}),
        windows=torch.zeros(NUM_ACTIVITIES, 1, 45),
        labels=torch.from_numpy(labels),
        damaged=torch.zeros(NUM_ACTIVITIES, dtype=torch.bool),
        duplicate_groups=torch.full((NUM_ACTIVITIES,), -1, dtype=torch.int32),
    )
    answers = np.where(labels < num_wrong, NUM_ACTIVITIES - 1, labels)
    record = FoldRecord(
        architecture=architecture,
        origin="real",
        fold=fold,
        protocol="loso",
        subjects={"training": (9,), "validation": (), "test": (subject,)},
        seeds=(SeedRecord(seed=0, best_epoch=3, training_seconds=30.0),),
        num_windows={"training": 100, "validation": 0, "test": NUM_ACTIVITIES},
        num_dropped={},
        num_parameters=1234,
        training_settings=OPTIONS.get(architecture, {}),
        device="cpu",
        precision="fp32",
    )
    path = home.predictions(f"folds/{architecture}", fold)
    for file in (home.fold_record(architecture, fold), path):
        file.parent.mkdir(parents=True, exist_ok=True)
    write_record(home.fold_record(architecture, fold), record)
    write_predictions(path, tabulate_predictions(windows, np.eye(NUM_ACTIVITIES)[answers], role="test", seed=0))


def test_whole_architectures_are_ranked_with_what_they_cost(
    zoo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    monkeypatch.setattr(
        zoo, "EvaluationSettings", lambda **kept: EvaluationSettings(latency_repeats=3, latency_warmup=1, **kept)
    )
    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    for subject in range(1, 9):
        add_fold(first, "my_vote", subject, num_wrong=2)
        add_fold(second, "compact", subject, num_wrong=1 if subject < 8 else 0)
        if subject < 8:
            add_fold(second, "cnn", subject, num_wrong=0)
    monkeypatch.setattr(sys, "argv", ["zoo.py", str(first.root), str(second.root), "--csv", str(tmp_path / "z.csv")])
    zoo.main()
    head, _, compact, vote = capsys.readouterr().out.splitlines()
    assert head.startswith("| architecture | mean | worst | 1 |")
    assert compact.startswith("| compact width=4 | 0.9")
    assert compact.endswith("| 4.0 |")  # eight times half a minute
    assert " | 1.000 | 0.954 | 1,234 | " in compact
    assert vote.startswith("| my_vote | 0.")
    assert " | 1,234 | – | – | " in vote
    rows = list(csv.DictReader((tmp_path / "z.csv").read_text().splitlines()))
    assert len(rows) == 16
    assert {row["fold"] for row in rows if row["architecture"] == "compact width=4"} == {
        f"loso-p{n}" for n in range(1, 9)
    }
