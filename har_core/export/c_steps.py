"""The steps that a C program computes an int8 network in, and what lies in memory between them.

Letters: T timepoints and C channels of a window, U timepoints of a result, F features of a result, K weights of a
filter along time, I features that a filter sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Buffer:
    """Values of a window between two steps, features last."""

    num_timepoints: int
    """1 where time is no more."""
    num_features: int
    is_int8: bool = False
    """Otherwise float32."""

    @property
    def size(self) -> int:
        """Values."""
        return self.num_timepoints * self.num_features

    @property
    def num_bytes(self) -> int:
        """In memory."""
        return self.size * (1 if self.is_int8 else 4)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantised:
    """Where int8 values lie: ``value = scale * (q - zero_point)``, from -128 to 127."""

    buffer: Buffer
    scale: np.float32
    zero_point: int
    number: int
    """Which of the quantisers of the graph made it, from 0."""

    @property
    def steps_per_unit(self) -> np.float32:
        """What PyTorch multiplies with, in place of a division by the scale."""
        return np.float32(1) / self.scale


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filling:
    """How gaps are filled (:func:`har_core.windows.gaps.fill_gaps`)."""

    lost: float
    """The value of a lost sample."""
    places: npt.NDArray[np.uint16]
    """(C,): of which place each channel is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuantiseWindow:
    """Fill the gaps of a window, if it is so, normalise it and quantise it."""

    filling: Filling | None
    channels: npt.NDArray[np.uint16] | None
    """Those that the network sees; None for all in their order."""
    mean: Floats
    """(C,) of the channels that it sees."""
    standard_deviation: Floats
    quantised: Quantised

    reads: tuple[Buffer, ...] = ()

    @property
    def writes(self) -> tuple[Buffer, ...]:
        """What it makes."""
        return (self.quantised.buffer,)

    @property
    def constants(self) -> tuple[npt.NDArray[np.generic], ...]:
        """What it needs in flash."""
        optional = (self.channels, None if self.filling is None else self.filling.places)
        return (self.mean, self.standard_deviation, *(array for array in optional if array is not None))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Product:
    """A convolution along time, or a matrix product, which is one with K = 1; with what follows it value by value.

    A result is ``sum * scale + bias``, then ``added`` to it, then without what is below 0, each if it is so.
    """

    name: str
    source: Quantised
    weights: npt.NDArray[np.int8]
    """(F, K, I)."""
    scales: Floats
    """(F,): what one of the sum of int8 products is worth."""
    biases: Floats
    """(F,)."""
    stride: int
    padding: int
    dilation: int
    groups: int
    num_timepoints: int
    """U."""
    added: Buffer | None
    has_relu: bool
    floats: Buffer | None
    """Where results go as they are."""
    quantised: Quantised | None
    """Where they go quantised; at least one of both."""

    @property
    def num_features(self) -> int:
        """F."""
        return len(self.weights)

    @property
    def features_per_group(self) -> int:
        """Of its results."""
        return self.num_features // self.groups

    @property
    def reads(self) -> tuple[Buffer, ...]:
        """What it needs."""
        return (self.source.buffer, *([self.added] if self.added else []))

    @property
    def writes(self) -> tuple[Buffer, ...]:
        """What it makes."""
        return (*([self.floats] if self.floats else []), *([self.quantised.buffer] if self.quantised else []))

    @property
    def constants(self) -> tuple[npt.NDArray[np.generic], ...]:
        """What it needs in flash."""
        return (self.weights, self.scales, self.biases)

    @property
    def macs(self) -> int:
        """Multiply-adds, those with padding included."""
        return self.num_timepoints * int(self.weights.size)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """The mean or the largest of each feature over time."""

    kind: Literal["mean", "max"]
    source: Buffer
    result: Buffer

    constants: tuple[npt.NDArray[np.generic], ...] = ()

    @property
    def reads(self) -> tuple[Buffer, ...]:
        """What it needs."""
        return (self.source,)

    @property
    def writes(self) -> tuple[Buffer, ...]:
        """What it makes."""
        return (self.result,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantise:
    """Quantise float32 values; several buffers become one, one after the other."""

    reads: tuple[Buffer, ...]
    quantised: Quantised

    constants: tuple[npt.NDArray[np.generic], ...] = ()

    @property
    def writes(self) -> tuple[Buffer, ...]:
        """What it makes."""
        return (self.quantised.buffer,)


Step = QuantiseWindow | Product | Pool | Quantise


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Steps in their order; the softmax of ``logits`` is the answer."""

    steps: tuple[Step, ...]
    logits: Buffer
