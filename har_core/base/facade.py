"""Packages that offer names of their modules, and import each module when one of its names is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def on_demand(package: str, modules: dict[str, str]) -> Callable[[str], Any]:
    """What a package's ``__getattr__`` is: it finds each name of ``modules`` in the module given for it (PEP 562)."""

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return find
