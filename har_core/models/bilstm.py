"""BiLSTM: two LSTM layers that run both ways over the channels, each way read where it ends.

Origin: Graves and Schmidhuber 2005 ("Framewise phoneme classification with bidirectional LSTM networks"), here with one
answer for a window: a linear layer on the last forward state and the first backward one, each of which has seen the
whole window. A quarter of the units of `lstm` run each way.

Cost of a window of 125 x 45, 19 activities: 579,347 parameters, 71,300,864 multiply-accumulates.

Letters: N windows, T timepoints, C channels, H hidden units, K activities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.recurrent import states
from har_core.models.registry import register_model


@register_model("bilstm")
class BiLstm(nn.Module):
    """``num_layers`` LSTM layers of ``hidden_size`` units each way, then one linear layer on both last states."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        hidden_size: int = 128,
        num_layers: int = 2,
    ) -> None:
        super().__init__()
        require_option(hidden_size >= 1, "hidden_size", hidden_size, "a whole number of at least 1")
        require_option(num_layers >= 1, "num_layers", num_layers, "a whole number of at least 1")
        self.lstm = nn.LSTM(num_channels, hidden_size, num_layers=num_layers, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(2 * hidden_size, num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        ahead_NTH, back_NTH = states(self.lstm, x_NTC).chunk(2, dim=-1)
        logits_NK: Tensor = self.linear(torch.cat([ahead_NTH[:, -1], back_NTH[:, 0]], dim=-1))
        return logits_NK
