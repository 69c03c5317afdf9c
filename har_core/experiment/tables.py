"""Tables of TOML as values of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """``own`` on top of ``base``, key by key, also within the sections that both have."""
    merged = {**base, **own}
    for name in base.keys() & own.keys():
        if isinstance(base[name], Mapping) and isinstance(own[name], Mapping):
            merged[name] = over(base[name], own[name])
    return merged


def lists_to_tuples(value: Any) -> Any:
    """TOML has lists, frozen settings have tuples; strict validation judges everything else."""
    if isinstance(value, Mapping):
        return {key: lists_to_tuples(entry) for key, entry in value.items()}
    return tuple(map(lists_to_tuples, value)) if isinstance(value, list) else value
