"""report.json is what its schema says, and docs/report.md and docs/report.schema.json say the same."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from jsonschema import Draft202012Validator
from made_reports import made
from measured_sensors import sensor_entry
from setting_tables import part_of_page
from transferred_models import transfer_entry

from har_core.report.build import build_report
from har_core.report.inputs import Champion, DataRun, ReportInputs
from har_core.report.schema import report_schema
from har_core.report.score_tables import ACTIVITIES_SCHEMA, SUBJECTS_SCHEMA

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def strict() -> Draft202012Validator:
    """Takes nothing that the schema does not name, and misses what it names."""
    schema = report_schema()
    for part in (schema, *schema["$defs"].values()):
        if "properties" in part:
            part |= {"additionalProperties": False, "required": [*part["properties"]]}
    return Draft202012Validator(schema)


def problems(validator: Draft202012Validator, inputs: ReportInputs) -> list[str]:
    content = json.loads(build_report(inputs).json)
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(content)]


@pytest.fixture(scope="module")
def full(
    inputs: Callable[..., ReportInputs],
    with_folds: Callable[..., dict[str, Any]],
    audited: Callable[[], dict[str, Any]],
) -> ReportInputs:
    """With every part that there is."""
    run = DataRun(mlflow_run_id="1", mlflow_run_url="http://127.0.0.1/", data_version="2")
    champion = Champion(architecture="cnn", version="7", copied_from="har-cnn version 3", reason="first")
    changes = with_folds("random_forest", "cnn", "lstm") | audited()
    changes |= {"transferred": (transfer_entry("cnn"),), "champion": champion, "data_runs": {"windows": run}}
    changes["sensors"] = tuple(sensor_entry("cnn", subject) for subject in range(1, 5))
    changes["planned_sensors"] = {"cnn": tuple(entry.fold for entry in changes["sensors"])}
    return inputs("cnn", "lstm", "random_forest", command="har run", **changes)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(report_schema())


def test_a_report_with_everything_is_as_the_schema_says(strict: Draft202012Validator, full: ReportInputs) -> None:
    assert problems(strict, full) == []
    content = json.loads(build_report(full).json)
    empty = [name for name, part in content.items() if part in (None, [], {}) and name not in ("note", "missing")]
    assert empty == [], "each part is checked"


def test_reports_with_less_are_too(strict: Draft202012Validator, inputs: Callable[..., ReportInputs]) -> None:
    assert problems(strict, made().inputs) == []
    assert problems(strict, inputs("cnn")) == []
    assert problems(strict, inputs(missing=("models/cnn: not trained yet",))) == []


def test_a_score_that_is_no_number_is_null(strict: Draft202012Validator, inputs: Callable[..., ReportInputs]) -> None:
    given = inputs("cnn")
    [entry] = given.entries
    scores = {role: replace(own, macro_f1=math.nan) for role, own in entry.result.scores.items()}
    broken = replace(given, entries=(replace(entry, result=replace(entry.result, scores=scores)),))
    assert json.loads(build_report(broken).json)["entries"][0]["result"]["scores"]["test"]["macro_f1"] is None
    assert problems(strict, broken) == []


def test_what_the_schema_does_not_name_is_found(strict: Draft202012Validator, full: ReportInputs) -> None:
    content = json.loads(build_report(full).json)
    content["protocols"]["loso"]["ranking"][0]["new"] = 1
    content["folds"][0]["seeds"][0]["seed"] = "zero"
    del content["lead"]
    assert {error.json_path for error in strict.iter_errors(content)} == {
        "$",
        "$.protocols.loso.ranking[0]",
        "$.folds[0].seeds[0].seed",
    }


def test_the_file_in_docs_is_the_schema() -> None:
    told = json.loads((DOCS / "report.schema.json").read_text(encoding="utf-8"))
    assert told == report_schema(), "renew it: python -m har_core.report.schema > docs/report.schema.json"


def test_the_page_has_every_part() -> None:
    rows = [f"| `{name}` | {part['description']} |" for name, part in _described().items()]
    assert _rows("`report.json`") == [row.replace("``", "`") for row in rows]


@pytest.mark.parametrize(
    ("name", "schema"), [("scores.parquet", SUBJECTS_SCHEMA), ("scores_by_activity.parquet", ACTIVITIES_SCHEMA)]
)
def test_the_page_has_every_column(name: str, schema: pa.Schema) -> None:
    rows = [f"| `{field.name}` | {field.type} | {field.metadata[b'description'].decode()} |" for field in schema]
    assert _rows(f"`{name}`") == rows


def _described() -> dict[str, dict[str, str]]:
    parts: dict[str, dict[str, str]] = report_schema()["properties"]
    return {name: part for name, part in parts.items() if "description" in part}


def _rows(heading: str) -> list[str]:
    return [line for line in part_of_page(DOCS / "report.md", heading).splitlines() if line.startswith("| `")]
