"""The columns of a table of windows, what they mean, and how rows become arrays and the reverse.

Letters: N windows, T timepoints, C channels, M = N * T samples.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.datasets.dsads.layout import AXES, CHANNEL_MEASURES, CHANNELS, NUM_CHANNELS

_KEYS = {
    "subject": (pa.int16(), "subject number, from 1"),
    "activity": (pa.int8(), "activity number, 1 to 19; the class id is one less"),
    "segment": (pa.int16(), "number of the 5 s segment, from 1"),
    "start": (pa.int16(), "first sample of the window within its segment, from 0"),
}
KEY_COLUMNS = tuple(_KEYS)
"""What names a window."""

_FLAGS = {
    "damaged": (pa.bool_(), "touches a run of rows that the audit found damaged"),
    "duplicate_group": (pa.int32(), "windows linked by rows that occur twice share a number, from 0; -1: no such row"),
}
FLAG_COLUMNS = tuple(_FLAGS)
"""What the audit says of a window."""
NO_GROUP = -1
"""``duplicate_group`` of a window whose rows all occur once."""

INHERITED_METADATA = (
    b"har.sampling_rate_hz",
    b"har.window_length",
    b"har.overlap",
    b"har.origin",
    b"har.damaged",
    b"har.join_segments",
    b"har.num_repaired",
)
"""What the metadata of a file of windows says, and a file made from it repeats."""

_UNIT_NAMES = {"T": "torso", "RA": "right arm", "LA": "left arm", "RL": "right leg", "LL": "left leg"}
_SENSOR_NAMES = {"acc": "accelerometer", "gyro": "gyroscope", "mag": "magnetometer"}


def window_schema(length: int, *, measures: Mapping[str, str] = CHANNEL_MEASURES) -> pa.Schema:
    """Columns of windows of ``length`` samples: the key, the flags, then each channel as a list of ``length`` float32.

    Args:
        length: samples in a window.
        measures: unit of measure of each channel; by default that of the recordings.
    """
    named = [
        pa.field(name, kind, nullable=False, metadata={"description": text})
        for name, (kind, text) in (_KEYS | _FLAGS).items()
    ]
    values = pa.list_(pa.field("element", pa.float32(), nullable=False), length)  # the name in Parquet
    descriptions = [
        f"{unit}, {sensor}, {axis} axis"
        for unit in _UNIT_NAMES.values()
        for sensor in _SENSOR_NAMES.values()
        for axis in AXES
    ]
    channels = [
        pa.field(channel, values, nullable=False, metadata={"description": description, "unit": measures[channel]})
        for channel, description in zip(CHANNELS, descriptions, strict=True)
    ]
    return pa.schema([*named, *channels])


def length_of(schema: pa.Schema) -> int:
    """Samples in a window of a table with this schema."""
    return int(schema.field(CHANNELS[0]).type.list_size)


def is_window_schema(schema: pa.Schema) -> bool:
    """Whether a table has the columns of windows, of any length; metadata does not count."""
    if CHANNELS[0] not in schema.names or not pa.types.is_fixed_size_list(schema.field(CHANNELS[0]).type):
        return False
    return bool(schema.equals(window_schema(length_of(schema))))


def batch_of(
    named: Mapping[str, npt.NDArray[np.generic]], channels: npt.NDArray[np.float32], schema: pa.Schema
) -> pa.RecordBatch:
    """Rows of windows.

    Args:
        named: (N,) for each of :data:`KEY_COLUMNS` and :data:`FLAG_COLUMNS`.
        channels: float32 (C, M); each row is copied nowhere if it is contiguous.
        schema: of :func:`window_schema`, with any metadata.
    """
    columns = [pa.array(named[name], schema.field(name).type) for name in (*KEY_COLUMNS, *FLAG_COLUMNS)]
    kind = schema.field(CHANNELS[0]).type
    lists = [pa.FixedSizeListArray.from_arrays(pa.array(channel), type=kind) for channel in channels]
    return pa.RecordBatch.from_arrays([*columns, *lists], schema=schema)


def channels_of(rows: pa.Table) -> npt.NDArray[np.float32]:
    """The channels of rows of windows: float32 (C, M), a copy."""
    channels = np.empty((NUM_CHANNELS, rows.num_rows * length_of(rows.schema)), dtype=np.float32)
    for channel, name in zip(channels, CHANNELS, strict=True):
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
