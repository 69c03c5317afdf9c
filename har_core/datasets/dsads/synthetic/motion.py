"""The mechanics of one recording: rhythm, posture and surroundings become the angles of five units and forces on them.

Letters: B samples of a block, U units, H harmonics. Frames: the *walker's* frame has x forward along the heading,
y left and z up; a *limb's* frame is the walker's, turned by yaw, then pitch, then roll. How a unit senses all
this is in ``sensors``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.synthetic.activities import STILL, Activity, Angles, Motion
from har_core.datasets.dsads.synthetic.smoothness import BLOCK_LENGTH, Array, Course, evaluate, num_knots
from har_core.datasets.dsads.synthetic.subjects import NUM_UNITS, Person

GRAVITY = 9.81
LEVERS_M = np.array([0.12, 0.45, 0.45, 0.32, 0.32])
"""Distance of each unit from the joint about which its limb swings."""
_BOUNCE_GAINS = np.array([1.0, 0.85, 0.85, 1.1, 1.1])
_IMPACT_GAINS = np.array([[0.35, 0.35], [0.3, 0.2], [0.2, 0.3], [1.0, 0.25], [0.25, 1.0]])
"""(units, feet): how much of a foot's strike arrives at each unit; right foot first."""
_MIRROR = np.array([0.0, 1.0, -1.0, 1.0, -1.0])
_FIDGET_SHARES = np.array([0.33, 1.0, 1.0, 0.5, 0.5])
_SLOW, _BOUT, _QUICK, _RIDE = 100, 50, 10, 25
"""Samples between the knots of drift, of bouts, of small movements, and of an elevator's speed."""
_DRIFT_DEG = 2.0
_LEAST_UPWARD_FORCE = -2.0
"""Nobody is pulled down faster than falling, and a limb only a little, m/s²."""
_STRIKE_PHASE = -0.5
"""Radians of the cycle, relative to the foremost leg, at which a foot strikes."""
_SHAPE_PHASES = np.array([0.0, 0.8, 1.6])
_NUM_FIELD_AXES = 3


class Movement(NamedTuple):
    """What the units do in one block."""

    angle: Array
    """(B, U, 3) roll, pitch and yaw of the limbs, radians; yaw is measured from north and includes the heading."""
    rate: Array
    """(B, U, 3) their time derivatives, rad/s."""
    curvature: Array
    """(B, U) second derivative of pitch, rad/s²."""
    force: Array
    """(B, U, 3) specific force (acceleration less gravity) in the walker's frame, m/s²; at rest (0, 0, 9.81)."""
    field_drift: Array
    """(B, 3) smooth normal course of the magnetic field's disturbance."""


class MovingBody:
    """One person at one activity, block after block."""

    def __init__(self, person: Person, activity: Activity, *, num_blocks: int, generator: np.random.Generator) -> None:
        self._person = person
        self._activity = activity
        # Each course has a generator of its own, so that the number of its knots does not shift the next course.
        slow, bout, quick, ride = generator.spawn(4)
        self._slow = slow.standard_normal((num_knots(num_blocks, _SLOW), 2 + 2 * NUM_UNITS + _NUM_FIELD_AXES + 1))
        self._bout = bout.standard_normal((num_knots(num_blocks, _BOUT), len(activity.motions) + 2))
        self._quick = quick.standard_normal((num_knots(num_blocks, _QUICK), 3 * NUM_UNITS + 1))
        self._ride = _elevator_speeds(ride, num_knots(num_blocks, _RIDE)) * activity.lift
        self._phases = bout.spawn(1)[0].uniform(0, 2 * np.pi, len(activity.motions))
        self._heading = (
            person.heading if activity.faces is None else np.deg2rad(activity.faces) + 0.15 * np.sin(person.heading)
        )
        self._block = 0

    def next_block(self) -> Movement:
        """The next BLOCK_LENGTH samples."""
        activity, person = self._activity, self._person
        slow = evaluate(self._slow, spacing=_SLOW, block=self._block)
        bout = evaluate(self._bout, spacing=_BOUT, block=self._block)
        quick = evaluate(self._quick, spacing=_QUICK, block=self._block)
        lift = evaluate(self._ride, spacing=_RIDE, block=self._block).rate[:, 0]
        self._block += 1

        strength = person.strength * np.exp(0.10 * slow.value[:, 1] + 0.08 * quick.value[:, -1])
        shares = _shares(activity.motions, bout.value)
        movement = self._at_rest(slow, quick, restlessness=bout.value[:, -1])
        movement.force[:, :, 2] += lift[:, None]
        pace = person.tempo * np.exp(0.03 * slow.value[:, 0]) * 2 * np.pi
        for index, motion in enumerate(activity.motions):
            speed = motion.cycle_hz * pace  # radians of the cycle in a second
            phase = self._phases[index] + np.cumsum(speed) / DSADS.sampling_rate_hz
            self._phases[index] = phase[-1]
            if motion is not STILL:
                self._add_swing(movement, motion, phase, speed, shares[:, index] * strength)
                self._add_body(movement, motion, phase, shares[:, index] * strength)
                movement.angle[:, :, 1] += np.deg2rad(_by_unit(motion.lean)) * shares[:, index, None]
        movement.force[:, :, 2] = np.maximum(movement.force[:, :, 2], _LEAST_UPWARD_FORCE)

        turning = np.deg2rad(activity.turn) * bout.value[:, -2]
        if len(activity.motions) > 1:  # who stands still, or dribbles on the spot, turns little
            turning *= 1 - shares[:, 0]
        heading = self._heading + np.cumsum(turning) / DSADS.sampling_rate_hz
        self._heading = heading[-1]
        movement.angle[:, :, 2] += (heading + 0.04 * slow.value[:, -1])[:, None]
        movement.rate[:, :, 2] += turning[:, None]
        return movement

    def _at_rest(self, slow: Course, quick: Course, *, restlessness: Array) -> Movement:
        """Posture with its drift and small movements, under gravity."""
        activity, person = self._activity, self._person
        restless = 1 / (1 + np.exp(1.0 - 2.5 * restlessness))  # (B,), comes and goes between 0 and 1
        fidget = np.deg2rad(activity.fidget) * _FIDGET_SHARES[:, None] * restless[:, None, None]
        angle, rate, curvature = (fidget * course[:, :-1].reshape(BLOCK_LENGTH, NUM_UNITS, 3) for course in quick)
        side = _MIRROR if activity.mirrored else np.ones(NUM_UNITS)
        drift = np.deg2rad(_DRIFT_DEG) * slow.value[:, 2 : 2 + 2 * NUM_UNITS].reshape(BLOCK_LENGTH, NUM_UNITS, 2)
        angle[:, :, 0] += np.deg2rad(_by_unit(activity.roll)) * side
        angle[:, :, 1] += np.deg2rad(_by_unit(activity.pitch))
        angle[:, :, :2] += person.posture + drift
        force = np.zeros((BLOCK_LENGTH, NUM_UNITS, 3))
        force[:, :, 2] = GRAVITY
        return Movement(angle, rate, curvature[:, :, 1].copy(), force, slow.value[:, -1 - _NUM_FIELD_AXES : -1])

    def _add_swing(self, movement: Movement, motion: Motion, phase: Array, speed: Array, weight: Array) -> None:
        """Add the harmonics of the limbs' swing, the torso's twist and the sway, in place; the last three are (B,)."""
        harmonics = np.arange(1, 4)
        shares = np.array([1.0, *motion.swing_harmonics])
        cycles = np.array([2.0 if motion.alternating else 1.0, 1, 1, 1, 1])  # a torso nods at each step
        order = cycles[:, None] * harmonics  # (U, H)
        terms = order * phase[:, None, None] + self._offsets(motion)[:, None] * harmonics + _SHAPE_PHASES  # (B, U, H)
        cosines, sines = np.cos(terms) * shares, np.sin(terms) * shares
        scale = np.deg2rad(_by_unit(motion.swing)) * self._person.limb_strength * weight[:, None]
        # A leg to the front has negative pitch, so the foremost leg is at phase 0.
        movement.angle[:, :, 1] -= scale * cosines.sum(axis=2)
        movement.rate[:, :, 1] += scale * speed[:, None] * (sines * order).sum(axis=2)
        movement.curvature[:] += scale * (speed**2)[:, None] * (cosines * order**2).sum(axis=2)

        twist, sway = np.deg2rad(motion.twist) * weight, np.deg2rad(motion.sway) * weight
        cosine, sine = np.cos(phase), np.sin(phase)
        movement.angle[:, 0, 2] += twist * cosine
        movement.rate[:, 0, 2] -= twist * sine * speed
        movement.angle[:, :, 0] += (sway * sine)[:, None]
        movement.rate[:, :, 0] += (sway * cosine * speed)[:, None]

    def _add_body(self, movement: Movement, motion: Motion, phase: Array, weight: Array) -> None:
        """Add what shakes the whole body, bounce, surge and foot strikes, in place."""
        beat = phase * (2.0 if motion.alternating else 1.0)
        up = motion.bounce * weight * (np.cos(beat + 0.6) + 0.25 * np.cos(2 * beat + 1.5))
        forward = motion.surge * weight * (np.cos(beat - 1.0) + 0.3 * np.cos(2 * beat))
        left = 0.5 * motion.surge * weight * np.sin(phase) * motion.alternating
        movement.force[:] += np.stack([forward, left, up], axis=1)[:, None, :] * _BOUNCE_GAINS[:, None]
        if motion.impact:
            feet = np.array([0.0, np.pi if motion.alternating else 0.0])
            sharpness = self._person.impact_sharpness
            pulses = np.exp(sharpness * (np.cos(phase[:, None] + feet - _STRIKE_PHASE) - 1))  # (B, feet)
            pulses -= np.i0(sharpness) * np.exp(-sharpness)  # over a cycle, only gravity is left
            strikes = motion.impact * weight[:, None] * (pulses @ _IMPACT_GAINS.T)
            movement.force[:, :, 2] += strikes
            movement.force[:, :, 0] -= 0.3 * strikes

    def _offsets(self, motion: Motion) -> Array:
        """(units,) phase of each limb's swing: right leg 0; arms with the opposite leg, and a little late."""
        lag = self._person.arm_lag
        if motion.alternating:
            return np.array([0.6, np.pi - lag, -lag, 0.0, np.pi])
        return np.array([0.6, -lag, -lag, 0.0, 0.0])


def _by_unit(angles: Angles) -> Array:
    return np.array([angles.torso, angles.arms, angles.arms, angles.legs, angles.legs])


def _shares(motions: tuple[Motion, ...], bout: Array) -> Array:
    """(B, motions) how much each motion has of the moment; mostly one has nearly all, as bouts take turns."""
    logits = 5.0 * bout[:, : len(motions)] + np.array([2 * motion.share for motion in motions])
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _elevator_speeds(generator: np.random.Generator, num_needed: int) -> Array:
    """(num_needed, 1) one a second: 0 while the doors are open, then up (1) or down (-1) for some floors."""
    speeds: list[float] = []
    while len(speeds) < num_needed:
        stop, ride, direction = generator.integers([3, 3, 0], [9, 11, 2])
        speeds += [0.0] * int(stop) + [2.0 * direction - 1.0] * int(ride)
    return np.array(speeds[:num_needed])[:, None]
