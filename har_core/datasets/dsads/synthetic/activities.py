"""How each of the 19 activities is moved: posture, rhythm and surroundings, as one table.

People's differences are in ``subjects``; the mechanics that turn these figures into signals are in ``motion``.
Angles are degrees; pitch is positive forward (a thigh lifted to the front is negative), roll is positive to the right.
Rhythms of walking and running: Winter, "Biomechanics and Motor Control of Human Movement", ch. 1 and 5; Pachi and Ji,
"Frequency and velocity of people walking", The Structural Engineer 83(3), 2005 (1.8 steps a second at ease).
The treadmill, stepper, trainer, bike, rowing and ball figures are our own estimates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Angles(NamedTuple):
    """One angle for the torso, one for both arms, one for both legs."""

    torso: float = 0.0
    arms: float = 0.0
    legs: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """A rhythm that the whole body keeps; one cycle is a stride (two steps), a pedal turn, a stroke or a jump."""

    cycle_hz: float = 1.0
    """Cycles in a second."""
    swing: Angles = field(default_factory=Angles)
    """Amplitude of pitch, at the cycle's frequency."""
    swing_harmonics: tuple[float, float] = (0.25, 0.1)
    """Second and third harmonic of the swing, as shares of the first."""
    lean: Angles = field(default_factory=Angles)
    """Pitch added to the posture for as long as the motion lasts."""
    alternating: bool = True
    """Left and right in antiphase, and each arm with the opposite leg; otherwise all limbs together."""
    twist: float = 0.0
    """Amplitude of the torso's rotation about the vertical."""
    sway: float = 0.0
    """Amplitude of the sideways lean."""
    bounce: float = 0.0
    """Amplitude of the body's vertical acceleration, m/s²: twice a cycle when alternating, else once."""
    surge: float = 0.0
    """Amplitude of the body's forward acceleration, m/s², at the frequency of the bounce."""
    impact: float = 0.0
    """Height of the pulse when a foot strikes the ground, m/s², at the thigh."""
    share: float = 0.0
    """How much of the time it takes beside the activity's other motions: log-odds, 0 is an equal part."""


STILL = Motion()


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One activity of one person."""

    pitch: Angles = field(default_factory=Angles)
    """Posture."""
    roll: Angles = field(default_factory=Angles)
    """Posture; mirrored between left and right where ``mirrored``."""
    mirrored: bool = True
    """False where the whole body lies on one side."""
    motions: tuple[Motion, ...] = (STILL,)
    """What is done in turns; a single one is done all the time."""
    fidget: float = 1.0
    """Deviation of small unrhythmic movements of the arms, degrees; the torso makes a third and the legs half of it."""
    turn: float = 0.0
    """Deviation of the turning speed while walking about, degrees a second."""
    faces: float | None = None
    """Heading of a machine that stands in a room, degrees; None where anyone may face anywhere."""
    lift: float = 0.0
    """Speed of an elevator, m/s."""
    magnetic: float = 0.02
    """Deviation of the field's disturbance by steel and motors, as a share of the Earth's."""


def _walking(cycle_hz: float, *, arms: float, legs: float, bounce: float, impact: float, **others: float) -> Motion:
    return Motion(
        cycle_hz=cycle_hz, swing=Angles(2.5, arms, legs), twist=5.0, sway=3.0, bounce=bounce, impact=impact, surge=0.9,
        lean=Angles(others.get("lean", 2.0), 0.0, others.get("legs_lean", -4.0)), share=others.get("share", 0.0),
    )  # fmt: skip


_STANDING = Angles(1.0, -8.0, 0.0)

TABLE: dict[int, Activity] = {
    1: Activity(pitch=Angles(-8, -62, -84), roll=Angles(0, 10, 6), fidget=2.5),
    2: Activity(pitch=_STANDING, roll=Angles(0, 4, 2), fidget=2.0),
    3: Activity(pitch=Angles(-86, -84, -86), roll=Angles(0, 8, 5), fidget=1.0, faces=150),
    4: Activity(pitch=Angles(-6, -40, -25), roll=Angles(84, 70, 80), mirrored=False, fidget=1.0, faces=150),
    5: Activity(
        pitch=Angles(7, -14, -20), turn=8, magnetic=0.06, fidget=3,
        motions=(_walking(0.84, arms=15, legs=26, bounce=2.0, impact=3.5),),
    ),
    6: Activity(
        pitch=Angles(2, -14, -12), turn=8, magnetic=0.06, fidget=3,
        motions=(_walking(0.94, arms=14, legs=19, bounce=2.8, impact=7.0),),
    ),
    7: Activity(pitch=_STANDING, roll=Angles(0, 4, 2), fidget=2.0, lift=1.5, magnetic=0.10),
    8: Activity(
        pitch=_STANDING, roll=Angles(0, 4, 2), fidget=4.0, turn=35, lift=1.5, magnetic=0.10,
        motions=(STILL, _walking(0.65, arms=7, legs=11, bounce=1.0, impact=2.0, share=0.6)),
    ),
    9: Activity(
        pitch=Angles(1, -12, 0), turn=6, fidget=3,
        motions=(_walking(0.95, arms=20, legs=23, bounce=2.6, impact=5.0),),
    ),
    10: Activity(
        pitch=Angles(1, -16, 0), turn=1, faces=40, magnetic=0.05, fidget=2.5,
        motions=(_walking(0.89, arms=15, legs=21, bounce=2.1, impact=4.2),),
    ),
    11: Activity(
        pitch=Angles(8, -20, -10), turn=1, faces=40, magnetic=0.05, fidget=2.5,
        motions=(_walking(0.86, arms=18, legs=27, bounce=2.2, impact=3.4, lean=4.0, legs_lean=-7.0),),
    ),
    12: Activity(
        pitch=Angles(7, -85, -6), turn=1, faces=40, magnetic=0.05, fidget=3,
        motions=(_walking(1.34, arms=28, legs=33, bounce=8.5, impact=15.0),),
    ),
    13: Activity(
        pitch=Angles(9, -45, -24), magnetic=0.07, turn=1, faces=40, fidget=2.5,
        motions=(Motion(cycle_hz=0.80, swing=Angles(3, 6, 17), swing_harmonics=(0.1, 0.04), sway=5, bounce=1.1),),
    ),
    14: Activity(
        pitch=Angles(6, -58, -17), magnetic=0.07, turn=1, faces=40, fidget=2.5,
        motions=(
            Motion(cycle_hz=0.82, swing=Angles(3, 20, 19), swing_harmonics=(0.1, 0.04), twist=6, bounce=0.9, surge=0.7),
        ),
    ),
    15: Activity(
        pitch=Angles(-24, -52, -80), magnetic=0.07, turn=1, faces=100, fidget=2.0,
        motions=(Motion(cycle_hz=1.15, swing=Angles(1, 1.5, 19), swing_harmonics=(0.08, 0.03), sway=1.5, bounce=0.3),),
    ),
    16: Activity(
        pitch=Angles(17, -52, -58), magnetic=0.07, turn=1, faces=100, fidget=2.0,
        motions=(Motion(cycle_hz=1.15, swing=Angles(2, 2, 20), swing_harmonics=(0.08, 0.03), sway=3, bounce=0.4),),
    ),
    17: Activity(
        pitch=Angles(-2, -75, -62), magnetic=0.07, turn=1, faces=100, fidget=2.5,
        motions=(
            Motion(cycle_hz=0.5, swing=Angles(24, 22, 24), swing_harmonics=(0.22, 0.1), alternating=False, surge=2.2,
                   bounce=0.5),
        ),
    ),
    18: Activity(
        pitch=Angles(3, -30, -8), turn=5, fidget=3,
        motions=(
            Motion(cycle_hz=1.95, swing=Angles(3, 14, 12), alternating=False, bounce=12.0, surge=1.0, impact=18.0),
        ),
    ),
    19: Activity(
        pitch=Angles(8, -45, -14), turn=45, fidget=14, motions=(
            Motion(cycle_hz=1.9, swing=Angles(2, 22, 3), bounce=0.8, lean=Angles(10, -10, -8)),  # dribbling
            _walking(1.0, arms=18, legs=22, bounce=3.0, impact=5.0, share=0.2),
            _walking(1.3, arms=26, legs=30, bounce=7.0, impact=12.0, share=-0.2),
            Motion(cycle_hz=0.9, swing=Angles(5, 45, 20), alternating=False, bounce=8.0, impact=14.0, share=-0.8),
        ),
    ),
}  # fmt: skip
"""Activity number to how it is moved."""
