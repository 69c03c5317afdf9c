"""Scores of a model that was fitted on to new people, from its predictions: by way, number of windows, and person."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from har_core.evaluation.intervals import interval_of_mean
from har_core.evaluation.results import score_predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferScore:
    """One way to change a model, and one number of windows that it learnt from."""

    way: str
    """One of :data:`har_core.settings.transfer.WAYS`, or of :mod:`har_core.transfer.table`."""
    windows_per_activity: int
    """0 of the model as it is."""
    per_subject: dict[int, float]
    """Macro-F1 of each person's tested windows, over the activities that are among them and that the model learnt
    before it met the person."""

    @property
    def macro_f1(self) -> float:
        """The mean over people."""
        return statistics.fmean(self.per_subject.values())

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the mean, 95 %; None where there are fewer than three people, or all are alike."""
        return interval_of_mean(list(self.per_subject.values()))


def score_transfer(predictions: pa.Table) -> tuple[TransferScore, ...]:
    """The scores of each way and number, in their order in ``predictions``.

    Args:
        predictions: in :func:`har_core.transfer.table.curves_schema`.
    """
    columns = (predictions[name].to_pylist() for name in ("way", "windows_per_activity"))
    asked = dict.fromkeys(zip(*columns, strict=True))
    scores = []
    for way, number in asked:
        is_own = pc.and_(pc.equal(predictions["way"], way), pc.equal(predictions["windows_per_activity"], number))
        own = score_predictions(predictions.filter(is_own)).per_subject
        scores.append(TransferScore(way=way, windows_per_activity=number, per_subject=own))
    return tuple(scores)
