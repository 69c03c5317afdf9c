"""Whether a candidate model takes the place of the champion. Pure: moving an alias is the caller's business."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from har_core.base.errors import counted
from har_core.datasets.origin import Origin
from har_core.evaluation.paired import ENOUGH_SUBJECTS, is_as_good, uncertainty_of
from har_core.settings.champion import ChampionSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class GateEntry:
    """One model before the gate. No score is one of a test."""

    name: str
    """As a reader of the reason knows it: ``har-cnn version 3``."""
    kind: str
    """What it is a version of: an architecture or an ensemble."""
    origin: Origin
    """Of the recordings it was trained on."""
    split: str
    """Version of the split it was trained on; empty where nobody knows."""
    recipe: str
    """What it was made with and from, but for its seed; empty where nobody knows."""
    on_windows: Mapping[int, float] | None
    """Macro-F1 of each subject on the current validation windows, of which there may be none; None where the model
    takes windows of another length."""
    over_folds: Mapping[int, float] = field(default_factory=dict)
    """Macro-F1 of each subject that validated in a fold of this recipe, the mean over seeds; empty where there is none.
    Those of two models are of the same folds."""
    milliseconds: float | None = None
    """For one window, as it was measured after training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Candidate and incumbent, paired by subject."""

    evidence: str
    """``folds``, or ``validation windows`` where not both have folds of enough subjects."""
    subjects: tuple[int, ...]
    candidate: float
    """Mean macro-F1 over the subjects."""
    incumbent: float
    difference: float
    """Mean of candidate minus incumbent."""
    uncertainty: float
    """What subjects and seeds explain of the difference, at the confidence of the rule."""
    candidate_milliseconds: float | None
    incumbent_milliseconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict, and why, in words and numbers."""

    promote: bool
    reason: str
    comparison: Comparison | None = None
    """None where something else than scores decided."""


def decide(candidate: GateEntry, incumbent: GateEntry | None, rule: ChampionSettings) -> Decision:
    """Promote ``candidate`` only if nothing speaks against it and it is surely better, or surely as good and cheaper.

    In this order: a score that is none keeps the candidate out; no incumbent lets it in; a synthetic model never
    replaces a real one, a real one always replaces a synthetic one; an incumbent that takes windows of another length,
    which would answer none of today's, yields, and one that could not be scored stays. Then scores are compared, see
    :func:`compare`. The candidate is better where the difference is larger than its uncertainty. It is as good where
    the difference cannot be below minus the margin and may be 0, and cheaper where it takes at most the set share of
    the time; that is measured once, so it tells no two of one recipe apart. One of the same kind takes over from a
    model of another split (of recordings that were corrected or joined by others) unless it is surely worse; where no
    subject judges both, so does it, and no other.
    """
    if (flaw := _flaw(candidate)) is not None:
        return Decision(promote=False, reason=f"{candidate.name} stays out: {flaw}")
    if incumbent is None:
        return Decision(promote=True, reason=f"{_scored(candidate)} is the first champion")
    if candidate.origin != incumbent.origin:
        return _across_origins(candidate, incumbent)
    if incumbent.on_windows is None:
        yields = f"{incumbent.name} takes windows of another length than today's"
        return Decision(promote=True, reason=f"{_scored(candidate)}: {yields}")
    if _no_scores(incumbent.on_windows):
        return Decision(promote=False, reason=f"{incumbent.name} stays: it could not be scored, so nothing is better")
    found = compare(candidate, incumbent, rule.confidence)
    return _without_scores(candidate, incumbent) if found is None else _by_scores(candidate, incumbent, found, rule)


def compare(candidate: GateEntry, incumbent: GateEntry, confidence: float) -> Comparison | None:
    """Pair two models by subject: over folds where both have those of enough subjects, else on validation windows.

    None where no subject judges both.

    The uncertainty is that of a one-sided t-test of paired differences. In folds every subject is of another training,
    so that seeds are in their spread too. Of fewer than :data:`ENOUGH_SUBJECTS` the spread is :data:`USUAL_DEVIATION`,
    in which one seed of each is.
    """
    first, second, evidence = candidate.over_folds, incumbent.over_folds, "folds"
    if len(first.keys() & second.keys()) < ENOUGH_SUBJECTS:
        first, second, evidence = candidate.on_windows or {}, incumbent.on_windows or {}, "validation windows"
    subjects = sorted(first.keys() & second.keys())
    if not subjects:
        return None
    differences = [first[subject] - second[subject] for subject in subjects]
    return Comparison(
        evidence=evidence,
        subjects=tuple(subjects),
        candidate=statistics.fmean(first[subject] for subject in subjects),
        incumbent=statistics.fmean(second[subject] for subject in subjects),
        difference=statistics.fmean(differences),
        uncertainty=uncertainty_of(differences, confidence),
        candidate_milliseconds=candidate.milliseconds,
        incumbent_milliseconds=incumbent.milliseconds,
    )


def standings(entries: Mapping[str, GateEntry]) -> dict[str, float]:
    """By which candidates are ordered: mean macro-F1 over folds where all have enough, else on validation windows."""
    judged = [entry for entry in entries.values() if _flaw(entry) is None]
    shared = set.intersection(*(set(entry.over_folds) for entry in judged)) if judged else set()
    if len(shared) < ENOUGH_SUBJECTS:
        return {name: _mean(entry.on_windows or {}) for name, entry in entries.items()}
    return {
        name: _mean({subject: entry.over_folds[subject] for subject in sorted(shared)})
        if entry in judged
        else -math.inf
        for name, entry in entries.items()
    }


def _mean(scores: Mapping[int, float]) -> float:
    return statistics.fmean(scores.values()) if scores else -math.inf


def _by_scores(candidate: GateEntry, incumbent: GateEntry, found: Comparison, rule: ChampionSettings) -> Decision:
    lowest, highest = found.difference - found.uncertainty, found.difference + found.uncertainty
    where = "over folds" if found.evidence == "folds" else "on validation windows"
    numbers = (
        f"{where} of {counted(len(found.subjects), 'subject')}: macro-F1 {found.candidate:.3f} against "
        f"{found.incumbent:.3f}, {found.difference:+.3f} ± {found.uncertainty:.3f}"
    )
    if lowest > 0:
        return Decision(
            promote=True, reason=f"{candidate.name} is better than {incumbent.name} ({numbers})", comparison=found
        )
    is_other = candidate.recipe != incumbent.recipe
    if is_other and is_as_good(found.difference, found.uncertainty, rule.margin) and _is_cheaper(found, rule.cheaper):
        times = f"{found.candidate_milliseconds:.2f} ms a window against {found.incumbent_milliseconds:.2f}"
        reason = f"{candidate.name} is as good as {incumbent.name} and cheaper ({numbers}; {times})"
        return Decision(promote=True, reason=reason, comparison=found)
    if _is_successor(candidate, incumbent) and highest >= 0:
        reason = f"{candidate.name} is of today's recordings, and not surely worse than {incumbent.name} ({numbers})"
        return Decision(promote=True, reason=reason, comparison=found)
    verdict = "is worse" if highest < 0 else "is not surely better"
    reason = f"{incumbent.name} stays: {candidate.name} {verdict} ({numbers})"
    return Decision(promote=False, reason=reason, comparison=found)


def _without_scores(candidate: GateEntry, incumbent: GateEntry) -> Decision:
    if _is_successor(candidate, incumbent):
        reason = f"{candidate.name} is of today's recordings; no subject judges both it and {incumbent.name}"
        return Decision(promote=True, reason=reason)
    reason = f"{incumbent.name} stays: no subject judges both it and {candidate.name}"
    return Decision(promote=False, reason=reason)


def _is_successor(candidate: GateEntry, incumbent: GateEntry) -> bool:
    is_known = bool(candidate.split and incumbent.split)
    return is_known and candidate.kind == incumbent.kind and candidate.split != incumbent.split


def _is_cheaper(found: Comparison, share: float) -> bool:
    candidate, incumbent = found.candidate_milliseconds, found.incumbent_milliseconds
    return candidate is not None and incumbent is not None and candidate <= share * incumbent


def _across_origins(candidate: GateEntry, incumbent: GateEntry) -> Decision:
    if candidate.origin == "synthetic":
        return Decision(
            promote=False,
            reason=f"{incumbent.name} stays: {candidate.name} was trained on synthetic recordings, which never "
            "replaces a model of real ones",
        )
    return Decision(
        promote=True, reason=f"{_scored(candidate)} is of real recordings, {incumbent.name} of synthetic ones"
    )


def _flaw(entry: GateEntry) -> str | None:
    """Why an entry cannot be judged; None where it can."""
    if entry.on_windows is None:
        return "it takes windows of another length than today's"
    if not entry.on_windows and len(entry.over_folds) < ENOUGH_SUBJECTS:
        return "no subject validates, and no folds are there in which enough do"
    wrong = _no_scores(entry.on_windows)
    return f"its validation macro-F1 is {wrong[0]}, no score" if wrong else None


def _no_scores(scores: Mapping[int, float]) -> list[float]:
    return [value for value in scores.values() if not 0 <= value <= 1]


def _scored(entry: GateEntry) -> str:
    scores = entry.over_folds if len(entry.over_folds) >= ENOUGH_SUBJECTS else entry.on_windows or {}
    return f"{entry.name} (validation macro-F1 {_mean(scores):.4f})"
