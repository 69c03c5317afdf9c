"""The description of a data set: its channels, activities, rate and origin, as one frozen value.

It says nothing of where the files of a set lie or how they are written; that is the business of
:mod:`har_core.datasets`. Letters: C channels, K activities.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from har_core.base.errors import InputError, Problem

AXES = ("x", "y", "z")
"""The axes that make a sensor turn with the limb that it is worn on."""
METADATA_KEY = "har.dataset"
"""Where the metadata of a file holds the description, as JSON."""
WORDS = ("title", "citation", "licence", "place_names")
"""What only people read: a mended citation trains nothing again."""
MAX_ACTIVITIES = 127
"""Activity numbers are stored in one byte."""

_NAME = r"^[A-Za-z0-9_.-]+$"
_Words = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
"""Text that a terminal can show: no control characters."""


class _Described(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


class Channel(_Described):
    """One column of numbers that a sensor writes."""

    name: Annotated[str, Field(pattern=_NAME)]
    """As in ``RA_xacc``; no blanks, because tables list channels separated by blanks."""
    place: Annotated[str, Field(pattern=_NAME)]
    """Where on the body the sensor unit is worn; all sensors of one place are one unit, and move together."""
    sensor: Annotated[str, Field(pattern=_NAME)]
    """What it measures: ``acc``, ``gyro``, ``mag``, or any other word."""
    axis: str = ""
    """``x``, ``y`` or ``z``; empty where the quantity has none."""
    unit: str = ""
    """Unit of measure, as in ``m/s²``."""
    limit: Annotated[float, Field(gt=0)] | None = None
    """Largest size of a value that the sensor can measure, in ``unit``; None if nobody knows."""


class Sensor(NamedTuple):
    """A sensor with three axes."""

    place: int
    """Index into :attr:`DatasetSpec.places` of where it is worn."""
    kind: str
    """``acc``, ``gyro``, ``mag`` …"""
    axes: tuple[int, int, int]
    """Where the x, y and z axis stand among the channels."""


class DatasetSpec(_Described):
    """A data set, described: frozen, hashed by :attr:`version`, written as JSON by :meth:`to_json`.

    Another order of channels or activities is another data set.
    """

    name: Annotated[str, Field(pattern=_NAME)]
    """Short, as in ``dsads``."""
    title: str
    citation: str = ""
    licence: str = ""
    sampling_rate_hz: Annotated[float, Field(ge=0.01, le=100_000)]
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    """In the order in which samples hold them."""
    activities: Annotated[tuple[_Words, ...], Field(min_length=1, max_length=MAX_ACTIVITIES)]
    """In class order: activity number ``n``, from 1, is ``activities[n - 1]`` and has class id ``n - 1``."""
    none: _Words | None = None
    """The label of rows that are none of these. Where it is one of ``activities`` it is a class like any other;
    elsewhere such rows have activity number 0."""
    place_names: dict[str, str] = Field(default_factory=dict)
    """Places in words, where their names are short: ``{"T": "torso"}``."""
    segment_length: Annotated[int, Field(ge=1)] | None = None
    """Samples in each segment, where recordings come as parts of one length that may go on into each other. Without it
    a recording is divided only where it breaks."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        repeated = [f"channel {name}" for name in _repeated(self.channel_names)]
        repeated += [f"activity {name}" for name in _repeated(self.activities)]
        repeated += [
            f"axis {axis} of {sensor} at {place}"
            for place, sensor, axis in _repeated([(c.place, c.sensor, c.axis) for c in self.channels if c.axis])
        ]
        if repeated:
            raise ValueError(f"each once; repeated: {', '.join(repeated)}")
        unknown = [name for name in self.place_names if name not in self.places]
        if unknown:
            raise ValueError(f"place_names of places that channels have; no channel is at {', '.join(unknown)}")
        return self

    @cached_property
    def channel_names(self) -> tuple[str, ...]:
        """The C names, in order."""
        return tuple(channel.name for channel in self.channels)

    @cached_property
    def places(self) -> tuple[str, ...]:
        """Where sensor units are worn, in the order of their first channels."""
        return tuple(dict.fromkeys(channel.place for channel in self.channels))

    @cached_property
    def sensor_kinds(self) -> tuple[str, ...]:
        """The kinds of sensors, in the order of their first channels."""
        return tuple(dict.fromkeys(channel.sensor for channel in self.channels))

    @property
    def num_channels(self) -> int:
        """C."""
        return len(self.channels)

    @property
    def num_activities(self) -> int:
        """K."""
        return len(self.activities)

    @cached_property
    def place_of_channel(self) -> tuple[int, ...]:
        """The index into :attr:`places` of each channel."""
        index = {place: number for number, place in enumerate(self.places)}
        return tuple(index[channel.place] for channel in self.channels)

    @cached_property
    def channels_of_place(self) -> tuple[tuple[int, ...], ...]:
        """The indices of the channels of each of :attr:`places`, ascending."""
        return tuple(
            tuple(c for c, own in enumerate(self.place_of_channel) if own == place) for place in range(len(self.places))
        )

    @cached_property
    def triads(self) -> tuple[Sensor, ...]:
        """The sensors with an x, a y and a z axis, by place and then kind, in the order of their first channels."""
        found = []
        for place, indices in enumerate(self.channels_of_place):
            for kind in dict.fromkeys(self.channels[index].sensor for index in indices):
                of_axis = {self.channels[i].axis: i for i in indices if self.channels[i].sensor == kind}
                if set(AXES) <= of_axis.keys():
                    x, y, z = (of_axis[axis] for axis in AXES)
                    found.append(Sensor(place, kind, (x, y, z)))
        return tuple(found)

    @property
    def none_is_class(self) -> bool:
        """Whether rows that are none of the activities have a class of their own."""
        return self.none is not None and self.none in self.activities

    def activity_name(self, number: int) -> str:
        """The name of an activity number; 0 is :attr:`none`."""
        return (self.none or "none") if number == 0 else self.activities[number - 1]

    def words_of_place(self, place: str) -> str:
        """A place in words."""
        return self.place_names.get(place, place.replace("_", " "))

    def replaced(self, **values: Any) -> Self:
        """The same with other values of some fields.

        Raises:
            InputError: they do not go together; every problem is named.
        """
        return self.parse({**self.model_dump(), **values}, where=self.name)

    @cached_property
    def version(self) -> str:
        """SHA-256 of everything that a computation can depend on: not of words for people (:data:`WORDS`)."""
        content = json.dumps(self.model_dump(mode="json", exclude=set(WORDS)), ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def to_json(self) -> str:
        """As JSON, in one line; :meth:`from_json` reads it."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str) -> Self:
        """Read what :meth:`to_json` wrote; ``where`` names the file.

        Raises:
            InputError: it is something else; every problem is named.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise _as_input_error(error, where) from error

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, where: str) -> Self:
        """Validate ``values``; lists count as tuples.

        Raises:
            InputError: with every problem; ``where`` names the file.
        """
        try:
            return cls.model_validate(_with_tuples(values))
        except ValidationError as error:
            raise _as_input_error(error, where) from error

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes] | None, *, where: str) -> Self:
        """The description in the metadata of a Parquet or Arrow file, under :data:`METADATA_KEY`.

        Raises:
            InputError: there is none; ``where`` names the file.
        """
        text = (metadata or {}).get(METADATA_KEY.encode())
        if text is None:
            problem = Problem(path=where, expected=f"the description of a data set in its metadata ({METADATA_KEY})")
            raise InputError(f"{where}: says of no data set what it holds", [problem])
        return cls.from_json(text, where=where)

    def to_metadata(self) -> dict[str, str]:
        """What :meth:`from_metadata` reads."""
        return {METADATA_KEY: self.to_json()}


def _with_tuples(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, Mapping):
        return {key: _with_tuples(inner) for key, inner in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list | tuple) else value


def _repeated(values: Sequence[Any]) -> Iterator[Any]:
    return (value for value, times in Counter(values).items() if times > 1)


def _as_input_error(error: ValidationError, where: str) -> InputError:
    problems = [
        Problem(
            path=".".join([where, *map(str, one["loc"])]),
            value=None if one["type"] == "missing" else str(one["input"])[:100],
            expected=one["msg"].removeprefix("Value error, "),
        )
        for one in error.errors()
    ]
    return InputError(f"{where}: no description of a data set", problems)
