"""Data sets that tests run on, from one list, and recordings of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.pilot.format import CARD, Pilot
from har_core.datasets.recordings import Outline, Recording, Recordings, label_runs, recordings_of
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

PILOT = Pilot.from_file(CARD).spec
"""Six channels at one place; what is none of four activities has no class."""


class DataSet(NamedTuple):
    """A data set, and windows that suit it."""

    spec: DatasetSpec
    window_length: int
    """Samples."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """T, C, K."""
        return self.window_length, self.spec.num_channels, self.spec.num_activities

    def __str__(self) -> str:
        return self.spec.name


DATA_SETS = (DataSet(DSADS, 125), DataSet(PILOT, 128), DataSet(POCKET_AND_WRIST, 50))
"""What the contracts are held on: architectures, splits, audit and report. A new one is an entry here."""
SPECS = tuple(data_set.spec for data_set in DATA_SETS)


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


def recordings_like(data_set: DataSet, subjects: Iterable[int]) -> Recordings:
    """Recordings without damage: DSADS in parts, a session for each activity; else two sessions of three segments.

    Every activity lasts two windows in a session, and comes again; between them lies what is none of them, if the set
    has a label for that.
    """
    spec, length = data_set.spec, data_set.window_length
    made = []
    for subject in subjects:
        if spec.segment_length is not None:
            outlines = [
                Outline.of_parts((1, 2, 3), spec.segment_length, number) for number in range(1, spec.num_activities + 1)
            ]
        else:
            between = () if spec.none is None else (0,)
            order = [n for number in range(1, spec.num_activities + 1) for n in (number, *between)] * 2
            labels = np.repeat(np.array(order, dtype=np.int8), 2 * length)
            cuts = (len(labels) // 3 // length * length, 2 * len(labels) // 3 // length * length + 7)
            lengths = (cuts[0], cuts[1] - cuts[0], len(labels) - cuts[1])
            outlines = [
                Outline(segments=(1, 2, 4), lengths=lengths, labels=label_runs(np.roll(labels, 11 * session)))
                for session in (1, 2)
            ]
        for session, outline in enumerate(outlines, start=1):
            samples = _swinging(spec, outline, np.random.default_rng([subject, session]))
            made.append(Recording(subject=subject, session=session, outline=outline, samples=samples))
    return recordings_of(spec, made)


_USUAL = {"acc": (1.0, (1.5, -2.5, 9.81)), "gyro": (0.2, (0.0, 0.0, 0.0)), "mag": (0.05, (0.5, -0.3, 0.8))}
"""Of each kind of sensor the scale of the x axis, of which the others have more, and the levels of x, y and z."""


def _swinging(spec: DatasetSpec, outline: Outline, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """(C, R) of limbs that swing faster for higher activity numbers; what has no axis keeps a value for half a second.

    Accelerometers feel gravity, and magnetometers are normalised, as the audit expects them.
    """
    labels = outline.row_labels()
    phase = np.cumsum(0.1 + 0.2 * labels / spec.num_activities) + rng.uniform(0, 6, (spec.num_channels, 1))
    samples = np.sin(phase) + rng.normal(scale=0.1, size=phase.shape)
    steps = np.arange(outline.num_rows) // 25 * 25
    for index, channel in enumerate(spec.channels):
        if not channel.axis:
            samples[index] = np.round(80 + 10 * samples[index, steps])
            continue
        scale, level = _USUAL.get(channel.sensor, (1.0, (0.0, 0.0, 0.0)))
        axis = AXES.index(channel.axis)
        samples[index] = level[axis] + scale * (1 + axis) * samples[index]
    for sensor in spec.triads:
        if sensor.kind == "mag":
            samples[list(sensor.axes)] /= np.linalg.norm(samples[list(sensor.axes)], axis=0)
    return samples.round(5).astype(np.float32)
