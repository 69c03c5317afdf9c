"""Writes the made recordings of the pilot: a CSV file for each person and session, as a logger on a wrist would.

Each person does every activity twice in a session, in an order of their own, with unlabelled movement between. The
clock is not quite regular, every session loses some seconds once, and single values are missing. The same seed gives
the same bytes on one machine; a person depends on seed and number alone. Letters: R rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from har_core.base.progress import Progress
from har_core.datasets.made import made_folder
from har_core.settings.source import SourceSettings

RATE_HZ = 50
COLUMNS = ("acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z")

Array = npt.NDArray[np.float64]


class Motion(NamedTuple):
    """How a wrist moves in an activity."""

    gravity: tuple[float, float, float]
    """m/s², on the axes of the sensor."""
    frequency_hz: float
    acceleration: float
    """m/s², amplitude of the first harmonic."""
    turning: float
    """rad/s, the same."""
    second: float
    """Amplitude of the second harmonic as a share of the first."""


MOTIONS = {
    "sitting": Motion((1.0, 1.5, 9.6), 0.3, 0.1, 0.05, 0.0),
    "walking": Motion((-9.2, 1.0, 3.2), 1.9, 2.4, 1.6, 0.5),
    "stairs": Motion((-8.9, 2.0, 3.6), 1.5, 3.1, 1.2, 0.9),
    "cycling": Motion((2.0, -5.5, 7.8), 1.2, 0.9, 0.4, 0.3),
}
_BOUTS = 2
_SECONDS_PER_SEGMENT = 5
_BETWEEN_S = (3.0, 8.0)
_LOST_S = (2.0, 6.0)
_MISSING_SHARE = 5e-4
_JITTER_S = 0.001
_DECIMALS = 5
_START_MS = 1_700_000_000_000


def write_recordings(folder: Path, settings: SourceSettings, progress: Progress) -> None:
    """Write ``pNN_S.csv`` for ``num_subjects`` people into ``folder``, and a marker; who has an odd number comes twice.

    Each activity lasts ``num_segments`` times 5 s in a session. What is raised, and what is replaced:
    :func:`har_core.datasets.made.made_folder`.
    """
    names = [(subject, session) for subject in range(1, settings.num_subjects + 1) for session in sessions_of(subject)]
    with made_folder(folder, by=__name__, seed=settings.seed) as temporary:
        for num_done, (subject, session) in enumerate(names, start=1):
            table = make_session(
                seed=settings.seed, subject=subject, session=session, num_segments=settings.num_segments
            )
            table.write_csv(temporary / f"p{subject:02d}_{session}.csv", float_precision=_DECIMALS)
            progress("synthetic files", num_done, len(names))


def sessions_of(subject: int) -> range:
    """The sessions of a person: two for odd numbers, else one."""
    return range(1, 2 + subject % 2)


def make_session(*, seed: int, subject: int, session: int, num_segments: int) -> pl.DataFrame:
    """One session as a table: ``time_ms``, the six channels, ``label`` (empty where nothing is known)."""
    person = np.random.default_rng([seed, subject])
    turn = _rotation(person.normal(0, 0.15, 3))
    pace, strength = person.normal(1, 0.06), person.normal(1, 0.15)
    generator = np.random.default_rng([seed, subject, session, 1])
    bouts = generator.permutation(np.repeat(np.array(list(MOTIONS)), _BOUTS)).tolist()
    num_rows = num_segments * _SECONDS_PER_SEGMENT * RATE_HZ // _BOUTS
    parts, labels = [], []
    for name in bouts:
        motion = MOTIONS[name]._replace(frequency_hz=MOTIONS[name].frequency_hz * pace)
        parts += [_between(generator), _moving(motion, strength, num_rows, generator)]
        labels += [""] * len(parts[-2]) + [name] * num_rows
    values = np.concatenate(parts)
    values = np.concatenate([values[:, :3] @ turn.T, values[:, 3:] @ turn.T], axis=1)
    values += generator.normal(0, [0.06] * 3 + [0.02] * 3, values.shape)
    values[generator.random(values.shape) < _MISSING_SHARE] = np.nan
    times = np.arange(len(values)) / RATE_HZ + generator.uniform(-_JITTER_S, _JITTER_S, len(values))
    lost_at = generator.integers(len(values) // 4, 3 * len(values) // 4)
    times[lost_at:] += generator.uniform(*_LOST_S)
    columns = {"time_ms": (_START_MS + times * 1000).round().astype(np.int64)}
    columns |= dict(zip(COLUMNS, values.T, strict=True))
    return pl.DataFrame({**columns, "label": labels}).with_columns(pl.col(COLUMNS).fill_nan(None))


def _moving(motion: Motion, strength: float, num_rows: int, generator: np.random.Generator) -> Array:
    """(R, 6) of an activity: two harmonics about gravity, whose strength wanders a little."""
    time = np.arange(num_rows) / RATE_HZ
    phase = 2 * np.pi * motion.frequency_hz * time + generator.uniform(0, 2 * np.pi)
    wander = 1 + 0.1 * np.sin(2 * np.pi * 0.1 * time + generator.uniform(0, 2 * np.pi))
    shifts = generator.uniform(0, 2 * np.pi, 6)
    sizes = np.array([motion.acceleration] * 3 + [motion.turning] * 3) * np.array([1.0, 0.6, 0.8, 0.7, 1.0, 0.5])
    waves = np.sin(phase[:, None] + shifts) + motion.second * np.sin(2 * phase[:, None] + 2 * shifts)
    still = np.array([*motion.gravity, 0.0, 0.0, 0.0])
    moving: Array = still + strength * wander[:, None] * sizes * waves
    return moving


def _between(generator: np.random.Generator) -> Array:
    """(R, 6) of movement that is none of the activities: slow turns at random."""
    num_rows = int(generator.uniform(*_BETWEEN_S) * RATE_HZ)
    time = np.arange(num_rows)[:, None] / RATE_HZ
    frequencies, shifts = generator.uniform(0.2, 3.0, (4, 1, 6)), generator.uniform(0, 2 * np.pi, (4, 1, 6))
    sizes = np.array([2.5] * 3 + [1.2] * 3)
    direction = generator.normal(size=3)
    still = np.array([*(9.81 * direction / np.linalg.norm(direction)), 0.0, 0.0, 0.0])
    moving: Array = still + sizes * np.sin(2 * np.pi * frequencies * time + shifts).mean(axis=0)
    return moving


def _rotation(vector: Array) -> Array:
    """(3, 3) the turn about ``vector`` by its length in radians (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: Array = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return rotation
