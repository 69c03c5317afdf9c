"""Which channels of windows belong together, and what normalised them, as the training wants to know it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from har_core.spec.channels import triples
from har_core.spec.dataset import DatasetSpec
from har_core.splits.normalization import Statistics
from har_core.training.augmentation import Layout


def layout_of(spec: DatasetSpec, channels: Sequence[int], statistics: Statistics) -> Layout:
    """Of some channels of ``spec``; sensors of which an axis is left out do not turn.

    Args:
        spec: what the windows are of.
        channels: indices of those that the windows hold, in their order.
        statistics: of all channels of ``spec``.
    """
    index = list(channels)
    return Layout(
        triads=triples(spec, channels),
        units=[spec.place_of_channel[channel] for channel in channels],
        mean=torch.from_numpy(statistics.mean[index]),
        standard_deviation=torch.from_numpy(statistics.standard_deviation[index]),
    )
