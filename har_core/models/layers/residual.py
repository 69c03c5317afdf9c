"""Blocks of residual networks whose channels are kept apart: residuals, groups, selection.

Letters: N windows, C channels, S = N·C series, T timepoints, U = ⌈T/2⌉ timepoints after a stride of 2, R = S·U rows,
F features, P features of all taps of a kernel or of one group, G groups, B branches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from har_core.models.layers.series import FeatureNorm, HalvingConv, PointwiseConv, SeriesConv, with_neighbours


class ResidualBlock(nn.Module):
    """conv(3, stride 2)-BN-ReLU-conv(1)-BN, plus a shortcut conv(3, stride 2)-BN, then ReLU."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.conv1 = HalvingConv(in_features, out_features)
        self.norm1 = FeatureNorm(out_features)
        self.conv2 = PointwiseConv(out_features, out_features)
        self.norm2 = FeatureNorm(out_features)
        self.shortcut_conv = HalvingConv(in_features, out_features)
        self.shortcut_norm = FeatureNorm(out_features)

    def forward(self, x_STF: Tensor) -> Tensor:
        x_SUP = with_neighbours(x_STF)  # gathered once for both halving convolutions
        y_SUF = self.norm1(self.conv1.filter(x_SUP)).relu()
        y_SUF = self.norm2(self.conv2(y_SUF))
        shortcut_SUF = self.shortcut_norm(self.shortcut_conv.filter(x_SUP))
        return torch.relu(y_SUF + shortcut_SUF)


class GroupedNorm(nn.Module):
    """Sum over groups of BN(conv(1)) of each group's features: (S, T, G·F) to (S, T, features).

    Mean and variance of a linear map's output follow from mean and covariance of its input. So the norms are put into
    the weights, and the sum is one matrix product: the outputs of the groups, each wider than its input, are never
    made. The convolutions have no bias, since batch norm would take it away.
    """

    def __init__(self, in_features: int, out_features: int, num_groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(in_features, num_groups * out_features, kernel_size=1, groups=num_groups, bias=False)
        self.norm = nn.BatchNorm1d(num_groups * out_features)
        self.num_groups = num_groups

    def forward(self, x_STF: Tensor) -> Tensor:
        weight_GFP = self.conv.weight.view(self.num_groups, -1, self.conv.weight.shape[1])
        mean_GF, variance_GF = self._moments(x_STF.flatten(0, 1), weight_GFP)
        gain_GF, offset_GF = (tensor.view_as(mean_GF) for tensor in (self.norm.weight, self.norm.bias))
        scale_GF = gain_GF * (variance_GF + self.norm.eps).rsqrt()
        weight_FP = (weight_GFP * scale_GF.unsqueeze(-1)).transpose(0, 1).flatten(start_dim=1)
        return functional.linear(x_STF, weight_FP, (offset_GF - mean_GF * scale_GF).sum(0))

    def _moments(self, x_RP: Tensor, weight_GFP: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each output of each group, of this batch in training and of all batches otherwise.

        ``x_RP`` has the P features of all groups side by side.
        """
        norm, shape = self.norm, weight_GFP.shape[:2]
        running_mean, running_variance = cast("Tensor", norm.running_mean), cast("Tensor", norm.running_var)
        if not norm.training:
            return running_mean.view(shape), running_variance.view(shape)
        with torch.autocast(x_RP.device.type, enabled=False):
            groups = [x.to(weight_GFP.dtype) for x in x_RP.chunk(self.num_groups, dim=1)]
            mean_GP1 = torch.stack([x.mean(0) for x in groups]).unsqueeze(-1)
            products_GPP = torch.stack([x.t() @ x for x in groups]) / len(x_RP)
            covariance_GPP = products_GPP - mean_GP1 @ mean_GP1.transpose(1, 2)
            mean_GF = (weight_GFP @ mean_GP1).squeeze(-1)
            variance_GF = ((weight_GFP @ covariance_GPP) * weight_GFP).sum(-1).clamp(min=0)
        momentum = cast("float", norm.momentum)
        with torch.no_grad():
            cast("Tensor", norm.num_batches_tracked).add_(1)
            running_mean.lerp_(mean_GF.flatten(), momentum)
            running_variance.lerp_(variance_GF.flatten() * (len(x_RP) / (len(x_RP) - 1)), momentum)
        return mean_GF, variance_GF


class GroupedPaths(nn.Module):
    """Aggregated paths (Xie et al. 2017, figure 3): each group conv(stride 2)-BN-ReLU-conv(1)-BN, their sum, ReLU.

    The first convolutions of all groups are one.
    """

    def __init__(self, in_features: int, out_features: int, kernel_size: int, num_groups: int) -> None:
        super().__init__()
        hidden_features = num_groups * out_features if in_features == 1 else in_features
        self.conv = SeriesConv(in_features, hidden_features, kernel_size=kernel_size, stride=2)
        self.norm = FeatureNorm(hidden_features)
        self.paths = GroupedNorm(hidden_features, out_features, num_groups)

    def forward(self, x_STF: Tensor) -> Tensor:
        hidden_SUF = self.norm(self.conv(x_STF)).relu()
        return torch.relu(self.paths(hidden_SUF))


class Selection(nn.Module):
    """Weighted sum of branches: weights in (0, 1) of each branch and feature, from the mean of all branches.

    From B times (S, T, F) to (S, T, F); the weights are one window's, for all of its channels.
    """

    def __init__(self, num_features: int, num_branches: int, num_channels: int) -> None:
        super().__init__()
        self.num_channels = num_channels
        self.linear = nn.Linear(num_features, num_branches * num_features)

    def forward(self, branches_STF: Sequence[Tensor]) -> Tensor:
        branches_NCTF = [x_STF.view(-1, self.num_channels, *x_STF.shape[1:]) for x_STF in branches_STF]
        weights = self.weights(branches_NCTF)
        selected_NCTF = branches_NCTF[0] * weights[0]
        for x_NCTF, weight_N11F in zip(branches_NCTF[1:], weights[1:], strict=True):
            selected_NCTF = torch.addcmul(selected_NCTF, x_NCTF, weight_N11F)
        return selected_NCTF.flatten(0, 1)

    def weights(self, branches_NCTF: Sequence[Tensor]) -> list[Tensor]:
        """One (N, 1, 1, F) for each branch."""
        means_NF = [x_NCTF.mean(dim=(1, 2)) for x_NCTF in branches_NCTF]
        weights_NF = self.linear(torch.stack(means_NF).sum(0)).sigmoid().chunk(len(branches_NCTF), dim=-1)
        return [weight_NF[:, None, None].to(x.dtype) for weight_NF, x in zip(weights_NF, branches_NCTF, strict=True)]
