"""What is fixed about DSADS: activities, sensor units, channels, sampling rate, and file names.

Source: K. Altun, B. Barshan and O. Tuncel, "Comparative study on classifying human activities with miniature inertial
and magnetic sensors", Pattern Recognition 43(10), 2010; and the data set's page at the UCI repository (id 256).
"""

from __future__ import annotations

import re
from typing import NamedTuple

SAMPLING_RATE_HZ = 25
SEGMENT_LENGTH = 125
"""Samples in one segment file: 5 s."""

UNITS = ("T", "RA", "LA", "RL", "LL")
"""Sensor units: torso, right arm, left arm, right leg, left leg."""
SENSORS = ("acc", "gyro", "mag")
SENSOR_MEASURES = {"acc": "m/s²", "gyro": "rad/s", "mag": "normalised to the Earth's field"}
AXES = ("x", "y", "z")
CHANNEL_MEASURES = {
    f"{unit}_{axis}{sensor}": SENSOR_MEASURES[sensor] for unit in UNITS for sensor in SENSORS for axis in AXES
}
"""Unit of measure of each channel, in the order of :data:`CHANNELS`."""
CHANNELS = tuple(CHANNEL_MEASURES)
"""The 45 columns of a segment file, in file order: ``T_xacc``, ``T_yacc``, … ``LL_zmag``."""
NUM_CHANNELS = len(CHANNELS)
CHANNELS_PER_UNIT = NUM_CHANNELS // len(UNITS)

ACTIVITIES = (
    "sitting",
    "standing",
    "lying on back",
    "lying on right side",
    "ascending stairs",
    "descending stairs",
    "standing in an elevator still",
    "moving around in an elevator",
    "walking in a parking lot",
    "walking on a treadmill flat at 4 km/h",
    "walking on a treadmill inclined 15° at 4 km/h",
    "running on a treadmill at 8 km/h",
    "exercising on a stepper",
    "exercising on a cross trainer",
    "cycling on an exercise bike horizontal",
    "cycling on an exercise bike vertical",
    "rowing",
    "jumping",
    "playing basketball",
)
"""Activity names; activity number ``n`` (folder ``a01`` is 1) is ``ACTIVITIES[n - 1]`` and class id ``n - 1``."""
NUM_ACTIVITIES = len(ACTIVITIES)

SYNTHETIC_MARKER = "SYNTHETIC.txt"
"""A file of this name beside the activity folders says that the recordings were made, not measured."""

_MOST_DIGITS = 10
"""More make an impossible number in any case, and Python refuses to read thousands."""
_SEGMENT_PATH = re.compile(r"(?:^|/)a([0-9]+)/p([0-9]+)/s([0-9]+)\.txt$", re.IGNORECASE)


class RecordingKey(NamedTuple):
    """Names a recording, a subject doing an activity; sorts by subject, then activity."""

    subject: int
    activity: int

    def __str__(self) -> str:
        return f"subject {self.subject}, activity {self.activity}"


class SegmentKey(NamedTuple):
    """Names one segment file; sorts by subject, then activity, then segment."""

    subject: int
    activity: int
    segment: int

    @property
    def path(self) -> str:
        """The canonical relative path, ``a01/p1/s01.txt``."""
        return f"a{self.activity:02d}/p{self.subject}/s{self.segment:02d}.txt"

    @property
    def recording(self) -> RecordingKey:
        """The recording that the segment belongs to."""
        return RecordingKey(self.subject, self.activity)

    def expectation(self) -> str | None:
        """What the first impossible number should have been; None if all are possible."""
        limits = (
            ("an activity", self.activity, NUM_ACTIVITIES),
            ("a subject", self.subject, 999),
            ("a segment", self.segment, 9_999),
        )
        return next((f"{what} from 1 to {most}" for what, number, most in limits if not 1 <= number <= most), None)


def channels_of_unit(unit: int) -> range:
    """The indices of the channels of the unit ``UNITS[unit]``."""
    return range(unit * CHANNELS_PER_UNIT, (unit + 1) * CHANNELS_PER_UNIT)


def channels_of_sensor(unit: int, sensor: int) -> range:
    """The indices of the channels of the sensor ``SENSORS[sensor]`` of a unit, in the order of axes."""
    first = unit * CHANNELS_PER_UNIT + sensor * len(AXES)
    return range(first, first + len(AXES))


def parse_segment_path(path: str) -> SegmentKey | None:
    """Read subject, activity and segment from a ``/``-separated path; None if it names no segment file.

    The numbers are as written, possible or not (see :meth:`SegmentKey.expectation`), but for digits beyond the tenth.

    >>> parse_segment_path("data/a01/p2/s03.txt")
    SegmentKey(subject=2, activity=1, segment=3)
    >>> parse_segment_path("data/README.txt") is None
    True
    """
    match = _SEGMENT_PATH.search(path)
    if match is None:
        return None
    activity, subject, segment = (int(group.lstrip("0")[:_MOST_DIGITS] or 0) for group in match.groups())
    return SegmentKey(subject=subject, activity=activity, segment=segment)
