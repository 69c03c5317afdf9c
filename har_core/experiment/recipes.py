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
from har_core.models.catalogue import WITHOUT_LAST_LAYER, describe, is_network, list_models
from har_core.settings.explanation import explain
from har_core.settings.recipes import KINDS, RECIPE_NAME, DistilledSettings, RecipeSettings, compressed_name

NOT_TAUGHT = ("capsnet",)
"""Networks whose own loss leaves no room for the answers of another model."""
NOT_CUT = (
    *("adaptive", "attend_discriminate", "capsnet", "conv_transformer", "deepconvlstm", "deformable", "dynamic_graph"),
    *("inception_time", "late_fusion", "lite_time", "mlp_mixer", "resnest", "resnext", "shufflenet", "sknet"),
    *("spatial_attention", "swin", "tinierhar", "tinyhar", "transformer", "vit"),
)
"""Networks of which no whole filter or unit can be removed."""


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


def why_not(kind: str, architecture: str) -> str | None:
    """Why a recipe of ``kind`` cannot be applied to an architecture with its usual options; None where it can be.

    It is known before anything is trained, and held by a test that applies every recipe to every architecture. One that
    is younger than these lists is refused when the recipe runs.
    """
    if kind == "int8" and not is_network(architecture):
        return f"{architecture} has no products with weights of its own"
    if kind == "dynamic" and not describe(architecture).is_recurrent:
        recurrent = (name for name in list_models() if describe(name).is_recurrent)
        return f"{architecture} has no recurrent layers; these have: {', '.join(recurrent)}"
    if kind == "binary" and architecture == "capsnet":
        return f"{architecture} has no layer between its first and its last"
    if kind == "filters" and architecture in NOT_CUT:
        return f"{architecture} has no filters or units that can be removed whole"
    return None


def _problems(
    document: Document, parent: str, own: list[Any], recipes: Mapping[str, RecipeSettings]
) -> Iterable[Problem]:
    """What is wrong with the recipes of one parent."""
    written = document.get(("recipes",))[1]
    wrong = dict.fromkeys(written) if isinstance(written, dict) else {}  # has problems of its own
    known: dict[str, RecipeSettings | None] = {**{kind: made() for kind, made in KINDS.items()}, **wrong, **recipes}
    seen = set[object]()
    for index, name in enumerate(own):
        key = ("compressed", parent, index)
        if not isinstance(name, str) or name not in known:
            yield document.problem(key, f"a recipe{hint(str(name), sorted(known))}")
        elif name in seen:
            yield document.problem(key, "each recipe once")
        elif why := _why_not(name, parent, known):
            yield document.problem(key, f"a recipe that can be applied to {parent}: {why}")
        seen.add(name)


def _why_not(name: str, parent: str, known: Mapping[str, RecipeSettings | None]) -> str | None:
    """Why the recipe ``name`` cannot be applied to ``parent``, which may be an ensemble or a compressed model."""
    recipe, architecture = known[name], _architecture(parent, known)
    if recipe is None:
        return None
    if isinstance(recipe, DistilledSettings) and recipe.feature_weight:
        has_features = architecture is not None and architecture not in WITHOUT_LAST_LAYER
        return None if has_features else "feature_weight needs a model with one linear layer at its end"
    if recipe.needs_network and not (parent == architecture and is_network(parent)):
        return f"{name} changes a network itself"
    return None if architecture is None else why_not(recipe.kind, architecture)


def _architecture(model: str, known: Mapping[str, RecipeSettings | None]) -> str | None:
    """What the layers of ``model`` are those of; None of an ensemble, or where nobody knows."""
    parent, _, name = model.rpartition("-")
    if not parent:
        return model if model in list_models() else None
    recipe = known.get(name)
    if isinstance(recipe, DistilledSettings):
        return recipe.student
    return None if recipe is None else _architecture(parent, known)


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
    if settings.feature_weight and settings.student in WITHOUT_LAST_LAYER:
        expected = "a network with one linear layer at its end, because of feature_weight"
        yield document.problem((*key, "student"), expected, value=settings.student)
    defaults = describe(settings.student).options
    for name in settings.options:
        if name not in defaults:
            expected = f"an option of {settings.student}{hint(name, defaults)}"
            yield document.problem((*key, "options", name), expected, value=name)
    own = {name: value for name, value in settings.options.items() if name in defaults}
    yield from type_problems(document, (*key, "options"), defaults, own)


def _names(own: object) -> list[str]:
    return [name for name in own if isinstance(name, str)] if isinstance(own, list) else []
