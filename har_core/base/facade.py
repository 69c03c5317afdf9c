"""Lets a package offer names of its modules and import each module only when one of its names is used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def on_demand(package: str, modules: dict[str, str]) -> Callable[[str], Any]:
    """A ``__getattr__`` for ``package`` (PEP 562) that finds each name of ``modules`` in the module given for it."""

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return find
