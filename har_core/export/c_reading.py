"""Reads the graph of an int8 model (:mod:`har_core.compression.int8`) as the steps of a C program.

Products, the sums and ReLUs after them, and the quantiser that comes next become one step each, so that most values
never lie in memory as float32. What only checks the values is left out.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, fx

from har_core.base.errors import InputError
from har_core.export.c_gaps import remove_unused, results_of, take_out_filling
from har_core.export.c_steps import (
    Buffer,
    Filling,
    Floats,
    Pool,
    Product,
    Program,
    Quantise,
    Quantised,
    QuantiseWindow,
    Step,
)
from har_core.spec.dataset import DatasetSpec

_aten = torch.ops.aten
_FAKE_QUANTIZE = _aten.fake_quantize_per_tensor_affine.default
_DEFAULTS_OF_CONVOLUTION: tuple[Any, ...] = (None, [1], [0], [1], 1)
"""Bias, stride, padding, dilation, groups."""
_MOST_TERMS = 2**31 // (255 * 127)
"""Of a sum of int8 products in 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """The window, as far as it is normalised."""

    filling: Filling | None
    mean: Floats | None = None
    standard_deviation: Floats | None = None
    channels: npt.NDArray[np.uint16] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    """What a node of the graph computes."""

    of: _Window | Quantised | tuple[Buffer, ...]
    """Float32 values are in one buffer, or in several one after the other."""
    time_axis: int | None
    """Where the graph has time, beside windows and features; None if there is none left."""


def read_program(graph: fx.GraphModule, spec: DatasetSpec, window_length: int) -> Program:
    """The steps of ``graph``, raw windows (N, T, C) to probabilities, for one window.

    Raises:
        InputError: it is no int8 model, or has an operator that is not known here.
    """
    own = fx.GraphModule(graph, copy.deepcopy(graph.graph))
    remove_unused(own)
    if not own.graph.find_nodes(op="call_function", target=_FAKE_QUANTIZE):
        raise InputError('a C header is made of an int8 model; make one first: [compressed] compact = ["int8"]')
    window = _Window(filling=take_out_filling(own, spec, window_length))
    return _Reader(own, window, torch.zeros(1, window_length, spec.num_channels)).program()


class _Reader:
    """Goes through a graph from its beginning."""

    def __init__(self, graph: fx.GraphModule, window: _Window, example: Tensor) -> None:
        self._graph = graph
        self._window = window
        results = results_of(graph, example)
        self._shapes = {node: result.shape for node, result in results.items() if isinstance(result, Tensor)}
        self._steps: list[Step] = []
        self._values: dict[fx.Node, _Values] = {}
        self._quantisers = [node for node in graph.graph.nodes if node.target == _FAKE_QUANTIZE]
        self._handlers: dict[Any, Callable[[fx.Node], _Values]] = {
            _aten.sub.Tensor: self._subtract,
            _aten.div.Tensor: self._divide,
            _aten.index_select.default: self._select,
            _aten.transpose.int: self._transpose,
            _aten.dropout.default: self._source,
            _FAKE_QUANTIZE: self._quantise,
            _aten.conv1d.default: self._convolve,
            _aten.linear.default: self._multiply,
            _aten.mean.dim: partial(self._pool, "mean"),
            _aten.amax.default: partial(self._pool, "max"),
            _aten.cat.default: self._join,
        }

    def program(self) -> Program:
        """The steps of the whole graph."""
        *nodes, output = self._graph.graph.nodes
        (softmax,) = output.all_input_nodes
        for node in nodes:
            if node.op == "placeholder":
                self._values[node] = _Values(of=self._window, time_axis=1)
            elif node not in self._values and not _is_constant(node) and node is not softmax:
                if node.target not in self._handlers:
                    raise _refusal(node)
                self._values[node] = self._handlers[node.target](node)
        if softmax.target != _aten.softmax.int or softmax.args[1] not in {1, -1}:
            raise _refusal(softmax)
        return Program(steps=tuple(self._steps), logits=self._buffer(softmax))

    # What comes before the network

    def _subtract(self, node: fx.Node) -> _Values:
        windows, mean = self._window_and_constant(node)
        if windows.mean is not None or windows.channels is not None or node.kwargs:
            raise _refusal(node)
        return _Values(of=replace(windows, mean=mean.numpy()), time_axis=1)

    def _divide(self, node: fx.Node) -> _Values:
        windows, deviation = self._window_and_constant(node)
        if windows.mean is None or windows.standard_deviation is not None or windows.channels is not None:
            raise _refusal(node)
        return _Values(of=replace(windows, standard_deviation=deviation.numpy()), time_axis=1)

    def _select(self, node: fx.Node) -> _Values:
        windows, channels = self._window_and_constant(node, position=2)
        if node.args[1] not in {2, -1} or windows.channels is not None:
            raise _refusal(node)
        return _Values(of=replace(windows, channels=channels.numpy().astype(np.uint16)), time_axis=1)

    def _window_and_constant(self, node: fx.Node, position: int = 1) -> tuple[_Window, Tensor]:
        constant = node.args[position]
        match self._source(node), constant:
            case _Values(of=_Window() as windows, time_axis=1), fx.Node() if _is_constant(constant):
                return windows, self._constant(constant)
        raise _refusal(node)

    def _transpose(self, node: fx.Node) -> _Values:
        values = self._source(node)
        if values.time_axis is None or {*node.args[1:]} not in ({1, 2}, {-2, -1}, {1, -1}, {-2, 2}):
            raise _refusal(node)
        return replace(values, time_axis=3 - values.time_axis)

    # Quantisers

    def _quantise(self, node: fx.Node) -> _Values:
        values = self._source(node)
        match values.of:
            case _Window(mean=np.ndarray() as mean, standard_deviation=np.ndarray() as deviation) as window:
                seen = np.arange(len(mean)) if window.channels is None else window.channels
                num_timepoints = self._shapes[node][values.time_axis or 0]
                quantised = self._quantised(node, Buffer(num_timepoints=num_timepoints, num_features=len(seen)))
                self._steps.append(
                    QuantiseWindow(
                        filling=window.filling,
                        channels=window.channels,
                        mean=mean[seen],
                        standard_deviation=deviation[seen],
                        quantised=quantised,
                    )
                )
            case (Buffer(), *_) as buffers:
                num_features = sum(buffer.num_features for buffer in buffers)
                quantised = self._quantised(node, replace(buffers[0], num_features=num_features))
                self._steps.append(Quantise(reads=buffers, quantised=quantised))
            case _:
                raise _refusal(node)
        return replace(values, of=quantised)

    def _quantised(self, quantiser: fx.Node, values: Buffer) -> Quantised:
        args: Any = quantiser.args
        _, scale, zero_point, *limits = args
        if limits != [-128, 127]:
            raise _refusal(quantiser)
        return Quantised(
            buffer=replace(values, is_int8=True),
            scale=np.float32(scale),
            zero_point=zero_point,
            number=self._quantisers.index(quantiser),
        )

    # Products

    def _convolve(self, node: fx.Node) -> _Values:
        given: tuple[Any, ...] = node.args[2:]
        bias, stride, padding, dilation, groups = (*given, *_DEFAULTS_OF_CONVOLUTION[len(given) :])
        settings = {"stride": stride[0], "padding": padding[0], "dilation": dilation[0], "groups": groups}
        return self._product(node, bias, time_axis=2, settings=settings)

    def _multiply(self, node: fx.Node) -> _Values:
        (bias,) = node.args[2:] or (None,)
        source = self._source(node)
        settings = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
        return self._product(node, bias, time_axis=None if source.time_axis is None else 1, settings=settings)

    def _product(self, node: fx.Node, bias: Any, *, time_axis: int | None, settings: dict[str, int]) -> _Values:
        source = self._source(node)
        if not isinstance(source.of, Quantised) or source.time_axis != time_axis:
            raise _refusal(node)
        weights, weight_scales = self._weights(node)
        num_terms = weights[0].size
        if num_terms > _MOST_TERMS:
            raise InputError(f"{node.name} adds up {num_terms:,} products, and 32 bits have room for {_MOST_TERMS:,}")
        results = Buffer(
            num_timepoints=1 if time_axis is None else self._shapes[node][time_axis], num_features=len(weights)
        )
        values = _Values(of=(results,), time_axis=time_axis)
        last, added = self._with_sum(node, values)
        last, has_relu = self._with_relu(last, values)
        self._values[last] = values
        quantiser = next((user for user in last.users if user.target == _FAKE_QUANTIZE), None)
        quantised = None if quantiser is None else self._quantised(quantiser, results)
        if quantiser is not None and quantised is not None:
            self._values[quantiser] = replace(values, of=quantised)
        self._steps.append(
            Product(
                name=node.name if bias is None else bias.target.rpartition(".")[0].removeprefix("network."),
                source=source.of,
                weights=weights,
                scales=source.of.scale * weight_scales,
                biases=np.zeros(len(weights), np.float32) if bias is None else self._constant(bias).numpy(),
                num_timepoints=results.num_timepoints,
                added=added,
                has_relu=has_relu,
                floats=None if {*last.users} == {quantiser} else results,
                quantised=quantised,
                **settings,
            )
        )
        return values

    def _with_sum(self, node: fx.Node, values: _Values) -> tuple[fx.Node, Buffer | None]:
        """The node that adds something known to the only use of ``node``, and what; or ``node`` itself."""
        (user, *more) = node.users
        if more or user.target != _aten.add.Tensor or user.kwargs:
            return node, None
        others = [other for other in user.all_input_nodes if other is not node]
        match [self._values.get(other) for other in others]:
            case [_Values(of=(Buffer() as added,), time_axis=values.time_axis)]:
                if self._shapes[others[0]] == self._shapes[user] == self._shapes[node]:
                    self._values[user] = values
                    return user, added
        return node, None

    def _with_relu(self, node: fx.Node, values: _Values) -> tuple[fx.Node, bool]:
        (user, *more) = node.users
        if more or user.target != _aten.relu.default:
            return node, False
        self._values[user] = values
        return user, True

    def _weights(self, node: fx.Node) -> tuple[npt.NDArray[np.int8], Floats]:
        """The weights (F, K, I) of a product, and what one of each output is worth."""
        match node.args[1]:
            case fx.Node(target=_aten.mul.Tensor, args=(fx.Node(target=_aten.to.dtype, args=(stored, _)), scales)):
                weights = self._constant(stored)
                if weights.dtype == torch.int8:
                    return (
                        np.ascontiguousarray(weights.reshape(*weights.shape[:2], -1).transpose(1, 2).numpy()),
                        self._constant(scales).flatten().numpy(),
                    )
        raise InputError(f"the weights of {node.name} are not int8, as a C header needs them")

    # Along time, and features

    def _pool(self, kind: Literal["mean", "max"], node: fx.Node) -> _Values:
        source = self._source(node)
        match node.args:
            case (_, [int(axis)]) if axis % 3 == source.time_axis and not node.kwargs:
                pass
            case _:
                raise _refusal(node)
        read = self._buffer(node)
        result = Buffer(num_timepoints=1, num_features=read.num_features)
        self._steps.append(Pool(kind=kind, source=read, result=result))
        return _Values(of=(result,), time_axis=None)

    def _join(self, node: fx.Node) -> _Values:
        parts: Any = node.args[0]
        if any(self._source(node, part).time_axis is not None for part in parts) or node.args[1:] not in {(1,), (-1,)}:
            raise _refusal(node)
        return _Values(of=tuple(self._buffer(node, part) for part in parts), time_axis=None)

    # What nodes are

    def _source(self, node: fx.Node, given: fx.Node | None = None) -> _Values:
        """What ``node`` is given, first or as ``given``."""
        values = self._values.get(given or node.all_input_nodes[0])
        if values is None:
            raise _refusal(node)
        return values

    def _buffer(self, node: fx.Node, given: fx.Node | None = None) -> Buffer:
        """Where it lies, in float32."""
        match self._source(node, given).of:
            case (buffer,):
                return buffer
        raise _refusal(node)

    def _constant(self, node: Any) -> Tensor:
        if node.op == "get_attr":
            return cast("Tensor", operator.attrgetter(node.target)(self._graph)).detach()
        return cast("Tensor", node.target(*fx.map_arg(node.args, self._constant), **node.kwargs))


def _is_constant(node: fx.Node) -> bool:
    return node.op == "get_attr" or (bool(node.all_input_nodes) and all(map(_is_constant, node.all_input_nodes)))


def _refusal(node: fx.Node) -> InputError:
    return InputError(
        f"{node.target} ({node.name}) has no place in a C header, which is for small networks such as compact: "
        "products along time, sums, ReLU, mean and maximum over time"
    )
