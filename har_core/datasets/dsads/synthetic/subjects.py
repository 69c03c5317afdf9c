"""How people differ: tempo, strength, habits of posture, and how the five units sit on their bodies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.synthetic.smoothness import Array

NUM_UNITS = len(DSADS.places)
_SUBJECT_STREAM, _HABIT_STREAM, COURSE_STREAM, NOISE_STREAM = range(4)

_TEMPO_SPREAD = 0.05
_STRENGTH_SPREAD = 0.14
_PLACEMENT_DEG = 7.0
_SLIP_DEG = 3.0
_POSTURE_DEG = 5.5

_MOUNTS = np.array(
    [
        [[0, 0, 1], [0, -1, 0], [1, 0, 0]],  # torso: x up, z out of the chest
        [[0, 0, 1], [-1, 0, 0], [0, -1, 0]],  # right wrist: x up, z outward to the right
        [[0, 0, 1], [1, 0, 0], [0, 1, 0]],  # left wrist: x up, z outward to the left
        [[0, 0, -1], [1, 0, 0], [0, -1, 0]],  # right thigh: x down, z outward to the right
        [[0, 0, -1], [-1, 0, 0], [0, 1, 0]],  # left thigh: x down, z outward to the left
    ],
    dtype=np.float64,
)
"""Rows are a unit's axes in the frame of its limb (x forward, y left, z up along the limb)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One subject doing one activity: what stays the same for the whole recording."""

    tempo: float
    """Factor of all rhythms."""
    strength: float
    """Factor of all amplitudes."""
    limb_strength: Array
    """(units,) factor of the swing of each limb."""
    arm_lag: float
    """Radians by which the arms come late."""
    impact_sharpness: float
    """Concentration of the pulse of a foot strike; higher is shorter."""
    posture: Array
    """(units, 2) pitch and roll added to the activity's, radians."""
    heading: float
    """Heading at the start, radians."""
    mounts: Array
    """(units, 3, 3) rows are the axes of each unit in the frame of its limb."""
    gyro_bias: Array
    """(units, 3) rad/s."""
    acc_scale: Array
    """(units, 3) factor near 1."""
    field_disturbance: Array
    """(units, 3) normal; scaled by the activity's magnetic disturbance."""


def generator(seed: int, subject: int, activity: int, stream: int) -> np.random.Generator:
    """An independent generator; activity 0 stands for what a subject shares among activities."""
    return np.random.default_rng((seed, subject, activity, stream))


def make_person(seed: int, subject: int, activity: int) -> Person:
    """Draw what distinguishes this subject, and this subject at this activity; depends on nothing else."""
    body = generator(seed, subject, 0, _SUBJECT_STREAM)
    tempo, strength = body.normal(0, _TEMPO_SPREAD), body.normal(0, _STRENGTH_SPREAD)
    limb_strength = np.exp(body.normal(0, 0.12, NUM_UNITS))
    arm_lag, impact_sharpness = body.normal(0, 0.35), 7.0 * np.exp(body.normal(0, 0.25))
    placement = body.normal(0, np.deg2rad(_PLACEMENT_DEG), (NUM_UNITS, 3))
    gyro_bias = body.normal(0, 0.012, (NUM_UNITS, 3))
    acc_scale = 1 + body.normal(0, 0.006, (NUM_UNITS, 3))

    habit = generator(seed, subject, activity, _HABIT_STREAM)
    tempo += habit.normal(0, 0.5 * _TEMPO_SPREAD)
    strength += habit.normal(0, 0.5 * _STRENGTH_SPREAD)
    posture = habit.normal(0, np.deg2rad(_POSTURE_DEG), (NUM_UNITS, 2)) * np.array([0.7, 1.5, 1.5, 0.8, 0.8])[:, None]
    slip = habit.normal(0, np.deg2rad(_SLIP_DEG), (NUM_UNITS, 3))
    return Person(
        tempo=float(np.exp(tempo)),
        strength=float(np.exp(strength)),
        limb_strength=limb_strength,
        arm_lag=float(arm_lag),
        impact_sharpness=float(impact_sharpness),
        posture=posture,
        heading=float(habit.uniform(0, 2 * np.pi)),
        mounts=np.stack([rotation(vector) @ mount for vector, mount in zip(placement + slip, _MOUNTS, strict=True)]),
        gyro_bias=gyro_bias,
        acc_scale=acc_scale,
        field_disturbance=habit.normal(0, 1, (NUM_UNITS, 3)),
    )


def rotation(vector: Array) -> Array:
    """The matrix (3, 3) that turns about ``vector`` by its length in radians (Rodrigues' formula)."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector / max(angle, 1e-12)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross))
