"""Filters: whole filters, neurons and recurrent units are removed, in steps with training in between.

Method: H. Li et al., "Pruning filters for efficient convnets", 2017: those of the smallest L1 norm go, the same share
of each layer, with all that belongs to them: their norms, and the weights that read them. In convolutional networks
torch-pruning finds what belongs together (G. Fang et al., "DepGraph: towards any structural pruning", 2023); it cannot
look into recurrent layers, whose units :mod:`har_core.compression.units` removes.

The network has fewer weights and computes less. Refused are architectures that cannot be cut, and such as would not
answer, once cut, as if the removed parts were silent.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, get_args

import torch
from torch import Tensor, nn

from har_core.base.errors import InputError
from har_core.compression.gradual import prune_gradually
from har_core.compression.recipe import Compressed, Material, Parent
from har_core.compression.units import Units, units_of_recurrent
from har_core.fitting.recipe import channels_seen
from har_core.models.layers.series import ChannelHead, HalvingConv, with_neighbours
from har_core.settings.recipes import FiltersSettings
from har_core.training.initialisation import Dense

_NUM_EXAMPLES = 4
_TOLERANCE = 1e-4
"""Between logits of a cut network and of one whose parts are silent, relative to the largest of them."""
MISUNDERSTOOD = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What torch-pruning raises, or a network that it cut wrongly, where an architecture has what it does not know."""
_NORMS = nn.BatchNorm1d | nn.BatchNorm2d


def compress(settings: FiltersSettings, parent: Parent, material: Material) -> Compressed:
    """Remove filters, neurons and recurrent units of ``parent``.

    Raises:
        InputError: it is no network of an architecture, or of one that cannot be cut; torch-pruning is not installed.
    """
    network = parent.network(material)
    examples = material.windows.roles["training"].windows[:_NUM_EXAMPLES]
    if material.settings is not None:
        examples = examples[:, :, list(channels_seen(material.windows.spec, material.settings.training))]
    with _refusing(parent.name):
        widths = {own.name: len(own.norms) for own in list_units(network, examples)}
    if left(widths, settings.share) == widths:
        raise InputError(f"{parent.name} has nothing that can be removed: no filter, neuron or recurrent unit")

    def prune(share: float) -> AbstractContextManager[None]:
        with _refusing(parent.name):
            cut(network, examples, left(widths, share))
        return nullcontext()

    return prune_gradually(network, material, settings, prune)


def left(widths: Mapping[str, int], share: float) -> dict[str, int]:
    """How many of each layer stay where a share of ``widths`` goes: at least one."""
    return {name: max(1, round(width * (1 - share))) for name, width in widths.items()}


def cut(network: nn.Module, examples: Tensor, widths: Mapping[str, int]) -> None:
    """Remove the weakest units of ``network`` until it has ``widths`` by layer, as :func:`list_units` names them.

    Args:
        network: on the CPU; changed in place, and of no use after an error.
        examples: windows (N, T, C) as it takes them.
        widths: at most what there is.

    Raises:
        RuntimeError: it does not answer ``examples`` as if the removed units were silent, or has other widths.
    """
    silent, units = copy.deepcopy(network), [*list_units(network, examples)]
    chosen = [own.norms.argsort()[: len(own.norms) - widths[own.name]].tolist() for own in units]
    with torch.no_grad():
        for own, indices in zip(units, chosen, strict=True):
            for name, rows in own.rows(indices):
                silent.get_parameter(name)[rows] = 0.0
        for own, indices in zip(units, chosen, strict=True):
            own.remove(indices)
        expected, answered = silent(examples), network(examples)
    difference, largest = (answered - expected).abs().max().item(), max(1.0, expected.abs().max().item())
    if difference > _TOLERANCE * largest:
        raise RuntimeError(f"logits differ by {difference:.3g} from those of silent units")
    found = {own.name: len(own.norms) for own in list_units(network, examples)}
    if found != widths:
        raise RuntimeError(f"widths are {found}, expected {widths}")


def list_units(network: nn.Module, examples: Tensor) -> Iterator[Units]:
    """What can be removed from ``network``, layer by layer; layers whose outputs are added up are one."""
    if any(isinstance(module, nn.RNNBase) for module in network.modules()):
        yield from units_of_recurrent(network)
    else:
        yield from _units_of_convolutional(network, examples)


def _units_of_convolutional(network: nn.Module, examples: Tensor) -> Iterator[Units]:
    pruning = _torch_pruning()
    graph, names = pruning.DependencyGraph(), {module: name for name, module in network.named_modules()}
    with _seen_by_hooks(network):
        graph.build_dependency(
            network, examples, customized_pruners={ChannelHead: _pruner_of_heads(pruning)}, verbose=False
        )
    widest = max(max(parameter.shape) for parameter in network.parameters())
    for dep in (dep for node in graph.module2node.values() for dep in node.dependencies):
        dep.index_mapping.append(partial(_at_most, widest))
    last = [module for module, node in graph.module2node.items() if not node.outputs]
    norms_of = pruning.importance.GroupMagnitudeImportance(p=1)
    for group in graph.get_all_groups(ignored_layers=last, root_module_types=get_args(Dense)):
        (root, prune), *_ = ((dep.target.module, dep.handler) for dep, _ in group)

        def rows(indices: list[int], root: nn.Module = root, prune: Any = prune) -> Iterator[tuple[str, list[int]]]:
            for dep, own in graph.get_pruning_group(root, prune, indices):
                module = dep.target.module
                if graph.is_out_channel_pruning_fn(dep.handler) and isinstance(module, Dense | _NORMS):
                    yield from ((f"{names[module]}.{name}", own) for name, _ in module.named_parameters(recurse=False))

        def remove(indices: list[int], root: nn.Module = root, prune: Any = prune) -> None:
            if indices:
                graph.get_pruning_group(root, prune, indices).prune()

        yield Units(name=names[root], norms=norms_of(group), rows=rows, remove=remove)


def _at_most(most: int, indices: list[Any]) -> list[Any]:
    """``indices`` of what depends on a unit: torch-pruning finds ever more where an architecture misleads it."""
    if len(indices) > most:
        raise ValueError(f"{len(indices)} places depend on units of a layer, and no layer has more than {most}")
    return indices


def _pruner_of_heads(pruning: Any) -> Any:
    """What torch-pruning is to do with the head of series: a feature that it reads is a weight for each channel."""

    class Heads(pruning.BasePruningFunc):  # type: ignore[misc] # the package may be absent
        def get_out_channels(self, layer: ChannelHead) -> int:
            return layer.linear.out_features

        def get_in_channels(self, layer: ChannelHead) -> int:
            return layer.linear.in_features // layer.num_channels

        def prune_in_channels(self, layer: ChannelHead, idxs: list[int]) -> ChannelHead:
            channels = range(layer.num_channels)
            columns = [feature * layer.num_channels + channel for feature in idxs for channel in channels]
            pruning.prune_linear_in_channels(layer.linear, columns)
            return layer

        def prune_out_channels(self, layer: ChannelHead, idxs: list[int]) -> ChannelHead:
            raise ValueError(f"activities are never removed: {idxs} of {layer}")

    return Heads()


@contextmanager
def _seen_by_hooks(network: nn.Module) -> Iterator[None]:
    """While it is open, whoever calls ``filter`` of a convolution calls the module, by which it is traced."""
    convs = [module for module in network.modules() if isinstance(module, HalvingConv)]
    for conv in convs:
        vars(conv).update(forward=partial(_gathered_once, conv, conv.filter), filter=conv.__call__)
    try:
        yield
    finally:
        for conv in convs:
            del vars(conv)["forward"], vars(conv)["filter"]


def _gathered_once(conv: HalvingConv, apply: Any, x_STF: Tensor) -> Any:
    is_gathered = x_STF.shape[-1] == conv.in_channels * conv.kernel_size[0]
    return apply(x_STF if is_gathered else with_neighbours(x_STF))


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    try:
        yield
    except MISUNDERSTOOD as error:
        raise InputError(f"{name} cannot be cut: nobody knows which of its weights belong together") from error


def _torch_pruning() -> Any:
    try:
        return importlib.import_module("torch_pruning")
    except ImportError as error:
        raise InputError("filters needs torch-pruning: pip install 'har[compress]'") from error
