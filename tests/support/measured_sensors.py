"""Scores of models by what they see, as a report gets them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.sensors import SensorScore
from har_core.report.inputs import SensorEntry

ALONE = {"T": 0.6, "RA": 0.55, "LA": 0.5, "RL": 0.7, "LL": 0.65, "acc": 0.8, "gyro": 0.72, "mag": 0.4}
"""What each gives alone; what remains without it is the less the more that is."""
MISSING = 0.2
"""What a missing unit costs more than one that was left out."""


def sensor_entry(
    architecture: str = "cnn",
    subject: int = 1,
    *,
    skill: float = 0.9,
    units: Sequence[str] = DSADS.places,
    sensors: Sequence[str] = DSADS.sensor_kinds,
    **changes: Any,
) -> SensorEntry:
    """One fold that leaves this subject out; the later subjects are harder, and a unit left out harms them more."""

    def score(way: str, part: str, name: str, value: float) -> SensorScore:
        return SensorScore(way=way, part=part, name=name, per_subject={subject: value - 0.01 * subject})

    found = [score("all", "", "", skill)]
    for part, names in (("unit", units), ("sensor", sensors)):
        for name in names if len(names) > 1 else ():
            without = skill - 0.1 * ALONE[name] - 0.002 * subject
            found.append(score("alone", part, name, ALONE[name]))
            if len(names) > 2:
                found.append(score("left_out", part, name, without))
            if part == "unit":
                found.append(score("missing", part, name, without - MISSING))
    values: dict[str, Any] = {
        "fold": f"loso-p{subject}",
        "origin": "real",
        "seed": 0,
        "mlflow_run_id": f"sensors-{architecture}-{subject}",
        "mlflow_run_url": f"http://127.0.0.1:5000/#/experiments/1/runs/sensors-{architecture}-{subject}",
    }
    return SensorEntry(architecture=architecture, scores=tuple(found), **(values | changes))
