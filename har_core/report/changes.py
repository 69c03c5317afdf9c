"""What changed from one report to another, and whether a change of scores is more than chance.

A model in both is compared with itself by the subjects that both tested (:mod:`har_core.evaluation.pairwise`), on the
first protocol with folds in which every subject tests once that both reports have of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from har_core.evaluation.folds import mean_by_subject
from har_core.evaluation.pairwise import Pair, compare_pairs
from har_core.report.stored import StoredReport
from har_core.settings.report import TESTING_IN_TURN


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A value in both reports; None where one lacks it."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChange:
    """A model that both reports have."""

    model: str
    protocol: str
    """``loso``, ``pairs``, ``group``; ``holdout`` where no folds of one protocol are in both."""
    before: float | None
    """Macro-F1: the mean over the common subjects, or of all test windows of the holdout; None where not computed."""
    after: float | None
    pair: Pair | None
    """After against before, so that ``better`` means that the model became better. None where nothing is paired: scores
    of the holdout are not by subject, and recordings of other data are other people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportChanges:
    """From one report to another."""

    added: tuple[str, ...]
    """Models that only the second has."""
    gone: tuple[str, ...]
    models: tuple[ModelChange, ...]
    """Those in both, in alphabetical order."""
    unpaired: tuple[str, ...]
    """Models in both that have no scores in common to compare."""
    same_people: bool
    """Whether the recordings are of the same data set and origin: else no subject is the same."""
    data: tuple[Changed, ...]
    """Data versions by asset, where both reports have them; and facts about the data."""
    settings: tuple[Changed, ...]
    """Of the experiment file, by dotted name; a section that only one has is one of them."""
    commits: tuple[str | None, str | None]
    missing: tuple[tuple[str, ...], tuple[str, ...]]
    """What each report names as missing."""


def compare_reports(before: StoredReport, after: StoredReport) -> ReportChanges:
    """What ``after`` says that ``before`` did not."""
    same_people = _source(before) == _source(after)
    common = [name for name in before.models if name in after.models]
    moved = [*_by_folds(before, after, common, paired=same_people)]
    done = {change.model for change in moved}
    moved += [
        ModelChange(model=name, protocol="holdout", before=before.holdout[name], after=after.holdout[name], pair=None)
        for name in common
        if name not in done and name in before.holdout and name in after.holdout
    ]
    named = {change.model for change in moved}
    return ReportChanges(
        added=tuple(name for name in after.models if name not in before.models),
        gone=tuple(name for name in before.models if name not in after.models),
        models=tuple(sorted(moved, key=lambda change: change.model)),
        unpaired=tuple(name for name in common if name not in named),
        same_people=same_people,
        data=(*_versions(before, after), *_differences(before.dataset, after.dataset)),
        settings=tuple(_differences(before.experiment, after.experiment)),
        commits=(before.git_commit, after.git_commit),
        missing=(before.missing, after.missing),
    )


def _source(report: StoredReport) -> tuple[str, Any, Any]:
    source = report.experiment.get("source", {})
    return report.origin, source.get("dataset"), source.get("seed")


def _by_folds(before: StoredReport, after: StoredReport, models: list[str], *, paired: bool) -> Iterator[ModelChange]:
    done: set[str] = set()
    for protocol in TESTING_IN_TURN:
        first, second = before.scores(protocol), after.scores(protocol)
        own = [name for name in models if name in first and name in second and name not in done]
        done.update(own)
        scores = {("before", name): mean_by_subject(first[name].values()) for name in own}
        scores |= {("after", name): mean_by_subject(second[name].values()) for name in own}
        named = {f"{name}, {when}": by_subject for (when, name), by_subject in scores.items()}
        pairs = compare_pairs(
            named, [(f"{name}, after", f"{name}, before") for name in own], test_share=before.test_share(protocol)
        )
        for name, pair in zip(own, pairs, strict=True):
            earlier, later = scores["before", name], scores["after", name]
            subjects = pair.differences.keys() if paired else None
            yield ModelChange(
                model=name,
                protocol=protocol,
                before=_mean(earlier, subjects or earlier.keys()),
                after=_mean(later, subjects or later.keys()),
                pair=pair if paired else None,
            )


def _mean(scores: Mapping[int, float], subjects: Collection[int]) -> float:
    values = [scores[subject] for subject in subjects]
    return sum(values) / len(values)


def _versions(before: StoredReport, after: StoredReport) -> Iterator[Changed]:
    if before.data_versions and after.data_versions:
        yield from _differences(before.data_versions, after.data_versions)


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], above: str = "") -> Iterator[Changed]:
    for name in sorted(before.keys() | after.keys()):
        first, second = before.get(name), after.get(name)
        if isinstance(first, Mapping) and isinstance(second, Mapping):
            yield from _differences(first, second, f"{above}{name}.")
        elif first != second:
            yield Changed(name=f"{above}{name}", before=first, after=second)
