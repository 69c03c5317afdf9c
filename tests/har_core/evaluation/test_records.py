from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from har_core.base.errors import InputError
from har_core.evaluation.records import FoldRecord, ModelRecord, SeedRecord, dump_json, read_record, write_record

FOLD = FoldRecord(
    architecture="cnn",
    origin="synthetic",
    fold="loso-p1",
    protocol="loso",
    subjects={"training": (7, 8), "validation": (), "test": (1,)},
    seeds=(SeedRecord(seed=0, best_epoch=3, training_seconds=1.5),),
    num_windows={"training": 100, "validation": 0, "test": 76},
    num_dropped={"damaged_training": 2},
    num_parameters=17,
    training_settings={"epochs": 3, "clip_norm": None},
    device="cpu",
    precision="fp32",
)


def test_a_record_survives_the_file(tmp_path: Path, record: ModelRecord) -> None:
    for name, value in (("models/cnn/result.json", record), ("folds/cnn/loso-p1.json", FOLD)):
        write_record(tmp_path / name, value)
        assert read_record(tmp_path / name, type(value)) == value


def test_a_loss_that_is_no_number_becomes_null(tmp_path: Path, record: ModelRecord) -> None:
    diverged = replace(record, history=({"epoch": 1, "training_loss": math.nan, "validation_loss": math.inf},))
    write_record(tmp_path / "r.json", diverged)
    text = (tmp_path / "r.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    [epoch] = read_record(tmp_path / "r.json", ModelRecord).history
    assert epoch == {"epoch": 1, "training_loss": None, "validation_loss": None}


def test_dumped_json_keeps_order_and_letters() -> None:
    assert json.loads(dump_json({"b": (1, -math.inf), "a": "15°"})) == {"b": [1, None], "a": "15°"}
    assert dump_json({"b": 1, "a": "15°"}) == '{\n  "b": 1,\n  "a": "15°"\n}\n'


def test_every_problem_of_a_wrong_file_is_named(tmp_path: Path, record: ModelRecord) -> None:
    path = tmp_path / "result.json"
    write_record(path, record)
    values = json.loads(path.read_text())
    values["best_epoch"] = "last"
    del values["complexity"]["macs"]
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match="not the record of a training") as caught:
        read_record(path, ModelRecord)
    places = [problem.path for problem in caught.value.problems]
    assert places == [f"{path}.best_epoch", f"{path}.complexity.macs"]


def test_what_is_no_json_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("{")
    with pytest.raises(InputError, match="not the record of a training"):
        read_record(tmp_path / "r.json", FoldRecord)
    with pytest.raises(InputError, match=r"absent\.json: cannot be read"):
        read_record(tmp_path / "absent.json", FoldRecord)
