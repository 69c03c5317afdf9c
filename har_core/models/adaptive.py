"""Adaptive: a network of four stages that stops at the first whose answer it trusts.

Origin: S. Teerapittayanon, B. McDanel and H. T. Kung, "BranchyNet", ICPR 2016 (a classifier after each stage; a window
leaves at the first that is sure enough), and G. Huang et al., "Multi-scale dense networks for resource efficient image
classification", ICLR 2018 (section 4: the losses of all exits with equal weights, and a threshold of confidence). Their
confidence is the entropy or the largest probability, ours is learnt: each exit but the last estimates the probability
that its own answer is right. The stages are ours: residual blocks along time, each twice as wide as the one before, so
that each costs about twice as much.

Cost of a window of 125 x 45, 19 activities: 716,847 parameters, 7,812,320 multiply-accumulates.
That is the cost of a window that needs all stages.

Letters: N windows, T timepoints, C channels, U timepoints after the strides, F features, K activities.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from har_core.models.layers.options import require_option
from har_core.models.registry import register_model

_NUM_EXITS = 4
_KERNEL_SIZE = 5


@register_model("adaptive")
class Adaptive(nn.Module):
    """A strided convolution, then three residual blocks of growing width; an exit after each of the four."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        base_width: int = 32,
        threshold: float = 0.9,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        require_option(0 < threshold < 1, "threshold", threshold, "a probability between 0 and 1")
        require_option(0 <= dropout < 1, "dropout", dropout, "a share from 0 to below 1")
        self.threshold = threshold
        widths = [base_width * 2**stage for stage in range(_NUM_EXITS)]
        stem = nn.Sequential(_convolution(num_channels, widths[0], stride=2), nn.BatchNorm1d(widths[0]), nn.ReLU())
        self.stages = nn.ModuleList([stem, *map(ResidualBlock, widths, widths[1:])])
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleList(nn.Linear(2 * width, num_classes) for width in widths)
        self.gates = nn.ModuleList(nn.Linear(2 * width, 1) for width in widths[:-1])

    def forward(self, x_NTC: Tensor) -> Tensor:
        """Compute all stages; the first exit that is confident enough answers a window."""
        logits, gates = self._exits(x_NTC)
        answer_NK = logits[-1]
        for logits_NK, gate_N in zip(logits[-2::-1], gates[-2::-1], strict=True):
            answer_NK = torch.where(self._is_sure(gate_N).unsqueeze(1), logits_NK, answer_NK)
        return answer_NK

    def training_loss(self, x_NTC: Tensor, targets_NK: Tensor, criterion: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The mean over the exits of their loss and, but for the last, of the cross entropy of being right.

        Gates learn from the features as they are, and change none.
        """
        losses = []
        for logits_NK, gate_N in zip(*self._exits(x_NTC), strict=True):
            losses.append(criterion(logits_NK.float(), targets_NK))
            if len(losses) < 2 * _NUM_EXITS - 1:
                right_N = targets_NK.gather(1, logits_NK.argmax(dim=1, keepdim=True)).squeeze(1)
                losses.append(binary_cross_entropy_with_logits(gate_N.float(), right_N))
        return torch.stack(losses).sum() / _NUM_EXITS

    def answer(self, x_NTC: Tensor) -> tuple[Tensor, Tensor]:
        """The logits (N, K) of ``forward``, and the exit, counted from 0, that gave them, int64 (N,).

        For a model in evaluation. A stage computes only the windows that no exit has answered yet: the work depends on
        the windows, which is why only ``forward`` can be exported.
        """
        left_N, x_NFT = torch.arange(len(x_NTC), device=x_NTC.device), x_NTC.transpose(1, 2)
        windows, logits, exits = [], [], []
        for number, stage in enumerate(self.stages):
            x_NFT = stage(x_NFT)
            logits_NK, gate_N = self._exit(number, x_NFT)
            sure_N = self._is_sure(gate_N)
            windows.append(left_N[sure_N])
            logits.append(logits_NK[sure_N])
            exits.append(torch.full_like(windows[-1], number))
            left_N, x_NFT = left_N[~sure_N], x_NFT[~sure_N]
            if not len(left_N):
                break
        order_N = torch.cat(windows).argsort()
        return torch.cat(logits)[order_N], torch.cat(exits)[order_N]

    def exits_taken(self, x_NTC: Tensor) -> Tensor:
        """The exit that answers each window, int64 (N,), counted from 0."""
        return self.answer(x_NTC)[1]

    def up_to_exit(self, x_NTC: Tensor, number: int) -> Tensor:
        """Logits (N, K) of an exit, counted from 0, with all that is computed for a window which leaves there."""
        return self._exits(x_NTC, number)[0][-1]

    def _exits(self, x_NTC: Tensor, last: int = _NUM_EXITS - 1) -> tuple[list[Tensor], list[Tensor]]:
        """Logits (N, K) and gates (N,) of the exits up to ``last``."""
        x_NFT, logits, gates = x_NTC.transpose(1, 2), [], []
        for number in range(last + 1):
            x_NFT = self.stages[number](x_NFT)
            logits_NK, gate_N = self._exit(number, x_NFT)
            logits.append(logits_NK)
            gates.append(gate_N)
        return logits, gates

    def _exit(self, number: int, x_NFT: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, K), and the logit (N,) of the probability that they are right; the last exit is always sure."""
        x_NF = self.dropout(torch.cat([x_NFT.mean(dim=-1), x_NFT.amax(dim=-1)], dim=-1))
        logits_NK: Tensor = self.heads[number](x_NF)
        if number == len(self.gates):
            return logits_NK, logits_NK.new_full(logits_NK.shape[:1], math.inf)
        return logits_NK, self.gates[number](x_NF.detach()).squeeze(1)

    def _is_sure(self, gate_N: Tensor) -> Tensor:
        return gate_N.float().sigmoid() > self.threshold


class ResidualBlock(nn.Module):
    """Two convolutions along time, of which the first halves it, plus the input through one of its own, then ReLU."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _convolution(in_features, out_features, stride=2),
            nn.BatchNorm1d(out_features),
            nn.ReLU(),
            _convolution(out_features, out_features, stride=1),
            nn.BatchNorm1d(out_features),
        )
        self.shortcut = nn.Sequential(
            nn.Conv1d(in_features, out_features, 1, stride=2, bias=False), nn.BatchNorm1d(out_features)
        )

    def forward(self, x_NFT: Tensor) -> Tensor:
        x_NFU: Tensor = self.body(x_NFT) + self.shortcut(x_NFT)
        return x_NFU.relu()


def _convolution(in_features: int, out_features: int, *, stride: int) -> nn.Conv1d:
    return nn.Conv1d(in_features, out_features, _KERNEL_SIZE, stride=stride, padding=_KERNEL_SIZE // 2, bias=False)
