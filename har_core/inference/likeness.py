"""What the windows were like that a model was trained on, and which others are unlike them.

A model answers whatever it is given, noise too. Each channel of a window is described by four numbers, and they are
held against the range that the training windows had. How well that tells faults from a new subject is measured in
docs/results/unlike_training.md. Letters: N windows, T timepoints, C channels, all in sensor units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from har_core.base.errors import InputError
from har_core.spec.channels import triples
from har_core.spec.dataset import DatasetSpec

SLACK = 0.1
"""How far beyond the training windows a channel may be, as a share of their range; chosen on four subjects."""

_LINEAR, _LOGARITHMIC = ("level",), ("movement", "roughness", "size")
_QUANTITIES = (*_LINEAR, *_LOGARITHMIC)
"""Of a channel in a window: its mean; its deviation; the square of its steps by its deviation, which is large for noise
and small for what is slow; and the mean length of its sensor's vector, of which gravity is most for ``acc``."""
_OF_SAMPLES = ("minimum", "maximum", "mean", "standard_deviation")
_SMALLEST = 1e-6
"""A deviation, or size, that counts as none, in every sensor's unit."""
_DIGITS = 7
_REASONS = ("constant", "noise", "size", "level", "movement", "smooth")
"""Why a channel is unlike training; the first that holds is told."""

_Windows = npt.NDArray[np.float32]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingWindows:
    """What the windows that a model was trained on held, for each channel that it sees."""

    spec: DatasetSpec
    num_windows: int
    channels: Mapping[str, Mapping[str, Any]]
    """By name. Of all samples ``minimum``, ``maximum``, ``mean``, ``standard_deviation``; of the windows the least and
    the greatest ``level``, ``movement``, ``roughness`` and, where all axes of the sensor are seen, ``size``."""
    fills_gaps: bool = False
    """Whether gaps in them were filled, and so are those of the windows that are compared with them."""

    def to_metadata(self) -> dict[str, Any]:
        """As plain values, but for ``spec``; :meth:`from_metadata` reads them."""
        channels = {name: dict(of) for name, of in self.channels.items()}
        return {"num_windows": self.num_windows, "fills_gaps": self.fills_gaps, "channels": channels}

    @classmethod
    def from_metadata(cls, metadata: Any, spec: DatasetSpec) -> Self:
        """Read what :meth:`to_metadata` gave of windows of ``spec``.

        Raises:
            InputError: it is something else.
        """
        try:
            channels = metadata["channels"]
            if not channels:
                raise ValueError("no channels")
            for name, of in channels.items():
                spec.channel_names.index(name)
                numbers = [of[key] for key in _OF_SAMPLES]
                for key in _QUANTITIES:
                    low, high = of.get(key, (0, 0)) if key == "size" else of[key]
                    numbers += [low, high]
                if not np.isfinite(np.array(numbers, dtype=np.float64)).all():
                    raise ValueError(f"{name} has numbers that are not finite")
            fills_gaps = bool(metadata.get("fills_gaps", False))
            num_windows = int(metadata["num_windows"])
            return cls(spec=spec, num_windows=num_windows, channels=channels, fills_gaps=fills_gaps)
        except (LookupError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise InputError(f"what the training windows held cannot be read ({error})") from error


@dataclass(frozen=True, slots=True)
class Unlike:
    """Of N windows, what is unlike those of the training."""

    channels: npt.NDArray[np.bool_]
    """(N, C): which are outside of what training windows had."""
    because: list[str | None]
    """N texts as ``noise: T_xacc LA; size: RA_acc``; None where nothing is unlike."""

    @property
    def num_channels(self) -> npt.NDArray[np.int16]:
        """(N,) how many."""
        counts: npt.NDArray[np.int16] = self.channels.sum(axis=1, dtype=np.int16)
        return counts


def seen_together(parts: Iterable[TrainingWindows]) -> TrainingWindows:
    """What several models together have seen of the same windows: the channels of all of them."""
    own = list(parts)
    channels = {name: of for part in own for name, of in part.channels.items()}
    return TrainingWindows(
        spec=own[0].spec,
        num_windows=max(part.num_windows for part in own),
        channels=channels,
        fills_gaps=any(part.fills_gaps for part in own),
    )


def describe_training(
    batches: Iterable[_Windows], spec: DatasetSpec, channels: Sequence[int], *, fills_gaps: bool = False
) -> TrainingWindows:
    """Describe the training windows of a model that sees ``channels`` (indices), from batches (n, T, C).

    ``fills_gaps`` says whether gaps in them were filled.

    Raises:
        InputError: there are no windows.
    """
    sensors, chosen = triples(spec, channels), list(channels)
    found = [_Described.of(np.ascontiguousarray(windows[:, :, chosen]), sensors) for windows in batches]
    found = [described for described in found if described.num_windows]
    if not found:
        raise InputError("There are no training windows to describe")
    quantities = {name: np.concatenate([described.quantities[name] for described in found]) for name in _QUANTITIES}
    level, movement = quantities["level"], quantities["movement"]
    of_samples = {
        "minimum": np.min([described.minimum for described in found], axis=0),
        "maximum": np.max([described.maximum for described in found], axis=0),
        "mean": level.mean(axis=0),
        "standard_deviation": np.sqrt((movement**2).mean(axis=0) + level.var(axis=0)),
    }
    of_windows = {name: (values.min(axis=0), values.max(axis=0)) for name, values in quantities.items()}
    return TrainingWindows(
        spec=spec,
        num_windows=len(level),
        channels={
            spec.channel_names[channel]: {
                **{name: _rounded(values[place]) for name, values in of_samples.items()},
                **{
                    name: [_rounded(low[place]), _rounded(high[place])]
                    for name, (low, high) in of_windows.items()
                    if np.isfinite(low[place])
                },
            }
            for place, channel in enumerate(channels)
        },
        fills_gaps=fills_gaps,
    )


def compare(windows: _Windows, training: TrainingWindows) -> Unlike:
    """Say of each of ``windows`` (N, T, C) which channels are unlike those of ``training``."""
    if training.fills_gaps:
        windows = _filled(windows, training.spec)
    spec, names = training.spec, list(training.channels)
    channels = [spec.channel_names.index(name) for name in names]
    described = _Described.of(np.ascontiguousarray(windows[:, :, channels]), triples(spec, channels))
    below, above = {}, {}
    for name in _QUANTITIES:
        pairs = [of.get(name, (np.nan, np.nan)) for of in training.channels.values()]
        low, high = (_scaled(name, np.array(side, dtype=np.float64)) for side in zip(*pairs, strict=True))
        values, slack = _scaled(name, described.quantities[name]), SLACK * (high - low) + _SMALLEST * (1 + np.abs(high))
        below[name], above[name] = values < low - slack, values > high + slack  # not so of NaN
    told = np.stack(
        [
            below["movement"] & described.is_constant,
            above["roughness"],
            below["size"] | above["size"],
            below["level"] | above["level"],
            below["movement"] | above["movement"],
            below["roughness"],
        ]
    )
    first = np.where(told.any(axis=0), told.argmax(axis=0), -1)  # (N, C): index into the reasons
    found = np.zeros((len(windows), spec.num_channels), dtype=np.bool_)
    found[:, channels] = first >= 0
    return Unlike(found, [_in_words(row, names, spec) for row in first])


def _filled(windows: _Windows, spec: DatasetSpec) -> _Windows:
    import torch  # noqa: PLC0415 - heavy, and not needed for most models

    from har_core.windows.gaps import fill_gaps  # noqa: PLC0415

    filled: _Windows = fill_gaps(torch.from_numpy(np.ascontiguousarray(windows)), spec.channels_of_place).numpy()
    return filled


@dataclass(frozen=True, slots=True)
class _Described:
    """Windows by their quantities (N, C), and their least and greatest samples (C,)."""

    num_windows: int
    quantities: dict[str, _Floats]
    is_constant: npt.NDArray[np.bool_]
    """(N, C)."""
    minimum: _Windows
    maximum: _Windows

    @classmethod
    def of(cls, windows: _Windows, sensors: Iterable[tuple[int, int, int]]) -> Self:
        """Of ``windows`` (N, T, C), and of the lengths of the vectors of these ``sensors``."""
        level, movement = windows.mean(axis=1), windows.std(axis=1)
        steps = np.diff(windows, axis=1)
        squares = np.einsum("ntc,ntc->nc", steps, steps) / max(1, steps.shape[1])
        size = np.full(level.shape, np.nan)
        for triple in sensors:
            own = windows[:, :, list(triple)]
            size[:, list(triple)] = np.sqrt(np.einsum("ntc,ntc->nt", own, own)).mean(axis=1)[:, None]
        quantities = {"level": level, "movement": movement, "roughness": squares / (movement + _SMALLEST), "size": size}
        return cls(
            num_windows=len(windows),
            quantities={name: values.astype(np.float64) for name, values in quantities.items()},
            is_constant=(windows == windows[:, :1]).all(axis=1),
            minimum=windows.min(axis=(0, 1), initial=np.inf),
            maximum=windows.max(axis=(0, 1), initial=-np.inf),
        )


def _scaled(quantity: str, values: _Floats) -> _Floats:
    scaled: _Floats = np.log(values + _SMALLEST) if quantity in _LOGARITHMIC else values
    return scaled


def _rounded(value: float) -> float:
    return float(f"{float(value):.{_DIGITS}g}")


def _in_words(reasons: npt.NDArray[np.int64], names: Sequence[str], spec: DatasetSpec) -> str | None:
    """``noise: T_xacc LA; size: RA_acc``, with whole sensors and places by their own names."""
    groups = []
    for number, reason in enumerate(_REASONS):
        own = {name for name, told in zip(names, reasons, strict=True) if told == number}
        if own:
            groups.append(f"{reason}: {' '.join(_grouped(own, spec))}")
    return "; ".join(groups) or None


def _grouped(names: set[str], spec: DatasetSpec) -> list[str]:
    """``T`` for all of a place's channels, ``T_acc`` for all of a sensor's where it has several."""
    told = []
    for place, indices in zip(spec.places, spec.channels_of_place, strict=True):
        of_sensor: dict[str, list[str]] = {}
        for channel in (spec.channels[index] for index in indices):
            of_sensor.setdefault(channel.sensor, []).append(channel.name)
        if names.issuperset(name for own in of_sensor.values() for name in own):
            told.append(place)
            continue
        for sensor, own in of_sensor.items():
            found = [name for name in own if name in names]
            told += [f"{place}_{sensor}"] if len(found) == len(own) > 1 else found
    return told
