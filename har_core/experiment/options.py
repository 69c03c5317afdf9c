"""Values of an architecture's options in an experiment file: each has the type of its default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from har_core.base.document import TYPE_NAMES, Document
from har_core.base.errors import Problem
from har_core.base.positions import Key
from har_core.settings.experiment import Option


def type_problems(
    document: Document, section: Key, defaults: Mapping[str, Option], values: Mapping[str, Any]
) -> Iterator[Problem]:
    """A problem for each of ``values``, all of them options with ``defaults``, that has another type."""
    for name, value in values.items():
        kind = type(defaults[name])
        accepted = (int, float) if kind is float else (kind,)
        if type(value) not in accepted:  # not isinstance: a bool is an int too
            yield document.problem((*section, name), TYPE_NAMES[kind])
