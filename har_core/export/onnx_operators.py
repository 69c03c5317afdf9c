"""An exported graph in operators that ONNX has, or that PyTorch can translate to such.

What is replaced computes the same, to rounding. Letters: N windows, T timepoints, H hidden units, D directions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import reduce
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

_aten = torch.ops.aten


def for_onnx(graph: nn.Module) -> fx.GraphModule:
    """A copy of an exported graph that ONNX can hold: without its checks, which ONNX has no operator for."""
    copied = deepcopy(cast("fx.GraphModule", graph))
    for node in [*copied.graph.nodes]:
        if node.target is _aten._assert_async.msg:  # noqa: SLF001 - the name of an operator
            copied.graph.erase_node(node)
        elif node.target in _REPLACEMENTS:
            node.target = _REPLACEMENTS[node.target]
        elif node.target in _WITH_TENSORS and _is_float64(node.args[0]):
            node.args = tuple(_lifted(argument, node, copied) for argument in node.args)
            node.target = _WITH_TENSORS[node.target]
    copied.graph.eliminate_dead_code()
    copied.recompile()
    return copied


def _is_float64(argument: Any) -> bool:
    return isinstance(argument, fx.Node) and argument.meta["val"].dtype == torch.float64


def _lifted(argument: Any, user: fx.Node, module: fx.GraphModule) -> Any:
    """A tensor in place of a number, which PyTorch would round to float32."""
    if not isinstance(argument, int | float):
        return argument
    name = f"number_{len([*module.buffers()])}"
    module.register_buffer(name, torch.tensor(argument, dtype=torch.float64))
    with module.graph.inserting_before(user):
        return module.graph.get_attr(name)


def _attention(query: Tensor, key: Tensor, value: Tensor, *settings: Any, **options: Any) -> Tensor:
    """``scaled_dot_product_attention`` with at least four dimensions, as PyTorch translates it."""
    missing = 4 - query.dim()
    longer = [tensor[(None,) * missing] for tensor in (query, key, value)]
    answer: Tensor = _aten.scaled_dot_product_attention.default(*longer, *settings, **options)
    return answer[(0,) * missing]


def _rnn_tanh(  # noqa: PLR0917 - the operator's own arguments
    x: Tensor,
    state: Tensor,
    weights: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    _dropout: float,
    _train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor]:
    """``aten.rnn_tanh`` with a layer as one operator, RNN; PyTorch would translate each timepoint by itself."""
    num_directions, num_hidden = 1 + bidirectional, state.shape[2]
    kinds = 4 if has_biases else 2
    attributes: dict[str, Any] = {
        "hidden_size": num_hidden,
        "direction": "bidirectional" if bidirectional else "forward",
    }
    x_TNF, last = x.transpose(0, 1) if batch_first else x, []
    for layer in range(num_layers):
        first = layer * num_directions
        own = [weights[kinds * index : kinds * (index + 1)] for index in range(first, first + num_directions)]
        of_input, of_state = (torch.stack([of_direction[kind] for of_direction in own]) for kind in (0, 1))
        biases = torch.stack([torch.cat([*of_direction[2:]]) for of_direction in own]) if has_biases else None
        num_timepoints, num_windows, _ = x_TNF.shape
        y_TDNH, last_DNH = torch.onnx.ops.symbolic_multi_out(
            "RNN",
            [x_TNF, of_input, of_state, biases, None, state[first : first + num_directions]],
            attributes,
            dtypes=(x.dtype, x.dtype),
            shapes=(
                (num_timepoints, num_directions, num_windows, num_hidden),
                (num_directions, num_windows, num_hidden),
            ),
        )
        x_TNF = y_TDNH.transpose(1, 2).flatten(2)
        last.append(last_DNH)
    return x_TNF.transpose(0, 1) if batch_first else x_TNF, torch.cat(last)


def _searchsorted(ordered_FQ: Tensor, x_FN: Tensor, *, right: bool = False) -> Tensor:
    """How many of the Q ordered values of each row are less than x, or at most x if ``right``: int64 (F, N)."""
    ordered_F1Q, x_FN1 = ordered_FQ[:, None], x_FN[:, :, None]
    return (ordered_F1Q <= x_FN1 if right else ordered_F1Q < x_FN1).sum(dim=2)


def _cummax(x: Tensor, dim: int) -> tuple[Tensor]:
    """The largest value so far, without where it stands: spans of 1, 2, 4 … timepoints, each of two that were seen."""
    length, span = x.shape[dim], 1
    while span < length:
        first, rest = x.narrow(dim, 0, span), x.narrow(dim, span, length - span)
        x = torch.cat([first, torch.maximum(rest, x.narrow(dim, 0, length - span))], dim)
        span *= 2
    return (x,)


def _stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """``stack`` of one type, which PyTorch chooses by itself and ONNX does not."""
    dtype = reduce(torch.promote_types, (tensor.dtype for tensor in tensors))
    return torch.stack([tensor.to(dtype) for tensor in tensors], dim)


def _ndtri(p: Tensor) -> Tensor:
    """Quantiles of the standard normal distribution, by the rational functions of Wichura 1988 (AS 241, PPND16)."""
    middle, tail_from, far = (torch.tensor(number, dtype=p.dtype) for number in (_MIDDLE, _TAIL_FROM, _FAR))
    from_middle, depth = p - 0.5, torch.minimum(p, 1 - p).log().neg().sqrt()
    near = from_middle * _ratio(_CENTRE, middle.square() - from_middle.square())
    tail = torch.where(depth <= far, _ratio(_TAIL, depth - tail_from), _ratio(_FAR_TAIL, depth - far))
    return torch.where(from_middle.abs() <= middle, near, tail * from_middle.sign())


def _ratio(coefficients: tuple[Sequence[float], Sequence[float]], x: Tensor) -> Tensor:
    """Of two polynomials, the highest power first."""
    powers = torch.tensor(coefficients, dtype=x.dtype).T.reshape(-1, 2, *[1] * x.dim())
    values, *others = powers.unbind()
    for of_power in others:
        values = values * x + of_power
    return values[0] / values[1]


_MIDDLE, _TAIL_FROM, _FAR = 0.425, 1.6, 5.0
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.3871328727963666080),
    (5226.4952788528545610, 28729.085735721942674, 39307.895800092710610, 21213.794301586595867,
     5394.1960214247511077, 687.18700749205790830, 42.313330701600911252, 1.0),
)  # fmt: skip
_TAIL = (
    (7.7454501427834140764e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258,
     3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.8976733498510000455e-1, 1.67638483018380384940, 2.05319162663775882187, 1.0),
)  # fmt: skip
_FAR_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
     2.96560571828504891230e-1, 1.78482653991729133580, 5.46378491116411436990, 6.65790464350110377720),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.868691311456132591e-4,
     1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
)  # fmt: skip

_WITH_TENSORS: Mapping[Any, Any] = {
    **{operator.Tensor: operator.Tensor for operator in (_aten.add, _aten.sub, _aten.mul, _aten.div)},
    _aten.clamp.default: _aten.clamp.Tensor,
}
"""Operators that take a number, and what takes a tensor instead."""
_REPLACEMENTS: Mapping[Any, Callable[..., Any]] = {
    _aten.cummax.default: _cummax,
    _aten.rnn_tanh.input: _rnn_tanh,
    _aten.scaled_dot_product_attention.default: _attention,
    _aten.searchsorted.Tensor: _searchsorted,
    _aten.special_ndtri.default: _ndtri,
    _aten.stack.default: _stack,
}
