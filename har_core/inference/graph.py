"""An exported graph as a module that answers, made from its archive without what ``torch.export.load`` has to import.

The operators are those that were exported, in their order, so the answers are the same to the last digit. Nothing is
unpickled and no text of the archive is evaluated, both of which ``torch.export.load`` does: tensors are put together
from their bytes, and a graph may hold PyTorch's own operators (``aten``) and arithmetic with sizes, nothing else.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from har_core.base.errors import InputError
from har_core.inference.archive import DTYPES, Archive, StoredTensor, open_archive

_ARITHMETIC = {
    f"_operator.{name}": getattr(operator, name)
    for name in ("add", "sub", "mul", "floordiv", "mod", "neg", "eq", "ne", "lt", "le", "gt", "ge")
}
_ATEN = "torch.ops.aten."
_Operator = type(torch.ops.aten.add.Tensor)
_ON_FILES = {"from_file", "save"}
"""Operators that would touch more than tensors."""
_SYMBOLIC = {"as_sym_int", "as_sym_float", "as_sym_bool"}
_POSITIONAL, _KEYWORD = 1, 2
_LAYOUTS = {7: torch.strided}
_MEMORY_FORMATS = {1: torch.contiguous_format, 4: torch.preserve_format}


def _dtype(number: int) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, DTYPES[number][0])
    return dtype


_CONSTANTS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("as_int", "as_ints", "as_bool", "as_bools", "as_string"), lambda value: value),
    "as_none": lambda _: None,
    "as_float": float,  # of text where it is not finite
    "as_floats": lambda values: [float(value) for value in values],
    "as_scalar_type": _dtype,
    "as_device": lambda device: torch.device(device["type"]),
    "as_layout": _LAYOUTS.__getitem__,
    "as_memory_format": _MEMORY_FORMATS.__getitem__,
}


class _UnknownPartError(Exception):
    """What a graph holds and is not read here."""


def load_graph(path: Path) -> nn.Module:
    """The module that was exported to ``path``, on the CPU: raw windows (N, T, C) to probabilities (N, K).

    Raises:
        DamagedModelError: the file is damaged, or no archive of an exported graph; or it holds pickled objects.
        InputError: the graph holds something other than tensors and PyTorch's own operators.
    """
    try:
        with open_archive(path) as archive:
            return _Reader(archive).module().eval()
    except _UnknownPartError as error:
        raise InputError(f"{path}: the graph has {error}, which is not run here") from error


class _Reader:
    """Builds the module of one archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._graph = fx.Graph()
        self._nodes: dict[str, fx.Node] = {}
        """By the names that the archive has for what they compute."""
        self._storages: dict[str, Tensor] = {}
        """By record: weights that share one share it again."""

    def module(self) -> fx.GraphModule:
        """The graph with its weights."""
        whole = self._archive.program["graph_module"]
        weights = dict(self._inputs())
        for node in whole["graph"]["nodes"]:
            self._add(node)
        for name, meta in whole["graph"]["tensor_values"].items():
            if name in self._nodes:  # of what type it is; engines ask
                self._nodes[name].meta["val"] = torch.empty(0, dtype=_dtype(meta["dtype"]), device="meta")
        self._graph.output(self._result(whole["signature"]["output_specs"]))
        return fx.GraphModule(weights, self._graph)

    def _inputs(self) -> Iterator[tuple[str, Tensor]]:
        """Add what the nodes start from; gives parameters, buffers and constants by name."""
        for kind, spec in self._archive.input_specs():
            if kind == "user_input":
                name = spec["arg"]["as_tensor"]["name"]
                self._nodes[name] = self._graph.placeholder(name)
            elif kind in {"parameter", "buffer", "tensor_constant"}:
                name = spec[f"{kind}_name"]
                self._nodes[spec["arg"]["name"]] = self._graph.create_node("get_attr", name)
                yield name, self._tensor(self._archive.tensors[name])
            else:
                raise _UnknownPartError(f"an input of the kind {kind}")

    def _tensor(self, stored: StoredTensor) -> Tensor:
        dtype: torch.dtype = getattr(torch, stored.dtype)
        if prod(stored.shape):
            storage = self._storage(stored.record).view(dtype)
            tensor = storage.as_strided(stored.shape, stored.strides, stored.offset)
        else:
            tensor = torch.empty(stored.shape, dtype=dtype)
        return nn.Parameter(tensor, requires_grad=False) if stored.is_parameter else tensor

    def _storage(self, record: str) -> Tensor:
        if record not in self._storages:
            content = self._archive.read(record)
            storage = torch.empty(len(content), dtype=torch.uint8)  # aligned as PyTorch's tensors are
            storage.numpy()[:] = np.frombuffer(content, np.uint8)
            self._storages[record] = storage
        return self._storages[record]

    def _add(self, node: Mapping[str, Any]) -> None:
        """Add the call of one operator, and a node for each of its results where there are several."""
        args, kwargs = [], {}
        for given in node["inputs"]:
            if given["kind"] == _POSITIONAL:
                args.append(self._argument(given["arg"]))
            elif given["kind"] == _KEYWORD:
                kwargs[given["name"]] = self._argument(given["arg"])
            else:
                raise _UnknownPartError(f"{node['target']} with {given['name']}")
        call = self._graph.call_function(_operator(node["target"]), tuple(args), kwargs)
        results = node["outputs"]
        if len(results) == 1 and "as_tensors" in results[0]:
            results = [{"as_tensor": result} for result in results[0]["as_tensors"]]
        elif len(results) == 1:
            self._nodes[_name(results[0])] = call
            return
        for index, result in enumerate(results):
            self._nodes[_name(result)] = self._graph.call_function(operator.getitem, (call, index))

    def _argument(self, argument: Mapping[str, Any]) -> Any:
        """What an operator gets: something that the graph computes, a list of such, or a constant."""
        ((kind, value),) = argument.items()
        if kind == "as_tensor":
            return self._nodes[value["name"]]
        if kind == "as_tensors":
            return [self._nodes[entry["name"]] for entry in value]
        if kind == "as_optional_tensors":
            return [self._argument(entry) for entry in value]
        if kind.removesuffix("s") in _SYMBOLIC:
            return [self._symbol(entry) for entry in value] if kind.endswith("s") else self._symbol(value)
        if kind not in _CONSTANTS:
            raise _UnknownPartError(f"an argument of the kind {kind}")
        return _CONSTANTS[kind](value)

    def _symbol(self, value: Mapping[str, Any]) -> Any:
        """A size that the graph computes, or a number in the place of one."""
        ((kind, content),) = value.items()
        return self._nodes[content] if kind == "as_name" else content

    def _result(self, specs: list[Mapping[str, Any]]) -> fx.Node:
        match specs:
            case [{"user_output": {"arg": {"as_tensor": {"name": name}}}}]:
                return self._nodes[name]
        raise _UnknownPartError("more than one result")


def _operator(target: str) -> Any:
    if target in _ARITHMETIC:
        return _ARITHMETIC[target]
    name, _, overload = target.removeprefix(_ATEN).partition(".")
    found = getattr(getattr(torch.ops.aten, name, None), overload, None) if target.startswith(_ATEN) else None
    if not isinstance(found, _Operator) or name in _ON_FILES:
        raise _UnknownPartError(target)
    return found


def _name(result: Mapping[str, Any]) -> str:
    """What the archive calls a result."""
    match result:
        case {"as_tensor": {"name": str(name)}}:
            return name
        case {"as_sym_int": {"as_name": str(name)}} | {"as_sym_bool": {"as_name": str(name)}}:
            return name
    raise _UnknownPartError(f"a result of the kind {', '.join(result)}")
