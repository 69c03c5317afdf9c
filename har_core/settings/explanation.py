"""Turns pydantic's validation errors into problems of the TOML file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from har_core.base.document import TYPE_NAMES, Document, as_toml
from har_core.base.errors import Problem
from har_core.base.names import hint, nearest
from har_core.base.positions import Key
from har_core.settings.base import Settings

_EXPECTED = {
    "int_type": TYPE_NAMES[int],
    "float_type": TYPE_NAMES[float],
    "string_type": TYPE_NAMES[str],
    "bool_type": TYPE_NAMES[bool],
    "tuple_type": "a list, [...]",
    "dict_type": "a table",
    "model_type": "a section",
    "finite_number": "a finite number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length} in the list",
    "string_pattern_mismatch": "text that matches {pattern}",
}
_OTHER_KIND = {"tuple_type", "dict_type"}
"""What is said of a value that is not of a kind at all."""


def explain(error: ValidationError, model: type[Settings], document: Document, section: Key) -> Iterator[Problem]:
    """A problem for each error that ``model`` found in ``section`` of ``document``."""
    for details in _of_one_kind(error.errors(include_url=False)):
        if details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]:
            continue  # pydantic counts valid entries only; the invalid ones have problems of their own
        key = (*section, *details["loc"])
        value = None if details["type"] == "missing" else details["input"]
        yield document.problem(key, _expectation(details, model, section), value=value)


def _of_one_kind(errors: Sequence[ErrorDetails]) -> Iterator[ErrorDetails]:
    """The errors without those of the kinds that a value is not of, where it may be of several.

    Pydantic tries each kind, names it in the place of the error, and tells what is wrong with all of them.
    """
    tried: defaultdict[tuple[str | int, ...], list[ErrorDetails]] = defaultdict(list)
    for details in errors:
        kind = next((index for index, part in enumerate(details["loc"]) if "[" in str(part)), None)
        if kind is None:
            yield details
            continue
        place = details["loc"][:kind]
        shortened: ErrorDetails = {**details, "loc": (*place, *details["loc"][kind + 1 :])}
        tried[place].append(shortened)
    for place, found in tried.items():
        exact = [details for details in found if details["loc"] != place or details["type"] not in _OTHER_KIND]
        yield from exact or [{**found[0], "type": "kind_type", "msg": " or ".join(map(_kind, found))}]


def _kind(details: ErrorDetails) -> str:
    return _EXPECTED[details["type"]]


def unknown_key(name: str, fields: Iterable[str], model: type[Settings], section: Key, *, what: str) -> str:
    """What was expected in place of the key ``name``: one of ``fields``, or the same key in a section within."""
    for inner, kind in model.sections().items():
        if name in kind.model_fields:
            return f"the key {name!r} in {_header((*section, inner))}"
    return f"{what}{hint(name, fields)}"


def _header(section: Key) -> str:
    return f"[{'.'.join(map(str, section))}]"


def _expectation(details: ErrorDetails, model: type[Settings], section: Key) -> str:
    kind, context, place = details["type"], details.get("ctx", {}), details["loc"]
    while len(place) > 1 and place[0] in (inner := model.sections()):
        model, section, place = inner[str(place[0])], (*section, place[0]), place[1:]
    where = _header(section)
    if kind == "extra_forbidden":
        return unknown_key(str(place[-1]), model.model_fields, model, section, what=f"a key of {where}")
    if kind == "missing":
        return f"the key {place[-1]!r} in {where}"
    if kind == "literal_error":
        # pydantic gives the choices as "'adamw' or 'sgd'"
        choices = [choice.strip("' ") for choice in context["expected"].replace(" or ", ", ").split(",")]
        meant = nearest(details["input"], choices) if isinstance(details["input"], str) else None
        return f"one of {', '.join(map(as_toml, choices))}" + (f"; did you mean {meant!r}?" if meant else "")
    if kind == "value_error":
        return str(context["error"])
    expected = _EXPECTED[kind].format(**context) if kind in _EXPECTED else details["msg"]
    field = model.model_fields.get(str(place[0])) if place else None
    if field is None or field.description is None:
        return expected
    return f"{expected} ({' '.join(field.description.split()).replace('``', '`')})"
