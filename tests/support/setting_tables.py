"""The tables of settings that pages hold, made from the settings themselves."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from har_core.settings.base import Settings

WORDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def part_of_page(page: Path, heading: str) -> str:
    """What a page says below a heading of the second level."""
    _, found, rest = page.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    assert found, f"{page.name} has no heading {heading}"
    return rest.partition("\n## ")[0]


def rows_in(text: str) -> list[str]:
    """The rows of the tables of settings in a text."""
    return [line for line in text.splitlines() if line.startswith("| `")]


def kind_of(schema: dict[str, Any]) -> str:
    """A setting's type and limits in words, from its JSON schema."""
    if "anyOf" in schema:
        return " or ".join(kind_of(choice) for choice in schema["anyOf"] if choice.get("type") != "null")
    choices = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if choices:
        return ", ".join(f"`{json.dumps(choice)}`" for choice in choices)
    if "type" not in schema:
        return "text or whole number"  # whatever a validator of its own lets pass
    if schema["type"] == "array":
        return f"list, each a {kind_of(schema['items'])}"
    if schema["type"] == "object":
        return "table"
    limits = " and ".join(f"{sign} {schema[key]:,}" for key, sign in LIMITS.items() if key in schema)
    return f"{WORDS[schema['type']]} {limits}".strip()


def rows_of(model: type[Settings], *, apart: Collection[str] = ()) -> list[str]:
    """The table that a page must hold for a section, a row for each setting.

    Sections within have their own, and so has what is told ``apart``.
    """
    schemas = model.model_json_schema()
    rows = []
    for name, schema in schemas["properties"].items():
        if name in model.sections() or name in apart:
            continue
        default = json.dumps(schema.get("default"), ensure_ascii=False)
        absent = "required" if name in schemas.get("required", ()) else "(absent)"
        shown = absent if default == "null" else f"`{default}`"
        meaning = " ".join(schema["description"].split()).replace("``", "`")
        rows.append(f"| `{name}` | {kind_of(schema)} | {shown} | {meaning} |")
    return rows
