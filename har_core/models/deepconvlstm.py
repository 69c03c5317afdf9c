"""DeepConvLSTM: convolutions along time with channels apart, then LSTM layers over all of them.

Origin: Ordóñez and Roggen 2016 ("Deep convolutional and LSTM recurrent neural networks for multimodal wearable activity
recognition"), with its published sizes. With ``num_layers = 1`` (Bock et al. 2021, "Improving deep learning for HAR
with shallow LSTMs") it has the 1,605,587 parameters that the logs published with `tinierhar` count for 45 channels and
19 activities.

Cost of a window of 125 x 45, 19 activities: 1,737,683 parameters, 496,324,544 multiply-accumulates.

Letters: N windows, T timepoints, C channels, U timepoints after the convolutions, F features, H hidden units,
K activities.
"""

from __future__ import annotations

from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.recurrent import states
from har_core.models.registry import register_model

_NUM_CONVS = 4


@register_model("deepconvlstm")
class DeepConvLstm(nn.Module):
    """Four times convolution and ReLU, without zeros beyond the ends; LSTM layers; one linear layer on the last state.

    During training ``dropout`` of the inputs of each LSTM layer and of the linear layer are zero.
    """

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        width: int = 64,
        kernel_size: int = 5,
        hidden_size: int = 128,
        num_layers: int = 2,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        longest = (num_timepoints - 1) // _NUM_CONVS + 1
        require_option(width >= 1, "width", width, "a whole number of at least 1")
        require_option(
            1 <= kernel_size <= longest,
            "kernel_size",
            kernel_size,
            f"1 to {longest}, since four convolutions shorten a window of {num_timepoints} timepoints",
        )
        require_option(hidden_size >= 1, "hidden_size", hidden_size, "a whole number of at least 1")
        require_option(num_layers >= 1, "num_layers", num_layers, "a whole number of at least 1")
        require_option(0 <= dropout < 1, "dropout", dropout, "a share from 0 to below 1")
        self.convs = nn.ModuleList(
            nn.Conv2d(width if index else 1, width, (kernel_size, 1)) for index in range(_NUM_CONVS)
        )
        self.lstm = nn.LSTM(
            width * num_channels,
            hidden_size,
            num_layers=num_layers,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(hidden_size, num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NFTC = x_NTC.unsqueeze(1)
        for conv in self.convs:
            x_NFTC = conv(x_NFTC).relu()
        x_NUF = x_NFTC.transpose(1, 2).flatten(start_dim=2)
        h_NUH = states(self.lstm, self.dropout(x_NUF))
        logits_NK: Tensor = self.linear(self.dropout(h_NUH[:, -1]))
        return logits_NK
