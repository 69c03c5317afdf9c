"""docs/experiment_file.md names every setting, with the type, limits, default and words of `har_core.settings`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from har_core.experiment.loader import load_experiment
from har_core.settings.audit import AuditSettings
from har_core.settings.augmentation import AugmentationSettings
from har_core.settings.automation import AutomationSettings
from har_core.settings.base import Settings
from har_core.settings.champion import ChampionSettings
from har_core.settings.ensembles import EnsembleSettings
from har_core.settings.report import EvaluationSettings, ReportSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.search import SearchSettings
from har_core.settings.source import SourceSettings
from har_core.settings.splits import SplitSettings
from har_core.settings.training import TrainingSettings
from har_core.settings.windows import WindowSettings

PAGE = Path(__file__).parents[1] / "docs" / "experiment_file.md"
SECTIONS: dict[str, type[Settings]] = {
    "source": SourceSettings,
    "audit": AuditSettings,
    "windows": WindowSettings,
    "splits": SplitSettings,
    "training": TrainingSettings,
    "training.augmentation": AugmentationSettings,
    "ensembles.<name>": EnsembleSettings,
    "evaluation": EvaluationSettings,
    "search.<architecture>": SearchSettings,
    "champion": ChampionSettings,
    "report": ReportSettings,
    "runtime": RuntimeSettings,
    "automation": AutomationSettings,
}
WORDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def part_of_page(section: str) -> str:
    """What the page says below the heading of a section."""
    _, found, rest = PAGE.read_text(encoding="utf-8").partition(f"\n## `[{section}]`")
    assert found, f"{PAGE.name} has no section [{section}]"
    return rest.partition("\n## ")[0]


def kind_of(schema: dict[str, Any]) -> str:
    """A setting's type and limits in words, from its JSON schema."""
    if "anyOf" in schema:
        return " or ".join(kind_of(choice) for choice in schema["anyOf"] if choice.get("type") != "null")
    choices = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if choices:
        return ", ".join(f"`{json.dumps(choice)}`" for choice in choices)
    if schema["type"] == "array":
        return f"list, each a {kind_of(schema['items'])}"
    if schema["type"] == "object":
        return "table"
    limits = " and ".join(f"{sign} {schema[key]:,}" for key, sign in LIMITS.items() if key in schema)
    return f"{WORDS[schema['type']]} {limits}".strip()


def rows_of(model: type[Settings]) -> list[str]:
    """The table that the page must hold for a section, a row for each setting; sections within have their own."""
    schemas = model.model_json_schema()
    rows = []
    for name, schema in schemas["properties"].items():
        if name in model.sections():
            continue
        default = json.dumps(schema.get("default"), ensure_ascii=False)
        absent = "required" if name in schemas.get("required", ()) else "(absent)"
        shown = absent if default == "null" else f"`{default}`"
        meaning = " ".join(schema["description"].split()).replace("``", "`")
        rows.append(f"| `{name}` | {kind_of(schema)} | {shown} | {meaning} |")
    return rows


@pytest.mark.parametrize("section", SECTIONS)
def test_page_has_every_setting(section: str) -> None:
    rows = rows_of(SECTIONS[section])
    written = [line for line in part_of_page(section).splitlines() if line.startswith("| `")]
    assert written[: len(rows)] == rows
    assert all(len(line.split(" | ")) == 2 for line in written[len(rows) :]), "a table of another kind"


def test_example_of_the_page_is_valid(tmp_path: Path) -> None:
    example = PAGE.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    sections = {"models", *(name.partition(".")[0] for name in SECTIONS)}
    assert set(tomllib.loads(example)) == sections, "the example shows every section"
    path = tmp_path / "mine.toml"
    path.write_text(example, encoding="utf-8")
    assert load_experiment(path).name == "mine"
