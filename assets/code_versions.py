"""What makes an asset stale: the code that computes it, with everything that code imports, and the settings it reads.

See ``docs/decisions/0003-code-version.md`` for what counts as code and what does not.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import grimp

PACKAGE = "har_core"
WITHOUT_EFFECT = ("har_core.errors", "har_core.progress", "har_core.settings")
"""Modules, and packages of modules, that cannot change a result: settings count by their values."""
WITHOUT_IMPORTS = ("har_core.fitting",)
"""Modules that count by themselves: they call one of several others, and the roots of an asset name which one."""
_LENGTH = 16


def code_version(roots: Iterable[str], settings: Mapping[str, Any], files: Iterable[Path] = ()) -> str:
    """A hash of the sources of ``roots``, of all modules of the core that they import, and of ``settings``.

    Comments, docstrings and layout do not count; neither do a package's ``__init__`` nor :data:`WITHOUT_EFFECT`.

    Args:
        roots: modules that compute the asset, as in ``har_core.training.loop``; no packages.
        settings: JSON-able values that the asset reads.
        files: further files that it is made with (templates); their bytes count.
    """
    digest = hashlib.sha256()
    for module in sorted(import_closure(roots)):
        digest.update(f"{module}\0{_normalised_source(module)}\0".encode())
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(json.dumps(settings, sort_keys=True, ensure_ascii=False).encode())
    return digest.hexdigest()[:_LENGTH]


def import_closure(roots: Iterable[str]) -> set[str]:
    """The modules that ``roots`` consist of and import, directly or through others, but for :data:`WITHOUT_IMPORTS`.

    Packages are not entered.
    """
    graph = _import_graph()
    pending, found = list(roots), set()
    while pending:
        module = pending.pop()
        if module in found:
            continue
        if graph.find_children(module):
            raise ValueError(f"{module} is a package; name the module that computes")
        found.add(module)
        if module not in WITHOUT_IMPORTS:
            pending += [name for name in graph.find_modules_directly_imported_by(module) if _counts(name, graph)]
    return found


@cache
def _import_graph() -> grimp.ImportGraph:
    """Of the core, read from its sources without importing them. No cache on disk: it would lie outside the home."""
    return grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)


def _counts(module: str, graph: grimp.ImportGraph) -> bool:
    is_without_effect = any(module == name or module.startswith(f"{name}.") for name in WITHOUT_EFFECT)
    return not is_without_effect and not graph.find_children(module)


@cache
def _normalised_source(module: str) -> str:
    path = _package_folder().parent.joinpath(*module.split(".")).with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return ast.unparse(_WithoutDocstrings().visit(tree))


def _package_folder() -> Path:
    """Found by name rather than imported module by module: finding a submodule would import its package."""
    spec = find_spec(PACKAGE)
    return Path(cast("str", cast("ModuleSpec", spec).origin)).parent


class _WithoutDocstrings(ast.NodeTransformer):
    """Drops strings that stand alone: docstrings of modules, classes, functions, and of attributes."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        """``pass`` needs no taking of the place: ``ast.unparse`` accepts an empty body."""
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node
