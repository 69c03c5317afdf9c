"""The table of folds: which architectures it has, in which order, with what figures."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from records import model_record
from window_examples import named_windows

from assets.resources.home import Home
from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.records import FoldRecord, ModelRecord, SeedRecord, write_record
from har_core.inference.predictions import tabulate_predictions, write_predictions
from har_core.settings.report import EvaluationSettings

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
        num_windows={"training": 100, "validation": 0, "test": DSADS.num_activities},
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
    labels = np.tile(np.arange(DSADS.num_activities), len(subjects))
    windows = named_windows(labels, np.repeat(subjects, DSADS.num_activities))
    answers = np.where(np.arange(len(labels)) < num_wrong, DSADS.num_activities - 1, labels)
    for each in (file, path):
        each.parent.mkdir(parents=True, exist_ok=True)
    write_record(file, record)
    table = tabulate_predictions(windows, np.eye(DSADS.num_activities)[answers], role="test", seed=seed)
    write_predictions(path, table)


@pytest.fixture
def quickly(zoo: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Latency after a few calls, and threads as they were."""
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    monkeypatch.setattr(
        zoo, "EvaluationSettings", lambda **kept: EvaluationSettings(latency_repeats=3, latency_warmup=1, **kept)
    )


@pytest.fixture
def printed(
    zoo: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    quickly: None,
) -> Callable[..., list[dict[str, str]]]:
    """The table that a command prints, a dictionary for each architecture."""

    def run(*arguments: str | Path) -> list[dict[str, str]]:
        monkeypatch.setattr(sys, "argv", ["zoo.py", str(tmp_path / "z.csv"), *map(str, arguments)])
        zoo.main()
        head, rule, *lines = (line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines())
        assert rule[0].count("-:") == len(head) - 1
        return [dict(zip(head, line, strict=True)) for line in lines]

    return run


def test_whole_architectures_are_ranked_with_what_they_cost(
    printed: Callable[..., list[dict[str, str]]], tmp_path: Path
) -> None:
    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    for subject in range(1, 9):
        add_fold(first, "my_vote", subject, num_wrong=2)
        add_fold(second, "compact", subject, num_wrong=1 if subject < 8 else 0)
        if subject < 8:
            add_fold(second, "cnn", subject, num_wrong=0)
    compact, vote = printed(first.root, second.root)
    assert list(compact)[:4] == ["architecture", "mean", "worst", "1"]
    assert "each seed" not in compact
    assert compact["architecture"] == "compact width=4"
    assert compact["mean"].startswith("0.9")
    assert compact["training, min"] == "4.0"  # eight times half a minute
    assert (compact["8"], compact["accuracy"], compact["parameters"]) == ("1.000", "0.954", "1,234")
    assert int(compact["MACs"].replace(",", "")) > 1000
    assert vote["architecture"] == "my_vote"
    assert (vote["MACs"], vote["window, ms"]) == ("–", "–")
    rows = list(csv.DictReader((tmp_path / "z.csv").read_text().splitlines()))
    assert [row["fold"] for row in rows if row["architecture"] == "compact width=4"] == [
        f"loso-p{n}" for n in range(1, 9)
    ]
    add_fold(second, "cnn", 8, num_wrong=0)
    assert [entry["architecture"] for entry in printed(second.root)] == ["cnn", "compact width=4", "my_vote"]


def test_what_the_file_has_outlives_the_homes(printed: Callable[..., list[dict[str, str]]], tmp_path: Path) -> None:
    home, again = Home(tmp_path / "home"), Home(tmp_path / "again")
    for subject in range(1, 9):
        add_fold(home, "compact", subject, num_wrong=1)
    (before,) = printed(home.root)
    kept = (tmp_path / "z.csv").read_text()
    (after,) = printed()
    assert (tmp_path / "z.csv").read_text() == kept
    del before["window, ms"], after["window, ms"]  # measured anew
    assert after == before
    add_fold(again, "compact", 3, num_wrong=0)  # replaces the score of subject 3
    (replaced,) = printed(again.root)
    assert after["3"] != "1.000"
    assert replaced["3"] == "1.000"
    assert replaced["4"] == after["4"]


def test_an_option_younger_than_the_record_was_as_its_default_is(zoo: ModuleType) -> None:
    assert zoo.label(model_record(architecture="compact", training_settings={"width": 4})) == "compact width=4"


def test_validation_scores_stand_beside(printed: Callable[..., list[dict[str, str]]], tmp_path: Path) -> None:
    home, file = Home(tmp_path / "home"), tmp_path / "v.csv"
    for subject in range(1, 9):
        add_fold(home, "compact", subject, num_wrong=0)
        add_fold(home, "my_vote", subject, num_wrong=1)
    rows = "model,fold,macro_f1\ncompact width=4,a,0.5\ncompact width=4,b,0.7\nmy_vote,a,0.9\n"
    file.write_text(rows)
    compact, vote = printed(home.root, "--validation", file)
    assert compact["validation"] == "0.600"
    assert vote["validation"] == "–"  # a fold is missing
    file.write_text(rows + "compact width=4,b,0.8\n")
    with pytest.raises(SystemExit, match="more than one score in b"):
        printed("--validation", file)


def test_seeds_of_several_homes_are_joined(printed: Callable[..., list[dict[str, str]]], tmp_path: Path) -> None:
    homes = [Home(tmp_path / "first"), Home(tmp_path / "second"), Home(tmp_path / "third")]
    for seed, home in enumerate(homes):
        for subject in range(1, 9 if seed < 2 else 8):
            add_fold(home, "compact", subject, num_wrong=2 * seed, seed=seed)
    (compact,) = printed(*(home.root for home in homes))
    first, second = compact["each seed"].split()  # the third lacks a subject
    assert first == "1.000"
    assert 0.8 < float(second) < 0.95
    assert float(compact["mean"].partition(" ")[0]) == pytest.approx((1 + float(second)) / 2, abs=6e-4)
    assert compact["training, min"] == "4.0"  # of one seed
    rows = list(csv.DictReader((tmp_path / "z.csv").read_text().splitlines()))
    assert [row["seed"] for row in rows] == ["0", "1", "2"] * 7 + ["0", "1"]


def test_models_are_ranked_by_their_one_split(printed: Callable[..., list[dict[str, str]]], tmp_path: Path) -> None:
    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    add_model(first, "compact", num_wrong=3)
    add_model(second, "cnn", num_wrong=1)
    cnn, compact = printed(first.root, second.root, "--holdout")
    assert [name for name in cnn if name.isdigit()] == ["7", "8"]
    assert cnn["architecture"] == "cnn"
    assert (cnn["7"][:3], cnn["8"], cnn["accuracy"], cnn["parameters"]) == ("0.9", "1.000", "0.974", "956,947")
    assert compact["architecture"] == "compact width=4"
    assert compact["training, min"] == "1.5"  # one training, though two subjects test


def test_folds_and_models_do_not_go_into_one_file(
    printed: Callable[..., list[dict[str, str]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path / "home")
    add_fold(home, "compact", 1, num_wrong=0)
    add_model(home, "cnn", num_wrong=1)
    printed(home.root)
    before = (tmp_path / "z.csv").read_text()
    with pytest.raises(SystemExit):
        printed(home.root, "--holdout")
    assert "folds and models do not go into one file" in capsys.readouterr().err
    assert (tmp_path / "z.csv").read_text() == before
