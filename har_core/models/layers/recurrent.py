"""Runs PyTorch's recurrent layers in a form that can be exported.

Letters: N windows, T timepoints, F features, L layers, times two if they run both ways, H hidden units.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

_OPERATORS: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "RNN_TANH": torch.rnn_tanh,
    "GRU": torch.gru,
    "LSTM": torch.lstm,
}


def states(layers: nn.RNNBase, x_NTF: Tensor) -> Tensor:
    """Hidden states of the last layer at every timepoint, from states of zero.

    Args:
        layers: ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM`` with biases and ``batch_first``.
        x_NTF: float32 (N, T, F).

    Returns:
        (N, T, H); of layers that run both ways (N, T, 2·H), forwards and then backwards.
    """
    num_directions = 2 if layers.bidirectional else 1
    start_LNH = x_NTF.new_zeros(num_directions * layers.num_layers, x_NTF.shape[0], layers.hidden_size)
    start: Any = (start_LNH, start_LNH) if layers.mode == "LSTM" else start_LNH
    # The modules keep their weights in a list that torch.export cannot see; this is the function that they call. Time
    # comes first, in memory too: else GRUs round differently where weights need no gradient.
    h_TNH, *_ = _OPERATORS[layers.mode](
        x_NTF.transpose(0, 1).contiguous(),
        start,
        list(layers.parameters()),
        has_biases=True,
        num_layers=layers.num_layers,
        dropout=layers.dropout,
        train=layers.training,
        bidirectional=layers.bidirectional,
        batch_first=False,
    )
    return h_TNH.transpose(0, 1)
