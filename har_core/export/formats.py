"""The formats that a model can be exported to, each a module here, and the way to the one that a user names.

A module of a format has one function, ``export(graph, spec, window_length, path)``, which writes ``path`` whole or not
at all. An ONNX file takes its place only once it was seen to answer as the model does. Nobody compiles a C header here;
tests compare it with the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from har_core.base.errors import InputError
from har_core.base.names import unknown

if TYPE_CHECKING:
    from torch import nn

    from har_core.export.exported import Exported
    from har_core.spec.dataset import DatasetSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format that can be written."""

    module: str
    """In this package."""
    packages: tuple[str, ...] = ()
    """Of the extra ``export``, which it needs."""

    def export(self, graph: nn.Module, spec: DatasetSpec, window_length: int, path: Path) -> Exported:
        """Write a model to ``path``, where it replaces a file as a whole.

        Args:
            graph: of :func:`har_core.inference.graph.load_graph`; it stays as it is.
            spec: what the windows are of that it takes.
            window_length: samples in a window.
            path: of the file.

        Raises:
            InputError: the format cannot hold this model.
            StorageError: the file cannot be written.
        """
        module = import_module(f"{__package__}.{self.module}")
        return cast("Exported", module.export(graph, spec, window_length, path))


FORMATS: Mapping[str, Format] = {
    "onnx": Format(module="onnx", packages=("onnx", "onnxruntime", "onnxscript")),
    "c": Format(module="c_header"),
}
NOT_BESIDE_HAR: Mapping[str, str] = {
    "executorch": "ExecuTorch cannot be installed beside har: by way of Hydra it needs version 4.9 of "
    "antlr4-python3-runtime, and Dagster works with 4.13 alone; export to onnx instead"
}
"""Formats that people ask for and that cannot be written, and why."""


def find_format(name: str) -> Format:
    """The format ``name``, once everything is there that it needs; imports nothing of that.

    Raises:
        InputError: it is unknown, cannot be written, or needs packages that are not installed.
    """
    if name in NOT_BESIDE_HAR:
        raise InputError(NOT_BESIDE_HAR[name])
    if name not in FORMATS:
        raise InputError(unknown("format", name, FORMATS))
    missing = [package for package in FORMATS[name].packages if find_spec(package) is None]
    if missing:
        raise InputError(f"{name} needs {', '.join(missing)}: pip install 'har[export]'")
    return FORMATS[name]
