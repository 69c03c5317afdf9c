"""The kinds of defects, and how much each finding matters."""

from enum import StrEnum


class Kind(StrEnum):
    """What is wrong; docs/audit.md has method and threshold of each."""

    ZERO_RUN = "zero_run"
    """Rows of zeros, which no sensor measures."""
    CONSTANT_RUN = "constant_run"
    """Rows that repeat the one before, value for value."""
    DUPLICATE_ROWS = "duplicate_rows"
    """Rows that occur, value for value, in another place too."""
    DISCONTINUOUS_JOIN = "discontinuous_join"
    """A step from one segment to the next that is larger than the steps within segments."""
    WRONG_ORDER = "wrong_order"
    """A segment that goes on in another segment than the next one."""
    MISSING_SEGMENT = "missing_segment"
    """Segment numbers that the recording lacks."""
    OUT_OF_RANGE = "out_of_range"
    """Values beyond what the sensor is made to measure."""
    SATURATION = "saturation"
    """A channel that stays at the largest or smallest value it ever takes."""
    MAGNETOMETER_NORM = "magnetometer_norm"
    """A magnetic field that is far from the Earth's."""
    DUPLICATED_CHANNELS = "duplicated_channels"
    """Two channels of a recording that hold the same values."""
    SWAPPED_CHANNELS = "swapped_channels"
    """Channels that stand in each other's place."""


class Severity(StrEnum):
    """How much a finding matters, the worst first."""

    ERROR = "error"
    """These values were not measured here."""
    WARNING = "warning"
    """Damaged or odd, but limited."""
    INFO = "info"
    """Good to know; it occurs in sound recordings too."""
