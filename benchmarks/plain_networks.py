"""Networks as one would first write them: PyTorch's own layers over (N, F, T, C).

``benchmarks/networks.py`` and tests compare with them. Names of parameters are those of ``har_core.models``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

SHUFFLE_GROUPS = (8, 8, 16, 16)
DILATIONS = (1, 2, 3, 1)


def halving_conv(in_features: int, out_features: int, groups: int = 1, size: int = 3, dilation: int = 1) -> nn.Conv2d:
    """Convolution (3, stride 2, padding 1) along time, or a wider one of the same place."""
    padding = (dilation * (size // 2), 0)
    return nn.Conv2d(
        in_features, out_features, (size, 1), stride=(2, 1), padding=padding, dilation=(dilation, 1), groups=groups
    )


def same_conv(num_features: int) -> nn.Conv2d:
    """Convolution (3, padding 1) along time."""
    return nn.Conv2d(num_features, num_features, (3, 1), padding=(1, 0))


class PlainCnnBlock(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, in_features: int, out_features: int, _index: int) -> None:
        super().__init__()
        self.conv, self.norm = halving_conv(in_features, out_features), nn.BatchNorm2d(out_features)

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        y: Tensor = self.norm(self.conv(x)).relu()
        return y


class PlainResidualBlock(nn.Module):
    """Residual block with a strided convolution on the shortcut."""

    def __init__(self, in_features: int, out_features: int, _index: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = halving_conv(in_features, out_features), nn.BatchNorm2d(out_features)
        self.conv2, self.norm2 = nn.Conv2d(out_features, out_features, 1), nn.BatchNorm2d(out_features)
        self.shortcut_conv, self.shortcut_norm = halving_conv(in_features, out_features), nn.BatchNorm2d(out_features)

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        y: Tensor = self.norm2(self.conv2(self.norm1(self.conv1(x)).relu()))
        shortcut: Tensor = self.shortcut_norm(self.shortcut_conv(x))
        return (y + shortcut).relu()


class PlainShuffleBlock(nn.Module):
    """Depthwise and pointwise convolution, batch norm, ReLU, channel shuffle."""

    def __init__(self, in_features: int, out_features: int, index: int) -> None:
        super().__init__()
        self.depthwise = halving_conv(in_features, in_features, groups=in_features)
        self.pointwise, self.norm = nn.Conv2d(in_features, out_features, 1), nn.BatchNorm2d(out_features)
        self.shuffle = nn.ChannelShuffle(SHUFFLE_GROUPS[index])

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        y: Tensor = self.shuffle(self.norm(self.pointwise(self.depthwise(x))).relu())
        return y


class PlainChannelAttentionBlock(nn.Module):
    """Convolution, gate of each feature, batch norm, ReLU."""

    def __init__(self, in_features: int, out_features: int, _index: int) -> None:
        super().__init__()
        self.conv, self.norm = halving_conv(in_features, out_features), nn.BatchNorm2d(out_features)
        hidden_features = out_features // 4
        self.gate = nn.ModuleDict(
            {
                "squeeze": nn.Conv2d(out_features, hidden_features, 1),
                "excite": nn.Conv2d(hidden_features, out_features, 1),
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        x = self.conv(x)
        gate = self.gate["excite"](self.gate["squeeze"](x.mean(dim=2, keepdim=True)).relu()).sigmoid()
        y: Tensor = self.norm(x * gate).relu()
        return y


class PlainSpatialAttentionBlock(nn.Module):
    """Convolution, gate of each timepoint, batch norm, ReLU."""

    def __init__(self, in_features: int, out_features: int, _index: int) -> None:
        super().__init__()
        self.conv, self.norm = halving_conv(in_features, out_features), nn.BatchNorm2d(out_features)
        self.gate = same_conv(1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        x = self.conv(x)
        y: Tensor = self.norm(x * self.gate(x.mean(dim=1, keepdim=True)).sigmoid()).relu()
        return y


class PlainDilatedBlock(nn.Module):
    """Dilated convolution, batch norm, ReLU."""

    def __init__(self, in_features: int, out_features: int, index: int) -> None:
        super().__init__()
        self.conv = halving_conv(in_features, out_features, dilation=DILATIONS[index])
        self.norm = nn.BatchNorm2d(out_features)

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        y: Tensor = self.norm(self.conv(x)).relu()
        return y


class PlainDepthwiseBlock(nn.Module):
    """Depthwise and pointwise convolution, batch norm, ReLU."""

    def __init__(self, in_features: int, out_features: int, _index: int) -> None:
        super().__init__()
        self.depthwise = halving_conv(in_features, in_features, groups=in_features)
        self.pointwise, self.norm = nn.Conv2d(in_features, out_features, 1), nn.BatchNorm2d(out_features)

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        y: Tensor = self.norm(self.pointwise(self.depthwise(x))).relu()
        return y


class PlainDeformableConv(nn.Module):
    """Convolution over values gathered at moved taps."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.control = halving_conv(in_features, 6)
        self.conv = nn.Conv2d(3 * in_features, out_features, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        num_features, num_timepoints = x.shape[1:3]
        offsets, masks = self.control(x).chunk(2, dim=1)
        here = torch.arange(0, num_timepoints, 2, dtype=x.dtype).view(1, 1, -1, 1)
        places = here + torch.arange(-1, 2, dtype=x.dtype).view(1, 3, 1, 1) + offsets
        places = places.transpose(1, 2).flatten(1, 2)  # (N, 3 * T/2, C)
        left = places.detach().floor()
        masks = masks.sigmoid().transpose(1, 2).flatten(1, 2)
        sampled = torch.zeros(())
        for place, weight in ((left, left + 1 - places), (left + 1, places - left)):
            index = place.long().clamp(0, num_timepoints - 1).unsqueeze(1).expand(-1, num_features, -1, -1)
            is_inside = (place >= 0) & (place < num_timepoints)
            sampled = sampled + x.gather(2, index) * (weight * masks * is_inside).unsqueeze(1)
        taps_first = sampled.view(*sampled.shape[:2], -1, 3, sampled.shape[3]).permute(0, 3, 1, 2, 4).flatten(1, 2)
        y: Tensor = self.conv(taps_first)
        return y


class PlainDeformableBlock(nn.Module):
    """Deformable convolution, batch norm, ReLU."""

    def __init__(self, in_features: int, out_features: int, _index: int) -> None:
        super().__init__()
        self.conv, self.norm = PlainDeformableConv(in_features, out_features), nn.BatchNorm2d(out_features)

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        y: Tensor = self.norm(self.conv(x)).relu()
        return y


class PlainShortcutBlock(nn.Module):
    """ReLU of a branch, which a subclass gives, plus a strided convolution and batch norm."""

    branch: Callable[[Tensor], Tensor]

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.shortcut_conv, self.shortcut_norm = halving_conv(in_features, out_features), nn.BatchNorm2d(out_features)

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        y: Tensor = (self.branch(x) + self.shortcut_norm(self.shortcut_conv(x))).relu()
        return y


class PlainScales(nn.Module):
    """Convolutions in a row, and one of all their outputs."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(same_conv(num_features) for _ in range(4))
        self.norms = nn.ModuleList(nn.BatchNorm2d(num_features) for _ in range(4))
        self.merge = nn.Conv2d(4 * num_features, num_features, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to the same shape."""
        scales = [self.norms[0](self.convs[0](x))]
        for conv, norm in zip(self.convs[1:], self.norms[1:], strict=True):
            scales.append(norm(conv((x + scales[-1]).relu())))
        y: Tensor = self.merge(torch.cat(scales, dim=1))
        return y


class PlainScaleBlock(PlainShortcutBlock):
    """Residual block of Res2Net."""

    def __init__(self, in_features: int, out_features: int, _index: int) -> None:
        super().__init__(in_features, out_features)
        self.conv1, self.norm1 = halving_conv(in_features, out_features), nn.BatchNorm2d(out_features)
        self.scales, self.norm2 = PlainScales(out_features), nn.BatchNorm2d(out_features)

    def branch(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        y: Tensor = self.norm2(self.scales(self.norm1(self.conv1(x)).relu()))
        return y


class PlainSelection(nn.Module):
    """Weighted sum of branches."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(num_features, 4 * num_features)

    def forward(self, branches: list[Tensor]) -> Tensor:
        """Each (N, F, T, C)."""
        together = torch.stack(branches, dim=1)
        weights = self.linear(together.sum(dim=1).mean(dim=(2, 3))).sigmoid().unflatten(1, (4, -1))
        y: Tensor = (together * weights[..., None, None]).sum(dim=1)
        return y


class PlainSelectiveBlock(PlainShortcutBlock):
    """Residual block of SKNet."""

    def __init__(self, in_features: int, out_features: int, _index: int) -> None:
        super().__init__(in_features, out_features)
        self.convs = nn.ModuleList(halving_conv(in_features, out_features, size=size) for size in (3, 5, 7, 9))
        self.norms = nn.ModuleList(nn.BatchNorm2d(out_features) for _ in range(4))
        self.selection = PlainSelection(out_features)
        self.norm1 = nn.BatchNorm2d(out_features)
        self.conv2, self.norm2 = nn.Conv2d(out_features, out_features, 1), nn.BatchNorm2d(out_features)

    def branch(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        y = self.selection([norm(conv(x)) for conv, norm in zip(self.convs, self.norms, strict=True)])
        branch: Tensor = self.norm2(self.conv2(self.norm1(y).relu()))
        return branch


class PlainPaths(nn.Module):
    """Grouped paths: the sum of the groups' last batch norms, ReLU."""

    def __init__(self, in_features: int, out_features: int, num_groups: int, size: int = 3) -> None:
        super().__init__()
        hidden_features = num_groups * out_features if in_features == 1 else in_features
        self.conv, self.norm = halving_conv(in_features, hidden_features, size=size), nn.BatchNorm2d(hidden_features)
        conv = nn.Conv2d(hidden_features, num_groups * out_features, 1, groups=num_groups, bias=False)
        self.paths = nn.ModuleDict({"conv": conv, "norm": nn.BatchNorm2d(num_groups * out_features)})
        self.num_groups = num_groups

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        y = self.paths["norm"](self.paths["conv"](self.norm(self.conv(x)).relu()))
        summed: Tensor = y.unflatten(1, (self.num_groups, -1)).sum(dim=1).relu()
        return summed


class PlainAggregatedBlock(PlainShortcutBlock):
    """Residual block of ResNeXt."""

    def __init__(self, in_features: int, out_features: int, _index: int) -> None:
        super().__init__(in_features, out_features)
        self.paths = PlainPaths(in_features, out_features, num_groups=4)

    def branch(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        y: Tensor = self.paths(x)
        return y


class PlainSplitAttentionBlock(PlainShortcutBlock):
    """Residual block of ResNeSt."""

    def __init__(self, in_features: int, out_features: int, _index: int) -> None:
        super().__init__(in_features, out_features)
        self.branches = nn.ModuleList(PlainPaths(in_features, out_features, 2, size) for size in (3, 5, 7, 9))
        self.selection = PlainSelection(out_features)

    def branch(self, x: Tensor) -> Tensor:
        """(N, F, T, C) to (N, F', T/2, C)."""
        y: Tensor = self.selection([paths(x) for paths in self.branches])
        return y


class PlainPyramid(nn.Module):
    """Lateral convolutions, sums from coarse to fine, smoothing."""

    def __init__(self, in_features: list[int], num_features: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(features, num_features, 1) for features in in_features)
        self.convs = nn.ModuleList(same_conv(num_features) for _ in in_features)
        self.norms = nn.ModuleList(nn.BatchNorm2d(num_features) for _ in in_features)

    def forward(self, scales: list[Tensor]) -> list[Tensor]:
        """Each (N, F, T, C), half as long as the one before."""
        levels: list[Tensor] = []
        for lateral, x in zip(reversed(self.laterals), reversed(scales), strict=True):
            y = lateral(x)
            if levels:
                y = y + nn.functional.interpolate(levels[0], scale_factor=(2, 1), mode="nearest")[:, :, : y.shape[2]]
            levels.insert(0, y)
        return [norm(conv(y)).relu() for conv, norm, y in zip(self.convs, self.norms, levels, strict=True)]


class PlainFpn(nn.Module):
    """Residual blocks, pyramid, average over time of all levels, linear layer."""

    def __init__(self, num_channels: int, num_classes: int, base_width: int) -> None:
        super().__init__()
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        self.body = nn.ModuleList(PlainResidualBlock(widths[i], widths[i + 1], i) for i in range(4))
        self.pyramid = PlainPyramid(widths[1:], 64)
        self.head = nn.ModuleDict({"linear": nn.Linear(4 * 64 * num_channels, num_classes)})

    def forward(self, x: Tensor) -> Tensor:
        """Windows (N, T, C) to logits (N, K)."""
        x, scales = x.unsqueeze(1), list[Tensor]()
        for block in self.body:
            x = block(x)
            scales.append(x)
        features = torch.cat([level.mean(dim=2) for level in self.pyramid(scales)], dim=1)
        logits: Tensor = self.head["linear"](features.flatten(1))
        return logits


class PlainLstm(nn.Module):
    """Two LSTM layers, last timepoint, linear layer."""

    def __init__(self, num_channels: int, num_classes: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(num_channels, 512, num_layers=2, batch_first=True)
        self.linear = nn.Linear(512, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Windows (N, T, C) to logits (N, K)."""
        logits: Tensor = self.linear(self.lstm(x)[0][:, -1])
        return logits


class PlainConvolutional(nn.Module):
    """Four blocks, average over time, linear layer."""

    def __init__(self, block: type[nn.Module], num_channels: int, num_classes: int, base_width: int) -> None:
        super().__init__()
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        self.body = nn.Sequential(*(block(widths[i], widths[i + 1], i) for i in range(4)))
        self.head = nn.ModuleDict({"linear": nn.Linear(widths[-1] * num_channels, num_classes)})

    def forward(self, x: Tensor) -> Tensor:
        """Windows (N, T, C) to logits (N, K)."""
        x = self.body(x.unsqueeze(1))
        x = nn.functional.adaptive_avg_pool2d(x, (1, x.shape[-1]))
        logits: Tensor = self.head["linear"](x.flatten(1))
        return logits


BLOCKS: dict[str, type[nn.Module]] = {
    "channel_attention": PlainChannelAttentionBlock,
    "cnn": PlainCnnBlock,
    "deformable": PlainDeformableBlock,
    "depthwise": PlainDepthwiseBlock,
    "dilated": PlainDilatedBlock,
    "res2net": PlainScaleBlock,
    "resnest": PlainSplitAttentionBlock,
    "resnet": PlainResidualBlock,
    "resnext": PlainAggregatedBlock,
    "shufflenet": PlainShuffleBlock,
    "sknet": PlainSelectiveBlock,
    "spatial_attention": PlainSpatialAttentionBlock,
}
CONVOLUTIONAL = (*BLOCKS, "fpn")
"""All that take ``base_width``."""


def make_plain(name: str, *, num_channels: int, num_classes: int, base_width: int = 64) -> nn.Module:
    """The plain network of an architecture."""
    if name == "lstm":
        return PlainLstm(num_channels, num_classes)
    if name == "fpn":
        return PlainFpn(num_channels, num_classes, base_width)
    return PlainConvolutional(BLOCKS[name], num_channels, num_classes, base_width)
