"""How often windows of a new subject, clean or with a planted fault, are called unlike the training windows.

``python benchmarks/unlike_training.py FOLDER_OR_ZIP`` leaves each subject in turn out, describes the windows of the
others as a registered model does, holds the windows of the subject against that, as they are and with faults planted,
and prints a Markdown table for ``docs/results/unlike_training.md``. It trains nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from har_core.datasets.dsads.dataset import DSADS
from har_core.dsads import read_recordings
from har_core.inference.likeness import compare, describe_training
from har_core.spec.channels import select_channels

Windows = npt.NDArray[np.float32]
NUM_NOISY = 33
SEVERAL = 2


def read_windows(data: Path) -> dict[int, Windows]:
    """The segments (N, T, C) of each subject."""
    windows: dict[int, list[Windows]] = {}
    for recording in read_recordings(data):
        own = recording.samples.reshape(DSADS.num_channels, -1, DSADS.segment_length or 1).transpose(1, 2, 0)
        windows.setdefault(recording.key.subject, []).append(np.ascontiguousarray(own, dtype=np.float32))
    return {subject: np.concatenate(own) for subject, own in sorted(windows.items())}


def faults(seed: int, level: Windows, deviation: Windows) -> dict[str, Callable[[Windows], Windows]]:
    """By name, what each does to windows; ``level`` and ``deviation`` (C,) are those of all training samples."""
    generator = np.random.default_rng(seed)
    acc, gyro = (list(select_channels(DSADS, sensors=[sensor])) for sensor in ("acc", "gyro"))

    def noise(windows: Windows, *, like_training: bool) -> Windows:
        noisy = generator.normal(size=windows.shape)
        chosen = generator.permuted(np.tile(np.arange(DSADS.num_channels), (len(windows), 1)), axis=1) < NUM_NOISY
        noisy = noisy * deviation + level if like_training else noisy
        return np.where(chosen[:, None, :], noisy, windows).astype(np.float32)

    def scale(windows: Windows, channels: list[int], factor: float) -> Windows:
        scaled = windows.copy()
        scaled[:, :, channels] *= np.float32(factor)
        return scaled

    def hold(windows: Windows, unit: str, value: float | None) -> Windows:
        channels = list(select_channels(DSADS, units=[unit]))
        held = windows.copy()
        held[:, :, channels] = windows[:, :1, channels] if value is None else value
        return held

    def turn(windows: Windows, axes: tuple[int, int, int], signs: tuple[int, int, int], units: range) -> Windows:
        """The axes of every sensor of ``units`` in another order, with other signs."""
        turned = windows.copy()
        for sensor in (sensor.axes for sensor in DSADS.triads if sensor.place in units):
            for axis in range(3):
                turned[:, :, sensor[axis]] = windows[:, :, sensor[axes[axis]]] * signs[axis]
        return turned

    def stretch(windows: Windows) -> Windows:
        """As recorded at 50 Hz and read as 25."""
        times = np.arange(windows.shape[1]) / 2
        before, share = times.astype(int), (times % 1)[None, :, None]
        return (windows[:, before] * (1 - share) + windows[:, before + 1] * share).astype(np.float32)

    every, torso, arm = range(len(DSADS.places)), range(1), range(1, 2)
    return {
        "none: clean windows": lambda windows: windows,
        "33 of 45 channels are noise, deviation 1": lambda windows: noise(windows, like_training=False),
        "33 of 45 channels are noise, mean and deviation of training": lambda windows: noise(
            windows, like_training=True
        ),
        "one unit is zero": lambda windows: hold(windows, "RA", 0.0),
        "one unit stands still": lambda windows: hold(windows, "T", None),
        "acceleration in g": lambda windows: scale(windows, acc, 1 / 9.81),
        "angular rate in degrees": lambda windows: scale(windows, gyro, 180 / np.pi),
        "x and y exchanged, every unit": lambda windows: turn(windows, (1, 0, 2), (1, 1, 1), every),
        "x and z exchanged, every unit": lambda windows: turn(windows, (2, 1, 0), (1, 1, 1), every),
        "y and z exchanged, every unit": lambda windows: turn(windows, (0, 2, 1), (1, 1, 1), every),
        "x and y exchanged, torso alone": lambda windows: turn(windows, (1, 0, 2), (1, 1, 1), torso),
        "upside down (x, y negative), every unit": lambda windows: turn(windows, (0, 1, 2), (-1, -1, 1), every),
        "upside down (x, y negative), right arm alone": lambda windows: turn(windows, (0, 1, 2), (-1, -1, 1), arm),
        "50 Hz read as 25 Hz": stretch,
    }


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder or zip of recordings")
    parser.add_argument("--subjects", type=int, nargs="+", default=[3, 4, 6, 7], help="to leave out, each in turn")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    arguments = parser.parse_args()

    windows = read_windows(arguments.data)
    shares: dict[str, list[tuple[float, float]]] = {}
    for subject in arguments.subjects:
        others = [own for other, own in windows.items() if other != subject]
        training = describe_training(others, DSADS, range(DSADS.num_channels))
        level, deviation = (
            np.array([of[name] for of in training.channels.values()]) for name in ("mean", "standard_deviation")
        )
        for name, plant in faults(arguments.seed, level, deviation).items():
            found = compare(plant(windows[subject]), training).num_channels
            shares.setdefault(name, []).append((float((found >= 1).mean()), float((found >= SEVERAL).mean())))
    print("| fault | windows with a channel unlike training | least and most | windows with two or more |")
    print("|---|--:|--:|--:|")
    for name, of in shares.items():
        any_, several = np.array(of).T
        spread = f"{any_.min():.1%} to {any_.max():.1%}"
        print(f"| {name} | {any_.mean():.1%} | {spread} | {several.mean():.1%} |")


if __name__ == "__main__":
    main()
