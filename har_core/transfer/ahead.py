"""What of a graph can be computed once, before a training, because nothing that is trained goes into it."""

from __future__ import annotations

from collections.abc import Collection

from torch import fx

from har_core.compression.products import is_constant


def split(model: fx.GraphModule, names: Collection[str]) -> tuple[fx.GraphModule, fx.GraphModule] | None:
    """``model`` in two parts, of which the first takes the windows, and the second what the first gives.

    The tensors called ``names`` are in the second part alone; where that is but the last layer, the first is nearly
    everything. None where more than one value goes over from one part to the other.
    """
    later: set[fx.Node] = set()
    for node in model.graph.nodes:
        if node.target in names or not later.isdisjoint(node.all_input_nodes):
            later.add(node)
    earlier = [node for node in model.graph.nodes if node not in later]
    taken = {given for node in later for given in node.all_input_nodes if given not in later and not is_constant(given)}
    if len(taken) != 1:
        return None
    (between,) = taken
    first, second = fx.Graph(), fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in earlier:
        copies[node] = first.node_copy(node, copies.__getitem__)
    first.output(copies[between])
    copies = {between: second.placeholder("values")}
    for node in model.graph.nodes:
        if node in later or is_constant(node):
            copies[node] = second.node_copy(node, copies.__getitem__)
    second.eliminate_dead_code()  # constants of the first part
    return fx.GraphModule(model, first), fx.GraphModule(model, second)
