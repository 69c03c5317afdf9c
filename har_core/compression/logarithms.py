"""The logarithms of what an exported graph says, taken before small probabilities are rounded to zero."""

from __future__ import annotations

import torch
from torch import fx

_aten = torch.ops.aten


def with_logarithms(model: fx.GraphModule) -> fx.GraphModule:
    """``model`` with logarithms, float32 (N, K), in place of its probabilities; they share their tensors.

    Where the graph ends in a softmax they are exact. In any other a probability that was rounded to zero counts as the
    smallest that float32 has.
    """
    graph = fx.Graph()
    last = graph.graph_copy(model.graph, {})
    if not isinstance(last, fx.Node):
        raise TypeError("a graph has one result")
    if last.target is _aten.softmax.int:
        logs = graph.call_function(_aten.log_softmax.int, last.args, last.kwargs)
    else:
        kept = graph.call_function(_aten.clamp_min.default, (last, torch.finfo(torch.float32).tiny))
        logs = graph.call_function(_aten.log.default, (kept,))
    graph.output(logs)
    return fx.GraphModule(model, graph)
