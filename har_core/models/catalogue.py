"""Lists the architectures by reading their files without importing them.

Commands need names, options and costs at once, but PyTorch and scikit-learn take seconds to import. An architecture is
a class under ``@register_model("name")`` or a function under ``@register_classical("name")``, in a file of that name.
:mod:`har_core.models.registry` makes models from them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from har_core.base.errors import UnknownNameError
from har_core.base.names import unknown
from har_core.settings.experiment import Option

Family = Literal["classical", "recurrent", "attention", "convolutional", "network"]

WITHOUT_LAST_LAYER = ("adaptive", "capsnet", "extra_trees", "random_forest")
"""Architectures whose answers no linear layer gives: they come from several exits, from capsules or from trees."""

_DECORATORS = {"register_model": True, "register_classical": False}
_FAMILIES: Mapping[Family, re.Pattern[str]] = {
    "recurrent": re.compile(r"\bnn\.(?:LSTM|GRU|RNN)\b|\blayers\.recurrent\b"),
    "attention": re.compile(r"\blayers\.attention\b"),
    "convolutional": re.compile(r"\bnn\.Conv[12]d\b|\blayers\.(?:residual|series|temporal|sensors)\b"),
}
_COST = re.compile(r"([0-9,]+) parameters,\s+([0-9,]+) multiply-accumulates")


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """One architecture, as described by its file."""

    name: str
    module: str
    """Dotted name: ``har_core.models.cnn``."""
    is_network: bool
    """True for networks, which are created and trained; False for classical models, which are fitted."""
    family: Family
    """Of its layers, by the first of these that its file names; ``network`` where it names none."""
    options: Mapping[str, Option]
    """Of ``create_model`` or ``fit_model``, with their defaults; an experiment file may set them under
    ``[models.<name>]``."""
    num_parameters: int | None
    """With default options, for windows of 125 x 45 and 19 activities; None if the file does not say."""
    macs: int | None
    """Multiply-accumulates for one such window; None if the file does not say."""
    description: str
    """What its file opens with: what it is, where it comes from, what it costs."""

    @property
    def is_recurrent(self) -> bool:
        """Whether its file names a recurrent layer."""
        return self.family == "recurrent"

    @property
    def source(self) -> str:
        """The file that defines it: ``har_core/models/cnn.py``."""
        return f"{self.module.replace('.', '/')}.py"


def list_models() -> list[str]:
    """Names of all architectures, networks and classical models, sorted.

    >>> [name for name in list_models() if name in ("resnet", "cnn")]
    ['cnn', 'resnet']
    """
    return sorted(_architectures())


def describe(name: str) -> Architecture:
    """The architecture ``name``.

    Raises:
        UnknownNameError: there is none; the text suggests the nearest name.
    """
    known = _architectures()
    if name not in known:
        raise UnknownNameError(unknown("architecture", name, known))
    return known[name]


def is_network(name: str) -> bool:
    """Whether ``name`` is a network rather than a classical model.

    Raises:
        UnknownNameError: no such architecture.
    """
    return describe(name).is_network


@cache
def _architectures() -> dict[str, Architecture]:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return {entry.name: entry for path in files for entry in _read(path)}


def _read(path: Path) -> Iterator[Architecture]:
    text = path.read_text(encoding="utf-8")
    if not re.search(rf"^@(?:{'|'.join(_DECORATORS)})\(", text, re.MULTILINE):
        return
    tree = ast.parse(text)
    description = ast.get_docstring(tree) or ""
    cost = _COST.search(description)
    counts = [int(number.replace(",", "")) for number in cost.groups()] if cost else [None, None]
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            for decorator, name in _registrations(node):
                yield Architecture(
                    name=name,
                    module=f"{__package__}.{path.stem}",
                    is_network=_DECORATORS[decorator],
                    family=_family(text) if _DECORATORS[decorator] else "classical",
                    options=_options(_maker(node), path),
                    num_parameters=counts[0],
                    macs=counts[1],
                    description=description,
                )


def _family(text: str) -> Family:
    found = (family for family, pattern in _FAMILIES.items() if pattern.search(text))
    return next(found, "network")


def _registrations(node: ast.ClassDef | ast.FunctionDef) -> Iterator[tuple[str, str]]:
    for call in node.decorator_list:
        match call:
            case ast.Call(func=ast.Name(id=decorator), args=[ast.Constant(value=str(name))]) if (
                decorator in _DECORATORS
            ):
                yield decorator, name


def _maker(node: ast.ClassDef | ast.FunctionDef) -> ast.FunctionDef:
    """The function whose keywords are the options."""
    if isinstance(node, ast.FunctionDef):
        return node
    return next(entry for entry in node.body if isinstance(entry, ast.FunctionDef) and entry.name == "__init__")


def _options(maker: ast.FunctionDef, path: Path) -> dict[str, Option]:
    options: dict[str, Option] = {}
    for argument, default in zip(maker.args.kwonlyargs, maker.args.kw_defaults, strict=True):
        if default is not None:
            try:
                options[argument.arg] = ast.literal_eval(default)
            except ValueError as error:
                raise ValueError(f"{path}:{default.lineno}: {argument.arg} must have a plain default") from error
    return options
