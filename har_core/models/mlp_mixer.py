"""MLP-Mixer: perceptrons that mix patches along time and perceptrons that mix features, in turn.

Origin: I. Tolstikhin et al., "MLP-Mixer: an all-MLP architecture for vision", 2021, section 2; for HAR K. Ojiako and
K. Farrahi, "MLPs are all you need for human activity recognition", 2023. There a window is a picture of channels by
timepoints, turned into three colours by a convolution and cut into squares. Here a patch holds all channels of a few
timepoints, because neighbours in the list of channels are no neighbours on the body; so 125 timepoints of 45 channels
make 25 patches, not 225 squares, and the network stays small. Tolstikhin et al. also train with dropout, Ojiako and
Farrahi without.

Cost of a window of 125 x 45, 19 activities: 89,783 parameters, 2,409,216 multiply-accumulates.

Letters: N windows, T timepoints, C channels, P patches, L values of a patch, F features, K activities.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from har_core.models.layers.options import require_option
from har_core.models.registry import register_model


@register_model("mlp_mixer")
class MlpMixer(nn.Module):
    """A linear layer on each patch, ``num_layers`` mixer blocks, layer norm, mean over time, one linear layer."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        width: int = 64,
        patch_length: int = 5,
        num_layers: int = 4,
        patch_hidden_size: int = 32,
        feature_hidden_size: int = 128,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        sizes = {
            "width": width,
            "patch_length": patch_length,
            "num_layers": num_layers,
            "patch_hidden_size": patch_hidden_size,
            "feature_hidden_size": feature_hidden_size,
        }
        for option, value in sizes.items():
            require_option(value >= 1, option, value, "a whole number of at least 1")
        require_option(0 <= dropout < 1, "dropout", dropout, "a share from 0 to below 1")
        num_patches = -(-num_timepoints // patch_length)
        self.num_padded = num_patches * patch_length - num_timepoints
        self.embed = nn.Linear(patch_length * num_channels, width)
        self.body = nn.Sequential(
            *(
                MixerBlock(
                    num_patches=num_patches,
                    width=width,
                    patch_hidden_size=patch_hidden_size,
                    feature_hidden_size=feature_hidden_size,
                    dropout=dropout,
                )
                for _ in range(num_layers)
            )
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NTC = functional.pad(x_NTC, (0, 0, 0, self.num_padded))
        x_NPL = x_NTC.reshape(x_NTC.shape[0], -1, self.embed.in_features)
        x_NPF = self.body(self.embed(x_NPL))
        logits_NK: Tensor = self.head(self.norm(x_NPF).mean(dim=1))
        return logits_NK


class MixerBlock(nn.Module):
    """Mix the patches of each feature, then the features of each patch, with a sum around each."""

    def __init__(
        self, *, num_patches: int, width: int, patch_hidden_size: int, feature_hidden_size: int, dropout: float
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.mix_patches = perceptron(num_patches, patch_hidden_size, dropout)
        self.norm2 = nn.LayerNorm(width)
        self.mix_features = perceptron(width, feature_hidden_size, dropout)

    def forward(self, x_NPF: Tensor) -> Tensor:
        x_NFP = self.norm1(x_NPF).transpose(1, 2)
        x_NPF = x_NPF + self.mix_patches(x_NFP).transpose(1, 2)
        y_NPF: Tensor = self.mix_features(self.norm2(x_NPF))
        return x_NPF + y_NPF


def perceptron(size: int, hidden_size: int, dropout: float) -> nn.Sequential:
    """Two linear layers with GELU between them, from ``size`` numbers to as many."""
    return nn.Sequential(
        nn.Linear(size, hidden_size), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden_size, size), nn.Dropout(dropout)
    )
