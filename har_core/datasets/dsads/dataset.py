"""DSADS as a value: K. Altun, B. Barshan and O. Tuncel, 2010, at the UCI repository (id 256)."""

from __future__ import annotations

from har_core.datasets.dsads.layout import SEGMENT_LENGTH
from har_core.spec.dataset import AXES, Channel, DatasetSpec

_PLACES = {"T": "torso", "RA": "right arm", "LA": "left arm", "RL": "right leg", "LL": "left leg"}
_UNITS = {"acc": "m/s²", "gyro": "rad/s", "mag": "normalised to the Earth's field"}
_LIMITS = {"acc": 180.0, "gyro": 20.944}  # 18 g and 1200°/s, in the data sheet of the Xsens MTx

DSADS = DatasetSpec(
    name="dsads",
    title="Daily and Sports Activities",
    citation="K. Altun, B. Barshan and O. Tuncel, Comparative study on classifying human activities with miniature "
    "inertial and magnetic sensors, Pattern Recognition 43(10), 2010",
    licence="CC BY 4.0",
    sampling_rate_hz=25.0,
    channels=tuple(
        Channel(
            name=f"{place}_{axis}{sensor}",
            place=place,
            sensor=sensor,
            axis=axis,
            unit=unit,
            limit=_LIMITS.get(sensor),
        )
        for place in _PLACES
        for sensor, unit in _UNITS.items()
        for axis in AXES
    ),
    activities=(
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
    ),
    place_names=_PLACES,
    segment_length=SEGMENT_LENGTH,
)
"""The 45 columns of a segment file and the 19 activities; folder ``a01`` is activity 1, and so is its session."""
