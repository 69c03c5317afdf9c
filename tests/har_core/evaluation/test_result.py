from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from har_core.base.errors import InputError
from har_core.evaluation.result import ModelResult, dump_json


def test_a_result_survives_json(result):
    assert ModelResult.from_json(result.to_json()) == result


def test_a_result_survives_the_file(tmp_path, result):
    result.write(tmp_path / "models" / "cnn" / "result.json")
    assert ModelResult.read(tmp_path / "models" / "cnn" / "result.json") == result


def test_a_loss_that_is_no_number_becomes_null(result):
    diverged = replace(result, history=({"epoch": 1, "training_loss": math.nan, "validation_loss": math.inf},))
    text = diverged.to_json()
    assert "NaN" not in text
    assert "Infinity" not in text
    [record] = ModelResult.from_json(text).history
    assert record == {"epoch": 1, "training_loss": None, "validation_loss": None}


def test_dumped_json_keeps_order_and_letters():
    assert json.loads(dump_json({"b": (1, -math.inf), "a": "15°"})) == {"b": [1, None], "a": "15°"}
    assert dump_json({"b": 1, "a": "15°"}) == '{\n  "b": 1,\n  "a": "15°"\n}\n'


def test_every_problem_of_a_wrong_file_is_named(tmp_path, result):
    values = json.loads(result.to_json())
    values["best_epoch"] = "last"
    del values["complexity"]["macs"]
    path = tmp_path / "result.json"
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match="this is no result of a model") as caught:
        ModelResult.read(path)
    places = [problem.path for problem in caught.value.problems]
    assert places == [f"{path}.best_epoch", f"{path}.complexity.macs"]


def test_what_is_no_json_is_refused(tmp_path):
    with pytest.raises(InputError, match="no result of a model"):
        ModelResult.from_json("{")
    with pytest.raises(InputError, match=r"absent\.json: no result of a model to read"):
        ModelResult.read(tmp_path / "absent.json")


def test_a_result_without_epochs_and_with_clean_scores_survives_json(result, scores):
    classical = replace(result, history=(), best_epoch=0, scores_clean={"test": scores})
    assert ModelResult.from_json(classical.to_json()) == classical


def test_a_result_from_before_there_were_clean_scores_can_be_read(result):
    earlier = json.loads(result.to_json())
    del earlier["scores_clean"]
    assert ModelResult.from_json(json.dumps(earlier)) == result
