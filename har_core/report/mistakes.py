"""Where the models err, on test windows of as many people as there are: of all folds, else of the held-out subjects.

Letters: K activities.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from har_core.evaluation.calibration import Calibration, Confidence
from har_core.evaluation.confused import Confused, Traces
from har_core.evaluation.scores import Counts, f1_of
from har_core.evaluation.separation import Curve, Separation
from har_core.report.diagrams import curves, reliability, traces
from har_core.report.fold_rows import FoldRow
from har_core.report.formats import lowest
from har_core.report.honest import ProtocolView
from har_core.report.inputs import FoldEntry, ReportEntry, ReportInputs
from har_core.report.published import name_of

COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.5)
"""Shares of the windows, those that a model is most sure of."""
MARKS = ("first", "second", "third")
"""What the style sheet knows the lines of the hardest activities by."""
_NUM_MISTAKES_NAMED = 5
_NUM_HARDEST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tested:
    """What the test windows of one model were taken for."""

    architecture: str
    by_subject: Mapping[int, npt.NDArray[np.int64]]
    """Counts (K, K) of true and predicted activities, ascending by subject."""
    names: tuple[str, ...]
    """Of the activities."""
    num_seeds: int = 1
    """Each window counts once for each of them."""
    confidence: Confidence
    """Of the same windows."""
    scaled: Confidence | None
    """The same after temperature scaling; None where nobody validates."""
    separation: Separation
    """Of the same windows."""
    row: FoldRow | None = None
    """Where the folds are that were counted; None of a model that was tested on the held-out subjects."""
    run: ReportEntry | None = None

    @property
    def name(self) -> str:
        """What readers call the model."""
        return name_of(self.architecture)

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Of all subjects (K, K)."""
        total: npt.NDArray[np.int64] = np.sum([*self.by_subject.values()], axis=0)
        return total

    @property
    def rows(self) -> list[list[int]]:
        """The same as lists."""
        listed: list[list[int]] = self.counts.tolist()
        return listed

    @property
    def num_windows(self) -> int:
        """Counted."""
        return int(self.counts.sum())

    @property
    def num_wrong(self) -> int:
        """Taken for another activity."""
        return self.num_windows - int(np.trace(self.counts))

    @property
    def f1(self) -> list[float | None]:
        """Of each activity over all subjects; None of one that has no windows."""
        return _f1(self.counts)

    @property
    def f1_by_subject(self) -> dict[int, list[float | None]]:
        """The same of each subject."""
        return {subject: _f1(counts) for subject, counts in self.by_subject.items()}

    @property
    def hardest(self) -> list[int]:
        """Class ids of the activities with the lowest average precision, the lowest first."""
        found = {k: value for k, value in enumerate(self.separation.average_precision) if value is not None}
        return sorted(found, key=found.__getitem__)[: len(MARKS)]

    @property
    def reliability(self) -> Markup:
        """How often it is right, by how sure it is."""
        return reliability(self.confidence, self.scaled, label=f"{self.name}: accuracy by confidence")

    @property
    def precision_by_recall(self) -> Markup:
        """Of each activity against all others; the hardest stand out."""
        return self._curves(self.separation.precision_by_recall, "recall", "precision", in_steps=True)

    @property
    def roc(self) -> Markup:
        """Of each activity against all others; the hardest stand out."""
        return self._curves(self.separation.roc, "others taken for it", "of its own found")

    def _curves(self, every: Sequence[Curve | None], x_label: str, y_label: str, *, in_steps: bool = False) -> Markup:
        marked = dict(zip(self.hardest, MARKS, strict=False))
        label = f"{self.name}: {y_label} by {x_label} of each activity"
        return curves(every, marked, x_label=x_label, y_label=y_label, label=label, in_steps=in_steps)

    def run_of(self, subject: int) -> ReportEntry | FoldEntry | None:
        """Whose run tested ``subject``; None where several folds did."""
        return self.run if self.row is None else self.row.fold_testing(subject)

    @property
    def frequent(self) -> list[tuple[str, str, int, float]]:
        """Activity, what it was taken for, windows, and their share of the activity's; the most windows first."""
        counts = self.counts
        errors = counts - np.diag(np.diag(counts))
        shares = errors / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        places = np.argsort(-errors, axis=None, kind="stable")[:_NUM_MISTAKES_NAMED]
        return [
            (self.names[actual], self.names[taken], int(errors[actual, taken]), float(shares[actual, taken]))
            for actual, taken in zip(*np.unravel_index(places, counts.shape), strict=True)
            if errors[actual, taken]
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusedView:
    """Two activities that are taken for each other."""

    pair: Confused
    actual: str
    taken: str
    traces: Traces | None

    @property
    def chart(self) -> Markup | None:
        """The windows that show it, side by side: a wrong one, a right one, and one of the other activity."""
        if self.traces is None:
            return None
        samples = self.traces.samples
        shown = {"mistaken": self.pair.wrong, "recognised": self.pair.right, "the other": self.pair.other}
        found = {words: samples.get(window.key) if window else None for words, window in shown.items()}
        label = f"{self.actual} taken for {self.taken}, {self.actual} recognised, and {self.taken}"
        return traces(found, self.traces.sensors, label=label) if any(found.values()) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistakes:
    """What all models take for what."""

    models: tuple[Tested, ...]
    shown: str
    """The architecture whose mistakes are shown until the reader chooses another."""
    confused: tuple[ConfusedView, ...]
    """The pairs that all models together mistake most."""
    protocol: str | None
    """What readers call the protocol whose folds were counted; None where these are the held-out subjects."""

    @property
    def coverages(self) -> tuple[float, ...]:
        """Shares of the windows that accuracies are told for."""
        return COVERAGES

    @property
    def marks(self) -> tuple[str, ...]:
        """Of the lines of a model's hardest activities."""
        return MARKS

    @property
    def is_scaled(self) -> bool:
        """Whether a temperature was fitted for any."""
        return any(model.scaled for model in self.models)

    @property
    def activities(self) -> list[tuple[int, str]]:
        """Class id and name of those that there are test windows of."""
        counts = np.sum([model.counts for model in self.models], axis=0)
        return [(k, name) for k, name in enumerate(self.models[0].names) if counts[k].any()]

    @property
    def support(self) -> int | None:
        """Windows of each activity that has any, where all have as many."""
        first = self.models[0]
        supports = {total // first.num_seeds for total in first.counts.sum(axis=1).tolist() if total}
        return supports.pop() if len(supports) == 1 else None

    @property
    def hardest(self) -> str:
        """The activities with the lowest F1 on average over the models, in words."""
        f1 = [model.f1 for model in self.models]
        means = {name: [own[k] or 0.0 for own in f1] for k, name in self.activities}
        return lowest({name: float(np.mean(own)) for name, own in means.items()}, _NUM_HARDEST_NAMED)


def view_mistakes(
    view: ProtocolView | None, entries: Sequence[ReportEntry], inputs: ReportInputs, *, first: str | None
) -> Mistakes | None:
    """The mistakes over the folds of ``view``, or of the registered models ``entries`` where there are no folds.

    Args:
        view: the protocol that leads, if there is one.
        entries: the models, in the order in which they are shown.
        inputs: hold what all models take for each other.
        first: the architecture that the report puts in front, if there is one.
    """
    if view is not None:
        models = tuple(_of_folds(row) for row in view.rows)
    else:
        models = tuple(_of_entry(entry) for entry in entries)
    if not models:
        return None
    names = [model.architecture for model in models]
    shown = first if first in names else names[0]
    activities = inputs.spec.activities
    confused = tuple(
        ConfusedView(pair=pair, actual=activities[pair.actual], taken=activities[pair.taken], traces=inputs.traces)
        for pair in inputs.confused
    )
    return Mistakes(models=models, shown=shown, confused=confused, protocol=None if view is None else view.title)


def _of_folds(row: FoldRow) -> Tested:
    results = [entry.result for entry in row.entries.values()]
    seeds = [seed for result in results for seed in result.seeds if seed.seed in row.summary.seeds]
    names = tuple(entry.activity for entry in seeds[0].scores["test"].per_class)
    added = _added(seed.confusions for seed in seeds)
    return Tested(
        architecture=row.summary.architecture,
        by_subject=added,
        names=names,
        **_confidence([seed.calibration for seed in seeds]),
        separation=Separation.sum(seed.separation for seed in seeds),
        num_seeds=len(row.summary.seeds),
        row=row,
    )


def _of_entry(entry: ReportEntry) -> Tested:
    names = tuple(own.activity for own in entry.scores("test").per_class)
    return Tested(
        architecture=entry.result.architecture,
        by_subject=_added([entry.result.confusions]),
        names=names,
        **_confidence([entry.result.calibration]),
        separation=entry.result.separation,
        run=entry,
    )


def _confidence(calibrations: Sequence[Calibration]) -> dict[str, Any]:
    """Before and after temperature scaling; the latter only where each has it."""
    after = [own.after for own in calibrations if own.after is not None]
    return {
        "confidence": Confidence.sum(own.before for own in calibrations),
        "scaled": Confidence.sum(after) if len(after) == len(calibrations) else None,
    }


def _added(confusions: Iterable[Mapping[int, Counts]]) -> dict[int, npt.NDArray[np.int64]]:
    """The counts of each subject, ascending."""
    found: dict[int, list[Counts]] = {}
    for by_subject in confusions:
        for subject, counts in by_subject.items():
            found.setdefault(subject, []).append(counts)
    return {subject: np.sum(found[subject], axis=0) for subject in sorted(found)}


def _f1(counts_KK: npt.NDArray[np.int64]) -> list[float | None]:
    supports: list[int] = counts_KK.sum(axis=1).tolist()
    return [float(f1) if support else None for f1, support in zip(f1_of(counts_KK), supports, strict=True)]
