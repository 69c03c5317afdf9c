"""Finds in a graph that gaps of its windows are filled first (:func:`har_core.windows.gaps.fill_gaps`).

The graph has some hundred operators for it, since engines know no loops; in C it is one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from har_core.export.c_steps import Filling
from har_core.spec.dataset import DatasetSpec
from har_core.windows.gaps import fill_gaps

_NUM_WINDOWS = 16
"""On which both ways are compared."""
_LOST = "lost"
"""The buffer of a model that fills gaps (:class:`har_core.inference.classifier.RawWindowClassifier`)."""


def take_out_filling(graph: fx.GraphModule, spec: DatasetSpec, window_length: int) -> Filling | None:
    """Have ``graph`` start from windows without gaps, if it fills them itself.

    Returns:
        How it fills; None, and the graph as it was, if it does not fill as ``fill_gaps`` does.
    """
    lost = getattr(graph, _LOST, None)
    filled = _what_is_normalised(graph)
    if lost is None or filled is None:
        return None
    windows = _with_gaps(spec, window_length, float(lost))
    if not torch.equal(results_of(graph, windows)[filled], fill_gaps(windows, spec.channels_of_place, lost)):
        return None
    (window,) = graph.graph.find_nodes(op="placeholder")
    filled.replace_all_uses_with(window)
    remove_unused(graph)
    return Filling(lost=float(lost), places=np.array(spec.place_of_channel, np.uint16))


def _what_is_normalised(graph: fx.GraphModule) -> fx.Node | None:
    for node in graph.graph.find_nodes(op="call_function", target=torch.ops.aten.div.Tensor):
        match node.args:
            case (fx.Node(target=torch.ops.aten.sub.Tensor, args=(fx.Node() as windows, _)), fx.Node(op="get_attr")):
                return windows
    return None


def _with_gaps(spec: DatasetSpec, window_length: int, lost: float) -> Tensor:
    """Random windows, of which each place lacks some stretches, and one place everything."""
    generator = torch.Generator().manual_seed(0)
    windows = torch.randn(_NUM_WINDOWS, window_length, spec.num_channels, generator=generator)
    for number, window in enumerate(windows):
        for channels in spec.channels_of_place:
            starts = torch.rand(window_length, generator=generator) < number / (4 * _NUM_WINDOWS)
            longest = max(1, window_length // 5)
            is_lost = torch.nn.functional.max_pool1d(starts[None].float(), longest, 1)[0] > 0
            for channel in channels:
                window[: len(is_lost), channel][is_lost] = lost
    windows[0, :, list(spec.channels_of_place[0])] = lost
    return windows


def results_of(graph: fx.GraphModule, windows: Tensor) -> dict[fx.Node, Any]:
    """What each node of ``graph`` computes of ``windows`` (N, T, C)."""
    results = {}

    class Recorder(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            results[n] = super().run_node(n)
            return results[n]

    with torch.no_grad():
        Recorder(graph, garbage_collect_values=False).run(windows)
    return results


def remove_unused(graph: fx.GraphModule) -> None:
    """Remove the nodes that the answer does not depend on: checks too."""
    for node in reversed(graph.graph.nodes):
        if node.op in {"get_attr", "call_function"} and not node.users:
            graph.graph.erase_node(node)
