"""Normalisation by channel: statistics of training windows, and what is done with them.

Which windows train is the business of :mod:`har_core.splits.build`. Letters: C channels, M samples.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from har_core.base.errors import InputError, Problem

CONSTANT_BELOW = 1e-4
"""A channel whose deviation is at most this share of its mean's size counts as constant.

float32 holds a mean to 3e-8 of its size, so that a normalised mean of 0 within 1e-3 could not be promised much below.
"""

_CHANNELS_AT_A_TIME = 9  # in float64 they stay in the cache


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Statistics:
    """What normalises windows: ``(x - mean) / standard_deviation``, channel by channel, in float32."""

    channels: tuple[str, ...]
    mean: npt.NDArray[np.float32]
    """(C,), in the channels' units of measure."""
    standard_deviation: npt.NDArray[np.float32]
    """(C,), of the population; 1 where the channel is constant, so that it becomes 0 and nothing is divided by 0."""
    constant: tuple[str, ...] = ()
    """Channels that do not vary (see :data:`CONSTANT_BELOW`)."""

    def to_json(self) -> str:
        """As JSON text; :meth:`from_json` gives the same float32 values back."""
        by_channel = {
            channel: {"mean": float(mean), "standard_deviation": float(deviation)}
            for channel, mean, deviation in zip(self.channels, self.mean, self.standard_deviation, strict=True)
        }
        return json.dumps({"channels": by_channel, "constant": list(self.constant)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises:
            InputError: the text is something else.
        """
        try:
            values = json.loads(text)
            entries = values["channels"]
            return cls(
                channels=tuple(entries),
                mean=np.array([entry["mean"] for entry in entries.values()], dtype=np.float32),
                standard_deviation=np.array(
                    [entry["standard_deviation"] for entry in entries.values()], dtype=np.float32
                ),
                constant=tuple(values["constant"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = Problem(path="statistics.json", value=str(error), expected="mean and deviation by channel")
            raise InputError("The statistics of normalisation cannot be read", [problem]) from error


class Moments:
    """Count, mean and deviation by channel of samples that come block by block, in float64.

    Blocks are joined as by T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating formulae and a pairwise algorithm for
    computing sample variances", 1979: no large sums are subtracted from each other.
    """

    def __init__(self, num_channels: int) -> None:
        self.count = 0
        self.mean = np.zeros(num_channels)
        self._squares = np.zeros(num_channels)

    def update(self, block: npt.NDArray[np.float32]) -> None:
        """Add a block of samples (C, M)."""
        num_samples = block.shape[1]
        if num_samples == 0:
            return
        mean, squares = np.empty(len(block)), np.empty(len(block))
        with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity stay visible in the result
            for first in range(0, len(block), _CHANNELS_AT_A_TIME):
                some = slice(first, first + _CHANNELS_AT_A_TIME)
                samples = block[some].astype(np.float64)
                mean[some] = samples.mean(axis=1)
                samples -= mean[some, None]
                squares[some] = np.einsum("cm,cm->c", samples, samples)
            total = self.count + num_samples
            difference = mean - self.mean
            self._squares += squares + difference**2 * (self.count * num_samples / total)
            self.mean = self.mean + difference * (num_samples / total)
        self.count = total

    @property
    def standard_deviation(self) -> npt.NDArray[np.float64]:
        """(C,), of the population; 0 before the first sample."""
        return np.sqrt(self._squares / max(1, self.count))


def measure(blocks: Iterable[npt.NDArray[np.float32]], channels: Sequence[str]) -> Statistics:
    """Statistics of samples that come in blocks (C, M), gathered in float64 and rounded to float32.

    Raises:
        InputError: there are no samples.
    """
    moments = Moments(len(channels))
    for block in blocks:
        moments.update(block)
    if not moments.count:
        raise InputError("There are no samples to take statistics of")
    mean = moments.mean.astype(np.float32)
    deviation = moments.standard_deviation.astype(np.float32)
    tiny = np.finfo(np.float32).tiny
    is_constant = moments.standard_deviation <= np.maximum(CONSTANT_BELOW * np.abs(moments.mean), tiny)
    return Statistics(
        channels=tuple(channels),
        mean=mean,
        standard_deviation=np.where(is_constant, np.float32(1), deviation),
        constant=tuple(channel for channel, constant in zip(channels, is_constant, strict=True) if constant),
    )


def apply(statistics: Statistics, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Normalise ``samples`` (C, …); float32 in, float32 out.

    >>> statistics = Statistics(
    ...     channels=("T_xacc",), mean=np.float32([9.5]), standard_deviation=np.float32([2])
    ... )
    >>> apply(statistics, np.float32([[10.5, 7.5]])).tolist()
    [[0.5, -1.0]]
    """
    shape = (len(statistics.channels), *[1] * (samples.ndim - 1))
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity stay visible in the result
        normalised: npt.NDArray[np.float32] = samples - statistics.mean.reshape(shape)
        normalised /= statistics.standard_deviation.reshape(shape)
    return normalised
