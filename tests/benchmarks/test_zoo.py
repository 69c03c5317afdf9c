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
from records import model_record

from assets.resources.home import Home
from har_core.datasets.dsads.layout import NUM_ACTIVITIES
from har_core.evaluation.records import FoldRecord, ModelRecord, SeedRecord, write_record
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


def add_fold(home: Home, architecture: str, subject: int, num_wrong: int, seed: int = 0) -> None:
    """A fold with one window of each activity, the first ``num_wrong`` of which are taken for the last activity."""
    fold = f"loso-p{subject}"
    record = FoldRecord(
        architecture=architecture,
        origin="real",
        fold=fold,
        protocol="loso",
        subjects={"training": (9,), "validation": (), "test": (subject,)},
        seeds=(SeedRecord(seed=seed, best_epoch=3, training_seconds=30.0),),
        num_windows={"training": 100, "validation": 0, "test": NUM_ACTIVITIES},
        num_dropped={},
        num_parameters=1234,
        training_settings=OPTIONS.get(architecture, {}),
        device="cpu",
        precision="fp32",
    )
    path = home.predictions(f"folds/{architecture}", fold)
    write(home.fold_record(architecture, fold), record, path, [subject], num_wrong, seed=seed)


def add_model(home: Home, architecture: str, num_wrong: int) -> None:
    """A model that two subjects test with one window of each activity."""
    record = model_record(architecture=architecture, training_settings=OPTIONS[architecture], training_seconds=90.0)
    path = home.predictions(f"models/{architecture}", "holdout")
    write(home.record(architecture), record, path, [7, 8], num_wrong)


def write(
    file: Path, record: FoldRecord | ModelRecord, path: Path, subjects: list[int], num_wrong: int, *, seed: int = 0
) -> None:
    """A record and predictions of the first subject's windows with ``num_wrong`` errors, and none of the others'."""
    keys = np.repeat(np.array(subjects, dtype=np.int16), NUM_ACTIVITIES)
    labels = np.tile(np.arange(NUM_ACTIVITIES), len(subjects))
    windows = WindowTensors(
        keys=pa.table({"subject": keys, **dict.fromkeys(("activity", "segment", "start"), np.ones_like(keys))}),
        windows=torch.zeros(len(labels), 1, 45),
        labels=torch.from_numpy(labels),
        damaged=torch.zeros(len(labels), dtype=torch.bool),
        duplicate_groups=torch.full((len(labels),), -1, dtype=torch.int32),
    )
    answers = np.where(np.arange(len(labels)) < num_wrong, NUM_ACTIVITIES - 1, labels)
    for each in (file, path):
        each.parent.mkdir(parents=True, exist_ok=True)
    write_record(file, record)
    table = tabulate_predictions(windows, np.eye(NUM_ACTIVITIES)[answers], role="test", seed=seed)
    write_predictions(path, table)


@pytest.fixture
def quickly(zoo: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Latency after a few calls, and threads as they were."""
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    monkeypatch.setattr(
        zoo, "EvaluationSettings", lambda **kept: EvaluationSettings(latency_repeats=3, latency_warmup=1, **kept)
    )


@pytest.mark.usefixtures("quickly")
def test_whole_architectures_are_ranked_with_what_they_cost(
    zoo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
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
    assert " | 1.000 | – | 0.954 | 1,234 | " in compact
    assert vote.startswith("| my_vote | 0.")
    assert " | 1,234 | – | – | " in vote
    rows = list(csv.DictReader((tmp_path / "z.csv").read_text().splitlines()))
    assert len(rows) == 16
    assert {row["fold"] for row in rows if row["architecture"] == "compact width=4"} == {
        f"loso-p{n}" for n in range(1, 9)
    }
    rows_of = "model,fold,macro_f1\ncompact width=4,a,0.5\ncompact width=4,b,0.7\nmy_vote,a,0.9\n"
    (tmp_path / "v.csv").write_text(rows_of)
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--validation", str(tmp_path / "v.csv")])
    zoo.main()
    head, rule, compact, vote = capsys.readouterr().out.splitlines()
    assert head.startswith("| architecture | validation | mean |")
    assert rule.count("|") == head.count("|")
    assert compact.startswith("| compact width=4 | 0.600 | 0.9")
    assert vote.startswith("| my_vote | – | 0.")  # a fold is missing
    (tmp_path / "v.csv").write_text(rows_of + "compact width=4,b,0.8\n")
    with pytest.raises(SystemExit, match="more than one score in b"):
        zoo.main()


@pytest.mark.usefixtures("quickly")
def test_seeds_of_several_homes_are_joined(
    zoo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = [Home(tmp_path / "first"), Home(tmp_path / "second")]
    for seed, home in enumerate(homes):
        for subject in range(1, 9):
            add_fold(home, "compact", subject, num_wrong=2 * seed, seed=seed)
    monkeypatch.setattr(sys, "argv", ["zoo.py", *(str(home.root) for home in homes), "--csv", str(tmp_path / "z.csv")])
    zoo.main()
    head, _, compact = capsys.readouterr().out.splitlines()
    cells = dict(zip(head.split(" | "), compact.split(" | "), strict=True))
    first, second = cells["each seed"].split()
    assert first == "1.000"
    assert 0.8 < float(second) < 0.95
    assert float(cells["mean"].partition(" ")[0]) == pytest.approx((1 + float(second)) / 2, abs=6e-4)
    rows = list(csv.DictReader((tmp_path / "z.csv").read_text().splitlines()))
    assert [row["seed"] for row in rows] == ["0", "1"] * 8


@pytest.mark.usefixtures("quickly")
def test_models_are_ranked_by_their_one_split(
    zoo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    add_model(first, "compact", num_wrong=3)
    add_model(second, "cnn", num_wrong=1)
    monkeypatch.setattr(sys, "argv", ["zoo.py", str(first.root), str(second.root), "--holdout"])
    zoo.main()
    head, rule, cnn, compact = capsys.readouterr().out.splitlines()
    assert head.startswith("| architecture | macro-F1 | 7 | 8 | accuracy |")
    assert rule.count("|") == head.count("|")
    assert cnn.startswith("| cnn | 0.9")
    assert " | 1.000 | 0.974 | 956,947 | 248," in cnn
    assert compact.startswith("| compact width=4 | 0.9")
    assert compact.endswith("| 1.5 |")
