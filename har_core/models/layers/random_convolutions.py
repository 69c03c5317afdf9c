"""Random convolutions along time with thresholds, and what is taken of their output. Models choose the summaries.

Origin: A. Dempster, D. F. Schmidt and G. I. Webb, "MiniRocket: a very fast (almost) deterministic transform for time
series classification", KDD 2021, in the multivariate form of the authors' code: every convolution sees the sum of a few
channels chosen at random. Two things differ. Channels are standardised first, because here m/s², rad/s and a field of
size 1 are added up. And each threshold is 1e-6 above its quantile, so that rounding decides nothing where a signal
stands still. docs/decisions/0008 says why no library does this.

Letters: N windows, T timepoints, C channels, P = 84 kernels, J = 9 weights of a kernel, B thresholds of a kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

KERNEL_LENGTH = 9
TAPS = tuple(combinations(range(KERNEL_LENGTH), 3))
"""For each kernel the three positions with weight 2; the other six have weight -1, so a kernel sums to 0."""
NUM_KERNELS = len(TAPS)
MAX_DILATIONS = 32
MAX_CHANNELS = 9
"""Most channels that one convolution adds up."""
PENALTIES = np.logspace(-3, 3, 10)
"""Ridge penalties of the authors' code; leaving out each training window in turn chooses one.

There MiniRocket's features have a norm of 1, here a deviation of 1, so that the same figure means a weaker penalty.
"""
_MARGIN = 1e-6
_GOLDEN_RATIO = (5**0.5 + 1) / 2

Summary = Callable[[Tensor, Tensor], Tensor]
"""What is taken of the output (N, P, T) of kernels, given their thresholds (P, B): float32 (N, F)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolutions:
    """All 84 kernels at one dilation."""

    dilation: int
    """Samples between two weights of a kernel."""
    channels_PC: Tensor
    """float64, 1 if a kernel sees a channel, else 0."""
    thresholds_PB: Tensor
    """float64."""


def share_above(y_NPT: Tensor, thresholds_PB: Tensor) -> Tensor:
    """Share of timepoints above each threshold, kernel by kernel: float32 (N, P·B)."""
    shares = [(y_NPT > threshold_P.unsqueeze(-1)).to(torch.float32).mean(dim=-1) for threshold_P in thresholds_PB.T]
    return torch.stack(shares, dim=-1).flatten(start_dim=1)


class RandomConvolutions(nn.Module):
    """What ``summary`` takes of the output of random kernels: raw windows (N, T, C) to float32 (N, F).

    Half of the kernels slide over the window with zeros beyond its ends, the others stay inside; the halves alternate
    from dilation to dilation.
    """

    def __init__(
        self, mean_C: Tensor, deviation_C: Tensor, convolutions: list[Convolutions], summary: Summary = share_above
    ) -> None:
        super().__init__()
        self.summary = summary
        self.mean_C = nn.Buffer(mean_C)
        self.deviation_C = nn.Buffer(deviation_C)
        self.weights_PJ = nn.Buffer(kernel_weights(), persistent=False)
        self.dilations = [convolution.dilation for convolution in convolutions]
        for index, convolution in enumerate(convolutions):
            self.register_buffer(f"channels_{index}", convolution.channels_PC)
            self.register_buffer(f"thresholds_{index}", convolution.thresholds_PB)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NCT = self.standardise(x_NTC)
        features = []
        for index, dilation in enumerate(self.dilations):
            y_NPT = convolve(x_NCT, self.get_buffer(f"channels_{index}"), self.weights_PJ, dilation)
            thresholds_PB = self.get_buffer(f"thresholds_{index}")
            margin, first = dilation * (KERNEL_LENGTH // 2), index % 2
            inside_NPT = y_NPT[:, 1 - first :: 2, margin : y_NPT.shape[2] - margin]
            features.append(self.summary(y_NPT[:, first::2], thresholds_PB[first::2]))
            features.append(self.summary(inside_NPT, thresholds_PB[1 - first :: 2]))
        return torch.cat(features, dim=1)

    def standardise(self, x_NTC: Tensor) -> Tensor:
        """Raw windows (N, T, C) to float64 (N, C, T), scaled so that training windows have mean 0 and deviation 1."""
        return ((x_NTC.to(torch.float64) - self.mean_C) / self.deviation_C).transpose(1, 2)


def kernel_weights() -> Tensor:
    """Weights of all kernels, float64 (P, J)."""
    weights_PJ = torch.full((NUM_KERNELS, KERNEL_LENGTH), -1.0, dtype=torch.float64)
    return weights_PJ.scatter(1, torch.tensor(TAPS), 2.0)


def convolve(x_NCT: Tensor, channels_PC: Tensor, weights_PJ: Tensor, dilation: int) -> Tensor:
    """Apply each kernel to the sum of its channels, with zeros beyond the ends: (N, P, T)."""
    num_timepoints, reach = x_NCT.shape[2], dilation * (KERNEL_LENGTH // 2)
    sum_NPT = functional.pad(channels_PC @ x_NCT, (reach, reach))
    first_NPT, *taps = sum_NPT.unfold(2, num_timepoints, dilation).unbind(2)
    first_P1, *weights = weights_PJ.unsqueeze(-1).unbind(1)
    y_NPT = first_NPT * first_P1
    for tap_NPT, weight_P1 in zip(taps, weights, strict=True):
        y_NPT = torch.addcmul(y_NPT, tap_NPT, weight_P1)
    return y_NPT


def dilations_of(num_timepoints: int, num_per_kernel: int) -> dict[int, int]:
    """Dilations, spaced exponentially up to the window's length, and the number of thresholds of a kernel at each.

    >>> dilations_of(125, 30)
    {1: 8, 2: 4, 3: 3, 4: 3, 5: 1, 6: 2, 7: 2, 8: 1, 9: 1, 10: 1, 11: 1, 12: 1, 14: 1, 15: 1}
    """
    num_dilations = min(num_per_kernel, MAX_DILATIONS)
    highest = np.log2((num_timepoints - 1) / (KERNEL_LENGTH - 1))
    spaced = np.logspace(0, highest, num_dilations, base=2).astype(np.int64)
    dilations, counts = np.unique(spaced, return_counts=True)
    thresholds = (counts * (num_per_kernel / num_dilations)).astype(np.int64)
    thresholds[: num_per_kernel - thresholds.sum()] += 1  # rounding leaves over fewer than there are dilations
    return dict(zip(dilations.tolist(), thresholds.tolist(), strict=True))


def scale_of(windows_NTC: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel, float64 (C,); 1 for the deviation of a channel that never varies."""
    x_NTC = windows_NTC.to(torch.float64)
    deviation_C = x_NTC.std(dim=(0, 1), correction=0)
    return x_NTC.mean(dim=(0, 1)), torch.where(deviation_C > 0, deviation_C, 1.0)


def with_thresholds(
    windows_NTC: Tensor, generator: np.random.Generator, num_per_kernel: int, summary: Summary = share_above
) -> RandomConvolutions:
    """Kernels with random channels; a threshold is a quantile of a kernel's output on one random training window."""
    num_windows, num_timepoints, num_channels = windows_NTC.shape
    features = RandomConvolutions(*scale_of(windows_NTC), [], summary)
    convolutions, num_before = [], 0
    for dilation, num_thresholds in dilations_of(num_timepoints, num_per_kernel).items():
        channels_PC = torch.from_numpy(_random_channels(generator, num_channels))
        chosen_P = torch.from_numpy(generator.integers(num_windows, size=NUM_KERNELS))
        x_PCT = features.standardise(windows_NTC[chosen_P])
        y_PPT = convolve(x_PCT, channels_PC, features.weights_PJ, dilation)
        y_PT = y_PPT.diagonal().T.numpy()  # each kernel on the window that was chosen for it
        # Multiples of the golden ratio, modulo 1, fill 0 to 1 evenly, however many there are.
        places = (np.arange(1, NUM_KERNELS * num_thresholds + 1) + num_before) * _GOLDEN_RATIO % 1
        quantiles = [np.quantile(y_T, p_B) for y_T, p_B in zip(y_PT, places.reshape(NUM_KERNELS, -1), strict=True)]
        thresholds_PB = torch.from_numpy(np.stack(quantiles) + _MARGIN)
        convolutions.append(Convolutions(dilation=dilation, channels_PC=channels_PC, thresholds_PB=thresholds_PB))
        num_before += NUM_KERNELS * num_thresholds
    return RandomConvolutions(features.mean_C, features.deviation_C, convolutions, summary)


def _random_channels(generator: np.random.Generator, num_channels: int) -> npt.NDArray[np.float64]:
    """Channels that each kernel adds up, (P, C): 1 to 9, few more often than many, none twice."""
    most = np.log2(min(num_channels, MAX_CHANNELS) + 1)
    channels_PC = np.zeros((NUM_KERNELS, num_channels))
    for seen_C in channels_PC:
        num_seen = int(2 ** generator.uniform(0, most))
        seen_C[generator.choice(num_channels, num_seen, replace=False)] = 1
    return channels_PC
