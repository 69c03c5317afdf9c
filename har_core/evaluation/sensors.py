"""Scores of a model by what it sees, from its predictions: each subject's macro-F1 with each subset of channels."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import pyarrow as pa
import pyarrow.compute as pc

from har_core.evaluation.results import score_predictions
from har_core.sensors.table import COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorScore:
    """One way to see, in one fold."""

    way: str
    """``all``, ``alone``, ``left_out`` or ``missing``."""
    part: str
    """``unit``, ``sensor``, or empty for all."""
    name: str
    """Of the unit or the kind of sensor."""
    per_subject: dict[int, float]
    """Macro-F1 of each test subject, over the activities that it has windows of."""

    @property
    def macro_f1(self) -> float:
        """The mean over subjects."""
        return fmean(self.per_subject.values())


def score_sensors(predictions: pa.Table) -> tuple[SensorScore, ...]:
    """The scores of each way to see, in their order in ``predictions``.

    Args:
        predictions: in :func:`har_core.sensors.table.sensors_schema`, of one seed.
    """
    scores = []
    for values in dict.fromkeys(zip(*(predictions[column].to_pylist() for column in COLUMNS), strict=True)):
        own = predictions
        for column, value in zip(COLUMNS, values, strict=True):
            own = own.filter(pc.equal(own[column], value))
        way, part, name = values
        per_subject = score_predictions(own).per_subject
        scores.append(SensorScore(way=way, part=part, name=name, per_subject=per_subject))
    return tuple(scores)
