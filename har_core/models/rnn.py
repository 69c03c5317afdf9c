"""RNN: two Elman layers over the channels, read at the last timepoint.

Origin: Elman 1990 ("Finding structure in time"), with the tanh of PyTorch's ``nn.RNN``. What passes from one timepoint
to the next starts with orthogonal weights (Saxe et al. 2014, "Exact solutions to the nonlinear dynamics of learning in
deep linear neural networks"): nothing else carries a gradient over 125 timepoints. It has half the units of `lstm`, as
with 512 the usual learning rates were too high.

Cost of a window of 125 x 45, 19 activities: 214,035 parameters, 26,020,864 multiply-accumulates.

Letters: N windows, T timepoints, C channels, H hidden units, K activities.
"""

from __future__ import annotations

from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.recurrent import states
from har_core.models.registry import register_model


@register_model("rnn")
class Rnn(nn.Module):
    """``num_layers`` Elman layers of ``hidden_size`` units, then one linear layer on the last timepoint."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        hidden_size: int = 256,
        num_layers: int = 2,
    ) -> None:
        super().__init__()
        require_option(hidden_size >= 1, "hidden_size", hidden_size, "a whole number of at least 1")
        require_option(num_layers >= 1, "num_layers", num_layers, "a whole number of at least 1")
        self.rnn = nn.RNN(num_channels, hidden_size, num_layers=num_layers, batch_first=True)
        for name, weight in self.rnn.named_parameters():
            if name.startswith("weight_hh"):
                nn.init.orthogonal_(weight)
        self.linear = nn.Linear(hidden_size, num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        h_NTH = states(self.rnn, x_NTC)
        logits_NK: Tensor = self.linear(h_NTH[:, -1])
        return logits_NK
