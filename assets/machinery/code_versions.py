"""What makes an asset stale: the code that computes it, with everything that code imports, and the settings it reads.

A hash of both is its code version. The parts are kept beside it, so that a change can be put into words. What counts as
code and what does not is in ``docs/decisions/0003-code-version.md``.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import grimp

import har_core
from har_core.base.errors import StorageError
from har_core.base.files import sha256_of_file, write_text

WITHOUT_EFFECT = ("har_core.base.errors", "har_core.base.progress", "har_core.settings")
"""Modules, and packages of modules, that cannot change a result: settings count by their values."""
WITHOUT_IMPORTS = ("har_core.fitting.fit",)
"""Modules that count by themselves: they call one of several others, and the roots of an asset name which one."""
INGREDIENTS = "har/ingredients"
"""Metadata of an asset, and of each materialisation: the fields of its :class:`Ingredients`, now or then."""
_hashes: dict[tuple[str, int, int], str] = {}
"""By path, size and time of change."""
_LENGTH = 16
_LENGTH_OF_PART = 12
_MAX_FILES_NAMED = 5
_MAX_SETTINGS_NAMED = 10


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What an asset is made with, but for what it gets from other assets."""

    version: str
    """The code version: a hash of everything below."""
    files: dict[str, str]
    """Path, as in ``har_core/models/lstm.py`` -> a short hash of what counts in the file."""
    settings: dict[str, Any]
    """Name, as in ``models.lstm.learning_rate`` -> JSON value."""


def ingredients(
    roots: Iterable[str],
    settings: Mapping[str, Any],
    files: Iterable[Path] = (),
    *,
    section: str = "",
    names: Mapping[str, str] | None = None,
) -> Ingredients:
    """The sources of ``roots`` and of all modules of the core that they import, ``files``, and ``settings``.

    Comments, docstrings and layout do not count; neither do a package's ``__init__`` nor :data:`WITHOUT_EFFECT`.

    Args:
        roots: modules that compute the asset, as in ``har_core.training.loop``; no packages.
        settings: JSON-able values that the asset reads.
        files: further files of the core that it is made with (templates); their bytes count.
        section: the section of an experiment file in which a user finds ``settings``, as in ``models.lstm``.
        names: the whole name of entries of ``settings`` that are found elsewhere, or under another name. Names are for
            people: they do not count.
    """
    sources = {_path(module): _hash_of_source(_path(module)) for module in sorted(import_closure(roots))}
    by_path = sources | {path: sha256_of_file(path) for path in sorted(files)}
    hashes = {path.relative_to(_package_folder().parent).as_posix(): sha256 for path, sha256 in by_path.items()}
    content = json.dumps([hashes, settings], sort_keys=True, ensure_ascii=False)
    version = hashlib.sha256(content.encode()).hexdigest()
    named = {(names or {}).get(key, f"{section}.{key}" if section else key): value for key, value in settings.items()}
    return Ingredients(
        version=version[:_LENGTH],
        files={name: sha256[:_LENGTH_OF_PART] for name, sha256 in hashes.items()},
        settings=json.loads(json.dumps(flatten(named))),
    )


def differences(before: Ingredients, after: Ingredients) -> list[str]:
    """What changed, in words: settings in the order of ``after``, then files by name. Empty where nothing did."""
    settings = [_setting_change(name, before, after) for name in _changed(before.settings, after.settings)]
    files = [_file_change(path, before, after) for path in sorted(_changed(before.files, after.files))]
    return [*_first(_MAX_SETTINGS_NAMED, settings, "setting"), *_first(_MAX_FILES_NAMED, files, "file")]


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted names, as in ``models.lstm.epochs``."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


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
    return grimp.build_graph("har_core", exclude_type_checking_imports=True, cache_dir=None)


def _counts(module: str, graph: grimp.ImportGraph) -> bool:
    is_without_effect = any(module == name or module.startswith(f"{name}.") for name in WITHOUT_EFFECT)
    return not is_without_effect and not graph.find_children(module)


@contextmanager
def kept_hashes(path: Path) -> Iterator[None]:
    """While it is open, sources that have not changed since the hashes at ``path`` were taken are not parsed again."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        _hashes.update({(file, size, time): sha256 for file, size, time, sha256 in kept})
    except (OSError, ValueError, TypeError):
        kept = []
    yield
    if len(_hashes) > len(kept) and path.parent.is_dir():  # building the graph makes no home
        newest = {key[0]: [*key, sha256] for key, sha256 in _hashes.items()}
        with suppress(StorageError):  # a home that can only be read
            write_text(path, json.dumps(list(newest.values())))


def _hash_of_source(path: Path) -> str:
    """The SHA-256 of what counts in a source."""
    stat = path.stat()
    key = (str(path), stat.st_size, stat.st_mtime_ns)
    if key not in _hashes:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        _hashes[key] = hashlib.sha256(ast.unparse(_WithoutDocstrings().visit(tree)).encode()).hexdigest()
    return _hashes[key]


def _path(module: str) -> Path:
    return _package_folder().parent.joinpath(*module.split(".")).with_suffix(".py")


def _package_folder() -> Path:
    return Path(har_core.__file__).parent


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Names of entries that are new, gone or other than before, by their JSON text: to a code version 0 is not 0.0."""
    return [
        name
        for name in {**after, **before}
        if name not in before or name not in after or json.dumps(before[name]) != json.dumps(after[name])
    ]


def _setting_change(name: str, before: Ingredients, after: Ingredients) -> str:
    if name not in before.settings:
        return f"setting {name} is new ({_value(after.settings[name])})"
    if name not in after.settings:
        return f"setting {name} is gone (was {_value(before.settings[name])})"
    return f"setting {name} changed {_value(before.settings[name])} → {_value(after.settings[name])}"


def _value(value: Any) -> str:
    """As an experiment file has it, which has no null: what is absent there is not set."""
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


def _file_change(path: str, before: Ingredients, after: Ingredients) -> str:
    what = "is new" if path not in before.files else "is gone" if path not in after.files else "changed"
    return f"{path} {what}"


def _first(most: int, changes: list[str], noun: str) -> list[str]:
    """At most so many, and how many more there are."""
    num_more = len(changes) - most
    return changes if num_more <= 0 else [*changes[:most], f"and {num_more} more {noun}{'s' if num_more > 1 else ''}"]


class _WithoutDocstrings(ast.NodeTransformer):
    """Drops strings that stand alone: docstrings of modules, classes, functions, and of attributes."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        """``pass`` needs no taking of the place: ``ast.unparse`` accepts an empty body."""
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node
