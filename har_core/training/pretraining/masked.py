"""Masked reconstruction: a network learns to say what was measured at timepoints that it is not shown.

Method: H. Haresamudram et al., "Masked reconstruction based self-supervision for human activity recognition", 2020. A
share of the timepoints of a window is set to zero, on all channels, and the loss is the mean squared error of those.
There a transformer says something of each timepoint; here a small decoder makes the window of the features that the
last layer gets, so that any network can do it.

Letters: N windows, T timepoints, M channels of the windows, F features.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from har_core.training.pretraining.heads import Encoder, make_head


class Masked(nn.Module):
    """An encoder and a decoder of windows (N, T, M), which are normalised: a zero is the mean."""

    def __init__(self, encoder: Encoder, *, num_timepoints: int, num_channels: int, share: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = make_head(encoder.num_features, num_timepoints * num_channels)
        self.share = share

    def training_loss(self, x_NTM: Tensor, _targets: Tensor, _criterion: Callable[..., Tensor]) -> Tensor:
        """Mean squared error of the masked samples."""
        num_windows, num_timepoints, _ = x_NTM.shape
        hidden_NT = masked_timepoints(num_windows, num_timepoints, self.share).to(x_NTM.device)
        made_NTM = self.decoder(self.encoder(x_NTM.masked_fill(hidden_NT.unsqueeze(-1), 0.0))).float().view_as(x_NTM)
        return mse_loss(made_NTM[hidden_NT], x_NTM[hidden_NT])


def masked_timepoints(num_windows: int, num_timepoints: int, share: float) -> Tensor:
    """Which timepoints are masked, bool (N, T): as many in each window, at least one, wherever they fall."""
    num_masked = max(1, round(share * num_timepoints))
    return torch.rand(num_windows, num_timepoints).argsort(dim=1) < num_masked
