"""Data sets that tests run on, from one list, and recordings of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import Outline, Recording
from har_core.spec.channels import sensors_among
from har_core.spec.dataset import AXES, Channel, DatasetSpec

POCKET_AND_WRIST = DatasetSpec(
    name="pocket_and_wrist",
    title="A phone and a watch, made for tests",
    sampling_rate_hz=50.0,
    channels=(
        *(
            Channel(name=f"pocket_{sensor}_{axis}", place="pocket", sensor=sensor, axis=axis, unit=unit, limit=limit)
            for sensor, unit, limit in (("acc", "m/s²", 80.0), ("gyro", "rad/s", None))
            for axis in AXES
        ),
        Channel(name="wrist_heart_rate", place="wrist", sensor="heart_rate", unit="1/min", limit=250.0),
        *(Channel(name=f"wrist_acc_{axis}", place="wrist", sensor="acc", axis=axis, unit="m/s²") for axis in AXES),
    ),
    activities=("sitting", "walking", "stairs", "cycling"),
    none="other",
)
"""Ten channels, places of unequal size, a sensor without axes, no magnetometer, a label for what is none."""

SPECS = (DSADS, POCKET_AND_WRIST)


def small_dsads(num_channels: int, num_activities: int) -> DatasetSpec:
    """DSADS with its first channels and activities alone."""
    channels = DSADS.channels[:num_channels]
    places = {place: DSADS.place_names[place] for place in dict.fromkeys(channel.place for channel in channels)}
    return DSADS.replaced(channels=channels, activities=DSADS.activities[:num_activities], place_names=places)


def as_in_dsads(num_channels: int) -> dict[str, Any]:
    """What a fit of a classical model is told of the first channels of DSADS."""
    return {"sampling_rate_hz": DSADS.sampling_rate_hz, "sensors": sensors_among(DSADS, range(num_channels))}


def dsads_recording(
    subject: int, activity: int, segments: Iterable[int], samples: npt.NDArray[np.float32]
) -> Recording:
    """A recording as DSADS has them: one activity, in parts of 5 s; its session is the number of the activity."""
    outline = Outline.of_parts(tuple(segments), DSADS.segment_length or 0, activity)
    return Recording(subject=subject, session=activity, outline=outline, samples=samples)
