"""The columns of a table of windows, what they mean, and how rows become arrays and the reverse.

Channels are the columns after those with a name of their own; a table has a description of its data set in its
metadata. Letters: N windows, T timepoints, C channels, M = N * T samples.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.spec.dataset import METADATA_KEY, Channel, DatasetSpec

_KEYS = {
    "subject": (pa.int16(), "subject number, from 1"),
    "session": (pa.int32(), "number of the subject's session, from 1"),
    "segment": (pa.int32(), "number of the segment within the session, from 1"),
    "start": (pa.int32(), "first sample of the window within its segment, from 0"),
}
KEY_COLUMNS = tuple(_KEYS)
"""What names a window."""

_LABEL = {"activity": (pa.int8(), "activity number, from 1; the class id is one less")}

_FLAGS = {
    "damaged": (pa.bool_(), "touches a run of rows that the audit found damaged"),
    "duplicate_group": (pa.int32(), "windows linked by rows that occur twice share a number, from 0; -1: no such row"),
}
FLAG_COLUMNS = tuple(_FLAGS)
"""What the audit says of a window."""
NAMED_COLUMNS = (*_KEYS, *_LABEL, *_FLAGS)
"""All that come before the channels: the key, the label ``activity``, the flags."""
NO_GROUP = -1
"""``duplicate_group`` of a window whose rows all occur once."""

INHERITED_METADATA = (
    METADATA_KEY.encode(),
    b"har.none",
    b"har.sampling_rate_hz",
    b"har.window_length",
    b"har.overlap",
    b"har.step",
    b"har.origin",
    b"har.damaged",
    b"har.join_segments",
    b"har.num_repaired",
)
"""What the metadata of a file of windows says, and a file made from it repeats."""

_SENSOR_WORDS = {"acc": "accelerometer", "gyro": "gyroscope", "mag": "magnetometer"}


def window_schema(spec: DatasetSpec, length: int, *, measures: Mapping[str, str] | None = None) -> pa.Schema:
    """Columns of windows of ``length`` samples: :data:`NAMED_COLUMNS`, then each channel as a list of float32.

    The schema has no metadata; whoever writes a table adds :meth:`DatasetSpec.to_metadata`.

    Args:
        spec: whose channels.
        length: samples in a window.
        measures: unit of measure of each channel; by default that of the recordings.
    """
    named = [
        pa.field(name, kind, nullable=False, metadata={"description": text})
        for name, (kind, text) in (_KEYS | _LABEL | _FLAGS).items()
    ]
    values = pa.list_(pa.field("element", pa.float32(), nullable=False), length)  # the name in Parquet
    channels = [
        pa.field(
            channel.name,
            values,
            nullable=False,
            metadata={
                "description": _describe(spec, channel),
                "unit": channel.unit if measures is None else measures[channel.name],
            },
        )
        for channel in spec.channels
    ]
    return pa.schema([*named, *channels])


def _describe(spec: DatasetSpec, channel: Channel) -> str:
    sensor = _SENSOR_WORDS.get(channel.sensor, channel.sensor.replace("_", " "))
    axis = [f"{channel.axis} axis"] if channel.axis else []
    return ", ".join([spec.words_of_place(channel.place), sensor, *axis])


def channel_columns(schema: pa.Schema) -> tuple[str, ...]:
    """The names of the C channels of a table of windows."""
    return tuple(schema.names[len(NAMED_COLUMNS) :])


def length_of(schema: pa.Schema) -> int:
    """Samples in a window of a table with this schema."""
    return int(schema.field(len(NAMED_COLUMNS)).type.list_size)


def is_window_schema(schema: pa.Schema) -> bool:
    """Whether a table has the columns of windows, of any length and any channels; metadata does not count."""
    named, channels = list(schema)[: len(NAMED_COLUMNS)], list(schema)[len(NAMED_COLUMNS) :]
    expected = [pa.field(name, kind, nullable=False) for name, (kind, _) in (_KEYS | _LABEL | _FLAGS).items()]
    if named != expected or not channels or not pa.types.is_fixed_size_list(channels[0].type):
        return False
    values = pa.list_(pa.field("element", pa.float32(), nullable=False), length_of(schema))
    return all(field.equals(pa.field(field.name, values, nullable=False)) for field in channels)


def batch_of(
    named: Mapping[str, npt.NDArray[np.generic]], channels: npt.NDArray[np.float32], schema: pa.Schema
) -> pa.RecordBatch:
    """Rows of windows.

    Args:
        named: (N,) for each of :data:`NAMED_COLUMNS`.
        channels: float32 (C, M); each row is copied nowhere if it is contiguous.
        schema: of :func:`window_schema`, with any metadata.
    """
    columns = [pa.array(named[name], schema.field(name).type) for name in NAMED_COLUMNS]
    kind = schema.field(len(NAMED_COLUMNS)).type
    lists = [pa.FixedSizeListArray.from_arrays(pa.array(channel), type=kind) for channel in channels]
    return pa.RecordBatch.from_arrays([*columns, *lists], schema=schema)


def channels_of(rows: pa.Table) -> npt.NDArray[np.float32]:
    """The channels of rows of windows: float32 (C, M), a copy."""
    names = channel_columns(rows.schema)
    channels = np.empty((len(names), rows.num_rows * length_of(rows.schema)), dtype=np.float32)
    for channel, name in zip(channels, names, strict=True):
        start = 0
        for chunk in rows[name].chunks:
            values = flat_values(chunk)
            channel[start : start + len(values)] = values
            start += len(values)
    return channels


def flat_values(column: pa.FixedSizeListArray) -> npt.NDArray[np.float32]:
    """All values of a channel's column one after another: float32 (M,), without a copy."""
    values: npt.NDArray[np.float32] = column.flatten().to_numpy()
    return values
