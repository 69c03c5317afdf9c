"""The networks of the design as one would first write them: PyTorch's own layers over (N, F, T, C).

What ``benchmarks/networks.py`` compares with, and what a test of ``har_core/models/layers/series.py`` takes for the
truth. Names of parameters are those of ``har_core.models``.
"""

from __future__ import annotations

from torch import Tensor, nn

SHUFFLE_GROUPS = (8, 8, 16, 16)


def halving_conv(in_features: int, out_features: int, groups: int = 1) -> nn.Conv2d:
    """Convolution (3, stride 2, padding 1) along time."""
    return nn.Conv2d(in_features, out_features, (3, 1), stride=(2, 1), padding=(1, 0), groups=groups)


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
    "cnn": PlainCnnBlock,
    "resnet": PlainResidualBlock,
    "shufflenet": PlainShuffleBlock,
}


def make_plain(name: str, *, num_channels: int, num_classes: int, base_width: int = 64) -> nn.Module:
    """The plain network of an architecture."""
    if name == "lstm":
        return PlainLstm(num_channels, num_classes)
    return PlainConvolutional(BLOCKS[name], num_channels, num_classes, base_width)
