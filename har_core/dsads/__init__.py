"""The DSADS recordings: what is fixed about them, where they come from, and how they are read and checked."""

from har_core.dsads.layout import ACTIVITIES, CHANNELS, SAMPLING_RATE_HZ, SEGMENT_LENGTH, UNITS
from har_core.dsads.recordings import Recording, Recordings, read_recordings
from har_core.dsads.source import open_source

__all__ = [
    "ACTIVITIES",
    "CHANNELS",
    "SAMPLING_RATE_HZ",
    "SEGMENT_LENGTH",
    "UNITS",
    "Recording",
    "Recordings",
    "open_source",
    "read_recordings",
]
