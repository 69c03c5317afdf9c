"""What can be removed from a network as a whole, and the hidden units of recurrent layers as such.

Letters: H hidden units, G gates of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """The filters, neurons or hidden units of a layer, or of several whose outputs are added up."""

    name: str
    """Of the layer in its network."""
    norms: Tensor
    """(H,): the L1 norm of the weights of each and of those that read it, up to a factor; the smallest go first."""
    rows: Callable[[list[int]], Iterable[tuple[str, list[int]]]]
    """The parameters, by name, that some units have rows of, and these rows; where they are zero the units are."""
    remove: Callable[[list[int]], None]
    """Removes some units from the network; what is left has other indices then."""


def units_of_recurrent(network: nn.Module) -> Iterator[Units]:
    """Hidden units by layer and direction; none unless ``network`` is recurrent layers with a linear one behind.

    All layers and directions have as many, so as many of each must go.
    """
    match [(name, module) for name, module in network.named_children() if any(True for _ in module.parameters())]:
        case [(name, nn.RNNBase() as layers), (_, nn.Linear() as head)]:
            suffixes = ["", "_reverse"] if layers.bidirectional else [""]
            for index in range(layers.num_layers):
                is_last = index + 1 == layers.num_layers
                behind = [(layers, f"weight_ih_l{index + 1}{suffix}") for suffix in suffixes]
                for suffix in suffixes:
                    yield _hidden_units(name, layers, f"l{index}{suffix}", [(head, "weight")] if is_last else behind)


def _hidden_units(name: str, layers: nn.RNNBase, own: str, behind: Sequence[tuple[nn.Module, str]]) -> Units:
    """Those of one layer and direction: ``own`` is the end of their parameters' names, ``behind`` what reads them."""
    recurrent = layers.get_parameter(f"weight_hh_{own}").detach()
    num_gates, num_units = len(recurrent) // recurrent.shape[1], recurrent.shape[1]
    writers = [f"{kind}_{own}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    readers: list[tuple[nn.Module, str]] = [(layers, f"weight_hh_{own}"), *behind]

    def rows(indices: list[int]) -> list[int]:
        return [gate * num_units + index for gate in range(num_gates) for index in indices]

    def columns(reader: Tensor, indices: list[int]) -> list[int]:
        """Units that run backwards stand last."""
        first = reader.shape[1] - num_units if own.endswith("_reverse") else 0
        return [first + index for index in indices]

    def remove(indices: list[int]) -> None:
        for writer in writers:
            setattr(layers, writer, _without(layers.get_parameter(writer), 0, rows(indices)))
        for module, reader in readers:
            weight = module.get_parameter(reader)
            setattr(module, reader, _without(weight, 1, columns(weight, [*indices])))
            if isinstance(module, nn.Linear):
                module.in_features = module.weight.shape[1]
        layers.hidden_size = num_units - len(indices)

    every, sizes = [*range(num_units)], torch.zeros(num_units)
    for writer in writers[:2]:
        sizes += layers.get_parameter(writer).detach().abs().sum(1).view(num_gates, num_units).sum(0)
    for module, reader in readers:
        weight = module.get_parameter(reader).detach()
        sizes += weight[:, columns(weight, every)].abs().sum(0)
    return Units(
        name=f"{name}.{own}",
        norms=sizes,
        rows=lambda indices: [(f"{name}.{writer}", rows(indices)) for writer in writers],
        remove=remove,
    )


def _without(parameter: nn.Parameter, dimension: int, indices: list[int]) -> nn.Parameter:
    kept = torch.ones(parameter.shape[dimension], dtype=torch.bool)
    kept[indices] = False
    return nn.Parameter(parameter.detach().index_select(dimension, kept.nonzero().squeeze(1)))
