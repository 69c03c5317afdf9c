"""``har_core.dsads.read_recordings``, the stable name of the reader of DSADS recordings."""

from har_core.datasets.dsads.recordings import read_recordings

__all__ = ["read_recordings"]
