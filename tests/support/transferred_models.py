"""Scores of models that were fitted on to people, as a report gets them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from har_core.evaluation.records import TransferRecord
from har_core.evaluation.transfer import TransferScore
from har_core.report.inputs import TransferEntry
from har_core.settings.transfer import WAYS

GAINS = {"last_layer": 0.3, "adapters": 0.5, "all": 0.55}
NUM_MOVED = {"last_layer": 1235, "adapters": 21_340, "all": 56_947}


def transfer_entry(
    model: str = "cnn",
    *,
    people: Sequence[int] = (7, 8),
    ways: Sequence[str] = (*WAYS, "from_nothing"),
    numbers: Sequence[int] = (1, 2, 5, 10),
    skill: float = 0.86,
    **changes: Any,
) -> TransferEntry:
    """A model of this skill, which each way brings nearer to 1 with each window; the later people are easier."""

    def scores(base: float) -> dict[int, float]:
        return {subject: base - 0.01 * (len(people) - place) for place, subject in enumerate(people)}

    found = [TransferScore(way="as_it_is", windows_per_activity=0, per_subject=scores(skill))]
    for number in numbers:
        learnt = 1 - math.exp(-number / 3)
        for way in ways:
            base = skill + (1 - skill) * GAINS[way] * learnt if way in GAINS else learnt
            found.append(TransferScore(way=way, windows_per_activity=number, per_subject=scores(base)))
    record = TransferRecord(
        model=model,
        origin=changes.pop("origin", "real"),
        seed=0,
        settings={"ways": list(ways), "windows_per_activity": list(numbers)},
        num_moved={way: NUM_MOVED[way] for way in ways if way in NUM_MOVED},
        seconds=31.0,
        device="cpu",
        num_threads=2,
        cpu_capability="AVX512",
    )
    values: dict[str, Any] = {
        "num_windows": 1520,
        "mlflow_run_id": f"fitted-on-{model}",
        "mlflow_run_url": f"http://127.0.0.1:5000/#/experiments/1/runs/fitted-on-{model}",
    }
    return TransferEntry(record=record, scores=tuple(found), **(values | changes))
