"""Values as the types that a test takes them for: where one is something else, the test fails there."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def present(value: T | None) -> T:
    """``value``, which is there."""
    assert value is not None
    return value


def as_type(kind: type[T], value: object) -> T:
    """``value``, which is a ``kind``."""
    assert isinstance(value, kind), f"{value!r} is no {kind.__name__}"
    return value
