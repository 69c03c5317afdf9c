"""Reads ``[compressed]`` and ``[recipes]``: which models are made from others, and how."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from har_core.base.document import Document
from har_core.base.errors import Problem
from har_core.base.names import hint
from har_core.base.positions import Key
from har_core.experiment.options import type_problems
from har_core.models.catalogue import describe, is_network, list_models
from har_core.settings.explanation import explain
from har_core.settings.recipes import KINDS, RECIPE_NAME, DistilledSettings, RecipeSettings, compressed_name

NOT_TAUGHT = ("capsnet",)
"""Networks whose own loss leaves no room for the answers of another model."""


def read_recipes(
    document: Document, models: Collection[str]
) -> tuple[dict[str, tuple[str, ...]], dict[str, RecipeSettings], list[Problem]]:
    """``[compressed]``, the recipes that it names, and all problems of both sections.

    Args:
        document: the experiment file.
        models: architectures and ensembles that there are, which may be parents; so may models made from them.
    """
    problems: list[Problem] = []
    recipes = dict(_recipes(document, problems))
    table = document.get(("compressed",))[1] or {}
    if not isinstance(table, dict):
        return {}, {}, [*problems, document.problem(("compressed",), "a section, [compressed]")]
    parents = {*models, *(compressed_name(parent, name) for parent, own in table.items() for name in _names(own))}
    compressed = {}
    for parent, own in table.items():
        key = ("compressed", parent)
        if parent not in parents:
            problems.append(document.problem(key, f"a model of this file{hint(parent, sorted(parents))}", value=parent))
        elif not isinstance(own, list) or not own:
            problems.append(document.problem(key, "a list of recipes", value=own))
        else:
            problems += _problems(document, parent, own, recipes)
            compressed[parent] = tuple(_names(own))
    used = {name for own in compressed.values() for name in own}
    kept = {name: recipes.get(name) or KINDS[name]() for name in used if name in recipes or name in KINDS}
    return compressed, dict(sorted(kept.items())), problems


def _problems(
    document: Document, parent: str, own: list[Any], recipes: Mapping[str, RecipeSettings]
) -> Iterable[Problem]:
    """What is wrong with the recipes of one parent."""
    written = document.get(("recipes",))[1]
    wrong = dict.fromkeys(written, RecipeSettings) if isinstance(written, dict) else {}  # has problems of its own
    known: dict[str, type[RecipeSettings] | RecipeSettings] = {**wrong, **KINDS, **recipes}
    seen = set[object]()
    for index, name in enumerate(own):
        key = ("compressed", parent, index)
        if not isinstance(name, str) or name not in known:
            yield document.problem(key, f"a recipe{hint(str(name), sorted(known))}")
        elif name in seen:
            yield document.problem(key, "each recipe once")
        elif known[name].needs_network and not (parent in list_models() and is_network(parent)):
            yield document.problem(key, f"a recipe that can be applied to {parent}: {name} changes a network itself")
        seen.add(name)


def _recipes(document: Document, problems: list[Problem]) -> Iterable[tuple[str, RecipeSettings]]:
    """Every section of ``[recipes]`` that is right."""
    table = document.get(("recipes",))[1] or {}
    for name, values in table.items() if isinstance(table, dict) else ():
        key = ("recipes", name)
        if not isinstance(values, dict):
            problems.append(document.problem(key, f"a section, [recipes.{name}]"))
            continue
        if not RECIPE_NAME.match(name):
            problems.append(document.problem(key, "a name of small letters, digits and _", value=name))
        own = dict(values)
        kind = own.pop("kind", name)
        if kind not in KINDS:
            what = "kind" if "kind" in values else None
            expected = f"kind = one of {', '.join(KINDS)}{hint(str(kind), KINDS)}"
            problems.append(document.problem((*key, what) if what else key, expected, value=kind))
            continue
        try:
            settings = KINDS[kind].model_validate(own)
        except ValidationError as error:
            problems += explain(error, KINDS[kind], document, key)
            continue
        if isinstance(settings, DistilledSettings):
            found = list(_student_problems(document, key, settings))
            problems += found
            if found:
                continue
        yield name, settings


def _student_problems(document: Document, key: Key, settings: DistilledSettings) -> Iterable[Problem]:
    """What is wrong with the student of the recipe at ``key``, or with its options."""
    known = [name for name in list_models() if is_network(name) and name not in NOT_TAUGHT]
    if settings.student not in known:
        expected = f"a network that another model can teach{hint(settings.student, known)}"
        yield document.problem((*key, "student"), expected, value=settings.student)
        return
    defaults = describe(settings.student).options
    for name in settings.options:
        if name not in defaults:
            expected = f"an option of {settings.student}{hint(name, defaults)}"
            yield document.problem((*key, "options", name), expected, value=name)
    own = {name: value for name, value in settings.options.items() if name in defaults}
    yield from type_problems(document, (*key, "options"), defaults, own)


def _names(own: object) -> list[str]:
    return [name for name in own if isinstance(name, str)] if isinstance(own, list) else []
