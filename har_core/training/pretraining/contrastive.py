"""Contrastive learning: a network learns which two of many changed windows were the same window.

Method: C. I. Tang et al., "Exploring contrastive learning in human activity recognition for healthcare", 2020, which is
SimCLR (T. Chen et al., "A simple framework for contrastive learning of visual representations", 2020) with changes of
windows of sensors. Each window of a batch is changed twice at random; a head projects the features of these views, and
the loss (NT-Xent) is the cross entropy of finding the other view of a window among all others by cosine similarity. The
strengths of the changes are ours.

Letters: N windows, T timepoints, M channels of the windows, F features, P projected features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from har_core.settings.augmentation import AugmentationSettings
from har_core.training.augmentation import Change, Layout, make_augmentation
from har_core.training.pretraining.heads import BOTTLENECK, Encoder, make_head

VIEWS = AugmentationSettings(rotation_degrees=60.0, scaling=0.2, jitter=0.1, channel_dropout=0.1)
"""What makes a view of a window."""


class Contrastive(nn.Module):
    """An encoder and a head that projects its features."""

    def __init__(self, encoder: Encoder, *, layout: Layout, temperature: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.projection = make_head(encoder.num_features, BOTTLENECK)
        self.change = cast("Change", make_augmentation(VIEWS, layout))
        self.temperature = temperature

    def training_loss(self, x_NTM: Tensor, _targets: Tensor, _criterion: Callable[..., Tensor]) -> Tensor:
        """NT-Xent of two views of each window."""
        with torch.autocast(x_NTM.device.type, enabled=False):
            views = self.change(torch.cat([x_NTM, x_NTM]))
        projected = self.projection(self.encoder(views)).float()
        return nt_xent(*projected.chunk(2), temperature=self.temperature)


def nt_xent(first_NP: Tensor, second_NP: Tensor, *, temperature: float) -> Tensor:
    """The normalised, temperature-scaled cross entropy of pairs of rows, a scalar (Chen et al. 2020, equation 1)."""
    num_windows = len(first_NP)
    rows = normalize(torch.cat([first_NP, second_NP]), dim=1)
    with torch.autocast(rows.device.type, enabled=False):
        similarities = rows @ rows.T / temperature
    similarities.fill_diagonal_(-torch.inf)
    partners = torch.arange(2 * num_windows, device=rows.device).roll(num_windows)
    return cross_entropy(similarities, partners)
