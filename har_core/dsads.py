"""``har_core.dsads.read_recordings``, the stable name of the reader of DSADS recordings."""

from pathlib import Path

from har_core.datasets import dataset
from har_core.datasets.dsads.format import Dsads
from har_core.datasets.recordings import Recordings
from har_core.datasets.source import Source

__all__ = ["read_recordings"]


def read_recordings(source: Path | str | Source) -> Recordings:
    """Read DSADS recordings from a directory, a zip, or an open source, one recording at a time.

    Args:
        source: ``aNN/pN/sNN.txt`` files in a directory or in a zip, at any depth.

    Returns:
        Recordings, read as they are iterated over; iterating raises InputError with every problem of a recording.

    Raises:
        InputError: there is nothing to read, or the listing is wrong.
    """
    dsads = Dsads()
    return dataset.read_recordings(dsads, dsads.open(Path(source)) if isinstance(source, Path | str) else source)
