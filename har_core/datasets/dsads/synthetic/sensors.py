"""What five units measure of a movement: accelerometer, gyroscope, magnetometer, each with its errors.

Rotations follow Diebel, "Representing attitude" (2006), sequence yaw, pitch, roll.
"""

from __future__ import annotations

import numpy as np

from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.synthetic.motion import GRAVITY, LEVERS_M, Movement
from har_core.datasets.dsads.synthetic.smoothness import BLOCK_LENGTH, Array
from har_core.datasets.dsads.synthetic.subjects import NUM_UNITS, Person

EARTH_FIELD = np.array([np.cos(np.deg2rad(58.0)), 0.0, -np.sin(np.deg2rad(58.0))])
"""North, west and up, at unit length; the field dips by some 58° at 40° north (World Magnetic Model)."""
_NOISE = np.repeat([0.10, 0.025, 0.006], 3)
"""White noise of accelerometer (m/s²), gyroscope (rad/s) and magnetometer."""
_RANGE = np.repeat([18 * GRAVITY, np.deg2rad(1200.0), np.inf], 3)
"""Largest value that accelerometer and gyroscope measure; beyond it they report this one."""
_SKIN_NOISE = 0.08
"""Noise of a strap on soft tissue, as a share of the unit's momentary acceleration and turning rate."""


def sense(movement: Movement, person: Person, *, magnetic: float, generator: np.random.Generator) -> Array:
    """The channels (B, 45) of one block, in the order of ``DSADS.channels``.

    ``magnetic`` is the deviation of the field's disturbance, as a share of the Earth's field.
    """
    roll, pitch, yaw = (movement.angle[:, :, axis] for axis in range(3))  # (B, U)
    turn = _Turn(roll, pitch)

    acc = turn.into_limb(movement.force)
    pitch_rate = movement.rate[:, :, 1]
    shake = np.linalg.norm(movement.force - np.array([0.0, 0.0, GRAVITY]), axis=2)
    acc[:, :, 0] -= LEVERS_M * movement.curvature
    acc[:, :, 2] += LEVERS_M * pitch_rate**2

    gyro = turn.rates(movement.rate)

    cosine, sine = np.cos(yaw), np.sin(yaw)
    disturbance = magnetic * (person.field_disturbance + 0.6 * movement.field_drift[:, None, :])  # (B, U, 3)
    north, west, up = (EARTH_FIELD[axis] + disturbance[:, :, axis] for axis in range(3))
    mag = turn.into_limb(np.stack([cosine * north + sine * west, cosine * west - sine * north, up], axis=2))

    limb = np.stack([acc, gyro, mag], axis=2)  # (B, U, sensors, 3)
    sensed = np.einsum("uij,busj->busi", person.mounts, limb)
    sensed[:, :, 0] *= person.acc_scale
    sensed[:, :, 1] += person.gyro_bias
    sensed = sensed.reshape(BLOCK_LENGTH, NUM_UNITS, 9)
    noise = generator.standard_normal(sensed.shape)
    spread = np.broadcast_to(_NOISE, sensed.shape).copy()
    spread[:, :, 0:3] += _SKIN_NOISE * shake[:, :, None]
    spread[:, :, 3:6] += _SKIN_NOISE * np.abs(pitch_rate)[:, :, None]
    measured = np.clip(sensed + spread * noise, -_RANGE, _RANGE)
    return np.asarray(measured).reshape(BLOCK_LENGTH, DSADS.num_channels)


class _Turn:
    """The turn from the walker's frame into the limbs' by pitch, then roll; both (B, U)."""

    def __init__(self, roll: Array, pitch: Array) -> None:
        self._cos_roll, self._sin_roll = np.cos(roll), np.sin(roll)
        self._cos_pitch, self._sin_pitch = np.cos(pitch), np.sin(pitch)

    def into_limb(self, vectors: Array) -> Array:
        """Vectors (B, U, 3) of the walker's frame in the limbs' frames."""
        x, y, z = (vectors[:, :, axis] for axis in range(3))
        forward = self._cos_pitch * x - self._sin_pitch * z
        upward = self._sin_pitch * x + self._cos_pitch * z
        left = self._cos_roll * y + self._sin_roll * upward
        return np.stack([forward, left, self._cos_roll * upward - self._sin_roll * y], axis=2)

    def rates(self, rates: Array) -> Array:
        """Angular velocities (B, U, 3) in the limbs' frames, from the rates of roll, pitch and yaw."""
        roll, pitch, yaw = (rates[:, :, axis] for axis in range(3))
        return np.stack(
            [
                roll - yaw * self._sin_pitch,
                pitch * self._cos_roll + yaw * self._cos_pitch * self._sin_roll,
                yaw * self._cos_pitch * self._cos_roll - pitch * self._sin_roll,
            ],
            axis=2,
        )
