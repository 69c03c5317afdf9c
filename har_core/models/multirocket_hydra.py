"""MultiRocket and HYDRA: random convolutions of windows and of their differences, and a ridge classifier.

Origin: C. W. Tan, A. Dempster, C. Bergmeir and G. I. Webb, "MultiRocket: multiple pooling operators and transformations
for fast and effective time series classification", Data Mining and Knowledge Discovery 36, 2022 (section 3: four
summaries of each convolution, windows and their first differences), and A. Dempster, D. F. Schmidt and G. I. Webb,
"Hydra: competing convolutional kernels for fast and accurate time series classification", the same 37, 2023, who put
both in front of one ridge classifier. It has 3,712 features, not some 54,000, because the time of the ridge regression
grows with their square (the papers: ``num_features = 49728``, ``num_groups = 64``). Channels are standardised and added
up as in :mod:`har_core.models.layers.random_convolutions`; no group of HYDRA adds one twice, which the authors' code
may do. The values of HYDRA are rounded to six decimals, so that the last bit decides no contest where a signal stands
still; its counts are standardised with their zeros, not without.

Letters: N windows, T timepoints, C channels, P kernels, B thresholds of a kernel, G groups, K kernels of a group, J = 9
weights of a kernel, D dilations, F features.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import RidgeClassifierCV
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn import functional

from har_core.models.features import features_of
from har_core.models.layers.options import require_option
from har_core.models.layers.random_convolutions import KERNEL_LENGTH, NUM_KERNELS, PENALTIES, scale_of, with_thresholds
from har_core.models.linear import LinearOnFeatures
from har_core.models.registry import register_classical

KERNELS_PER_GROUP = 8
_PER_THRESHOLD = 8
"""Four summaries, of windows and of differences."""
_FEWEST_CHANNELS, _MOST_CHANNELS = 2, 8
"""That a group of HYDRA adds up: half of all, within these limits."""
_DECIMALS = 6


@register_classical("multirocket_hydra")
def fit(
    windows_NTC: Tensor,
    labels_N: Tensor,
    *,
    num_classes: int,
    seed: int,
    num_features: int = 2688,
    num_groups: int = 16,
) -> nn.Module:
    """Draw kernels, take thresholds from training windows, and fit the ridge classifier.

    ``num_features`` are those of MultiRocket, rounded down to a multiple of 672. HYDRA has ``num_groups`` of 8 kernels
    at each dilation, half of them for differences. The softmax of a ridge classifier's decision values is not a
    calibrated probability: the activity is the same, the figure far too low.
    """
    num_timepoints, smallest = windows_NTC.shape[1], NUM_KERNELS * _PER_THRESHOLD
    require_option(
        num_timepoints > KERNEL_LENGTH, "windows.length", num_timepoints, f"at least {KERNEL_LENGTH + 1} samples"
    )
    require_option(num_features >= smallest, "num_features", num_features, f"at least {smallest}")
    require_option(num_groups % 2 == 0, "num_groups", num_groups, "an even number of at least 2")
    generator, differences_NTC = np.random.default_rng(seed), differences(windows_NTC)
    features = Features(
        *(
            nn.ModuleList(
                [
                    with_thresholds(x_NTC, generator, num_features // smallest, four_summaries),
                    CompetingKernels.drawn(x_NTC, generator, num_groups // 2),
                ]
            )
            for x_NTC in (windows_NTC, differences_NTC)
        )
    )
    x_NF = features_of(features, windows_NTC).numpy()
    scaler = StandardScaler().fit(x_NF)
    ridge = RidgeClassifierCV(alphas=PENALTIES).fit(scaler.transform(x_NF), labels_N.numpy())
    return LinearOnFeatures(features, scaler, ridge, num_classes=num_classes)


class Features(nn.Module):
    """All features of windows and of their differences: raw windows (N, T, C) to float32 (N, F)."""

    def __init__(self, of_windows: nn.ModuleList, of_differences: nn.ModuleList) -> None:
        super().__init__()
        self.of_windows, self.of_differences = of_windows, of_differences

    def forward(self, x_NTC: Tensor) -> Tensor:
        steps_NTC = differences(x_NTC)
        features = [transform(x_NTC) for transform in self.of_windows]
        return torch.cat([*features, *(transform(steps_NTC) for transform in self.of_differences)], dim=1)


class CompetingKernels(nn.Module):
    """HYDRA: how often, and how clearly, each kernel of a group fits best or worst: (N, T, C) to float32 (N, F).

    At every timepoint the kernels of a group compete. The winner is credited with its value, the loser with 1; the
    features are the roots of both sums.
    """

    def __init__(self, mean_C: Tensor, deviation_C: Tensor, channels_DGC: Tensor, weights_DGKJ: Tensor) -> None:
        super().__init__()
        self.mean_C, self.deviation_C = nn.Buffer(mean_C), nn.Buffer(deviation_C)
        self.channels_DGC = nn.Buffer(channels_DGC)
        self.weights_DGKJ = nn.Buffer(weights_DGKJ)

    @classmethod
    def drawn(cls, windows_NTC: Tensor, generator: np.random.Generator, num_groups: int) -> CompetingKernels:
        """Normal weights with mean 0 and absolute sum 1; each group sees a few channels."""
        num_timepoints, num_channels = windows_NTC.shape[1:]
        num_dilations = int(np.log2((num_timepoints - 1) / (KERNEL_LENGTH - 1))) + 1
        weights_DGKJ = generator.normal(size=(num_dilations, num_groups, KERNELS_PER_GROUP, KERNEL_LENGTH))
        weights_DGKJ -= weights_DGKJ.mean(axis=-1, keepdims=True)
        weights_DGKJ /= np.abs(weights_DGKJ).sum(axis=-1, keepdims=True)
        num_seen = min(num_channels, int(np.clip(num_channels // 2, _FEWEST_CHANNELS, _MOST_CHANNELS)))
        channels_DGC = np.zeros((num_dilations, num_groups, num_channels))
        for seen_C in channels_DGC.reshape(-1, num_channels):
            seen_C[generator.choice(num_channels, num_seen, replace=False)] = 1
        return cls(*scale_of(windows_NTC), torch.from_numpy(channels_DGC), torch.from_numpy(weights_DGKJ))

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NCT = ((x_NTC.to(torch.float64) - self.mean_C) / self.deviation_C).transpose(1, 2)
        counts = []
        for index, (channels_GC, weights_GKJ) in enumerate(zip(self.channels_DGC, self.weights_DGKJ, strict=True)):
            y_NGKT = _responses(channels_GC @ x_NCT, weights_GKJ, dilation=2**index)
            best, worst = y_NGKT.max(dim=2, keepdim=True), y_NGKT.min(dim=2, keepdim=True)
            zeros_NGKT = torch.zeros_like(y_NGKT)
            counts.append(zeros_NGKT.scatter(2, best.indices, best.values).sum(dim=-1))
            counts.append(zeros_NGKT.scatter(2, worst.indices, 1.0).sum(dim=-1))
        x_NF = torch.stack(counts, dim=1).flatten(start_dim=1)
        return x_NF.clamp(min=0).sqrt().to(torch.float32)


def _responses(x_NGT: Tensor, weights_GKJ: Tensor, *, dilation: int) -> Tensor:
    """Output (N, G, K, T) of each kernel on the series of its group, with zeros beyond the ends."""
    num_timepoints, reach = x_NGT.shape[2], dilation * (KERNEL_LENGTH // 2)
    taps_NGJT = functional.pad(x_NGT, (reach, reach)).unfold(2, num_timepoints, dilation)
    y_NGKT: Tensor = weights_GKJ @ taps_NGJT
    return y_NGKT.round(decimals=_DECIMALS)


def differences(x_NTC: Tensor) -> Tensor:
    """Changes from each timepoint to the next: (N, T - 1, C)."""
    return x_NTC[:, 1:] - x_NTC[:, :-1]


def four_summaries(y_NPT: Tensor, thresholds_PB: Tensor) -> Tensor:
    """Of the values above each threshold (MultiRocket, section 3): float32 (N, P·B·4).

    Their share of the timepoints, how far above they are on average, their mean timepoint counted from 0, and the
    longest run of them in a row. Where none is above, the mean timepoint is -1 and the others are 0. The authors' code
    adds the threshold to the values above it, where the paper and this subtract it, and its longest run can be off by
    one.
    """
    time_T = torch.arange(y_NPT.shape[-1], dtype=torch.float64, device=y_NPT.device)
    excess_NPBT = y_NPT.unsqueeze(2) - thresholds_PB.unsqueeze(-1)
    above_NPBT = excess_NPBT > 0
    count_NPB = above_NPBT.sum(dim=-1)
    some_NPB = count_NPB.clamp(min=1)
    last_below_NPBT = torch.where(above_NPBT, -1.0, time_T).cummax(dim=-1).values
    summaries = [
        count_NPB / y_NPT.shape[-1],
        excess_NPBT.clamp(min=0).sum(dim=-1) / some_NPB,
        torch.where(count_NPB > 0, (above_NPBT * time_T).sum(dim=-1) / some_NPB, -1.0),
        (time_T - last_below_NPBT).amax(dim=-1),
    ]
    return torch.stack(summaries, dim=-1).flatten(start_dim=1).to(torch.float32)
