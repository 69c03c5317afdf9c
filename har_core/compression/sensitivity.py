"""How much each layer can spare: macro-F1 where it alone is pruned, without any training after it.

Method: S. Han et al., "Learning both weights and connections for efficient neural networks", 2015, figure 6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from sklearn.metrics import f1_score

from har_core.base.errors import InputError
from har_core.compression.recipe import Material, Parent, with_input
from har_core.compression.weights import prunable, smallest
from har_core.inference.classifier import predict_probabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """One point of one layer's curve."""

    layer: str
    """The name of its weights in the network: ``lstm.weight_hh_l0``."""
    share: float
    """Of its weights that are zero, the smallest."""
    macro_f1: float
    """Of the validation windows, over the activities that there are validation and training windows of."""


def sensitivity(parent: Parent, material: Material, shares: Sequence[float]) -> Iterator[Sensitivity]:
    """The curve of each layer in the network of ``parent``, one after the other.

    Args:
        parent: stays as it is.
        material: its validation windows are predicted once for each point; test windows are not looked at.
        shares: from 0, where nothing is pruned, to 1.

    Raises:
        InputError: the parent is no network of an architecture, or there are no validation windows.
    """
    network, validation = parent.network(material), material.windows.roles["validation"]
    learnt = set(material.windows.roles["training"].labels.tolist())
    activities = sorted(learnt & set(validation.labels.tolist()))
    if not activities:
        raise InputError(
            "sensitivity is measured on validation windows, of activities that were learnt; there are none"
        )
    classifier, windows = with_input(network, material), material.raw("validation")
    for name, weight in prunable(network).items():
        for share in shares:
            [mask], before = smallest([weight], share, "layer"), weight.detach().clone()
            with torch.no_grad():
                weight.masked_fill_(mask, 0.0)
                predicted = predict_probabilities(classifier, windows).argmax(axis=1)
                weight.copy_(before)
            macro_f1 = f1_score(
                validation.labels.numpy(), predicted, labels=activities, average="macro", zero_division=0.0
            )
            yield Sensitivity(layer=name, share=share, macro_f1=float(macro_f1))
