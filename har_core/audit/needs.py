"""What a detector needs of a data set: one value says where it looks, and what is skipped and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from har_core.audit.findings import Skipped
from har_core.audit.kinds import Kind
from har_core.spec.dataset import DatasetSpec

_Part = TypeVar("_Part")
_MOST_NAMED = 6
CHANNELS_OF_PLACE, CHANNELS_IN_ALL = 9, 45
"""Those of a place and of a recording for which settings say how many rows are evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need(Generic[_Part]):
    """What kinds of defects need, so that anybody can look for them."""

    kinds: tuple[Kind, ...]
    look: Callable[[DatasetSpec], Mapping[str, _Part | None]]
    """All parts of a data set in which they could be, by name, as the detector takes them; None where it cannot look.
    Without a part there is nothing to look for, nor to skip."""
    lacking: str
    """Why it does not look there, as people read it."""

    def met(self, spec: DatasetSpec) -> list[_Part]:
        """Where the detector looks."""
        return [part for part in self.look(spec).values() if part is not None]

    def skipped(self, spec: DatasetSpec) -> Iterator[Skipped]:
        """What it does not look at; parts are named unless all are skipped."""
        parts = self.look(spec)
        lacks = [name for name, part in parts.items() if part is None]
        rest = len(lacks) - _MOST_NAMED
        named = " ".join(lacks[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
        reason = self.lacking if len(lacks) == len(parts) else f"{self.lacking} ({named})"
        yield from (Skipped(kind, reason) for kind in self.kinds if lacks)


def turning_places(spec: DatasetSpec) -> Mapping[str, int | None]:
    """The index of each place that has a sensor with three axes: its rows do not repeat by chance."""
    turning = {sensor.place for sensor in spec.triads}
    return {name: place if place in turning else None for place, name in enumerate(spec.places)}


def moving_channels(spec: DatasetSpec) -> list[int]:
    """Those with an axis: others may well keep their value, and jump."""
    return [index for index, channel in enumerate(spec.channels) if channel.axis]


def rows_of_group(rows: int, num_channels: int, num_usual: int) -> int:
    """``rows`` are evidence on ``num_usual`` channels: on fewer, as many rows as hold as many values.

    >>> rows_of_group(5, 9, 9), rows_of_group(5, 6, 9), rows_of_group(5, 45, 9)
    (5, 8, 5)
    """
    return max(rows, -(-rows * num_usual // num_channels))


def skipped_by(needs: Sequence[Need[_Part]], spec: DatasetSpec) -> tuple[Skipped, ...]:
    """All that detectors with these needs do not look at, in order of the kinds."""
    order = list(Kind)
    found = (skipped for need in needs for skipped in need.skipped(spec))
    return tuple(sorted(found, key=lambda skipped: order.index(skipped.kind)))
