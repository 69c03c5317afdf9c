"""LSTM: two recurrent layers over the channels, read at the last timepoint.

Origin: Hochreiter and Schmidhuber 1997 ("Long short-term memory"), in the variant of PyTorch's ``nn.LSTM``, which has
the forget gate of Gers et al. 2000 ("Learning to forget"); the usual recurrent baseline of HAR.

Cost of a window of 125 x 45, 19 activities: 3,255,827 parameters, 404,745,728 multiply-accumulates.

Letters: N windows, T timepoints, C channels, H hidden units, K activities.
"""

from __future__ import annotations

from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.recurrent import states
from har_core.models.registry import register_model


@register_model("lstm")
class Lstm(nn.Module):
    """``num_layers`` LSTM layers of ``hidden_size`` units, then one linear layer on the last timepoint."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        hidden_size: int = 512,
        num_layers: int = 2,
    ) -> None:
        super().__init__()
        require_option(hidden_size >= 1, "hidden_size", hidden_size, "a whole number of at least 1")
        require_option(num_layers >= 1, "num_layers", num_layers, "a whole number of at least 1")
        self.lstm = nn.LSTM(num_channels, hidden_size, num_layers=num_layers, batch_first=True)
        self.linear = nn.Linear(hidden_size, num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        h_NTH = states(self.lstm, x_NTC)
        logits_NK: Tensor = self.linear(h_NTH[:, -1])
        return logits_NK
