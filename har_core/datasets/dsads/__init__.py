"""The DSADS recordings: what is fixed about them, where they come from, and how they are read and checked."""

from typing import TYPE_CHECKING

from har_core.base.facade import on_demand

if TYPE_CHECKING:
    from har_core.datasets.dsads.recordings import Recording as Recording
    from har_core.datasets.dsads.recordings import Recordings as Recordings
    from har_core.datasets.dsads.recordings import read_recordings as read_recordings
    from har_core.datasets.dsads.source import open_source as open_source
else:
    __getattr__ = on_demand(
        __name__,
        {
            "Recording": "recordings",
            "Recordings": "recordings",
            "open_source": "source",
            "read_recordings": "recordings",
        },
    )
