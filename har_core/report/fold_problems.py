"""Folds that are missing or do not belong together, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from har_core.evaluation.folds import common_seeds
from har_core.report.formats import listed
from har_core.report.inputs import FoldEntry, ReportInputs


def problems_of_folds(inputs: ReportInputs, groups: Mapping[tuple[str, str], Sequence[FoldEntry]]) -> tuple[str, ...]:
    """A line for each problem.

    Args:
        inputs: with the folds that there should be.
        groups: (protocol, architecture) -> the folds of the report's own kind of recordings.
    """
    return (*_foreign(inputs), *_missing(inputs), *_mixed(groups))


def _foreign(inputs: ReportInputs) -> Iterator[str]:
    found: dict[tuple[str, str], list[str]] = {}
    for entry in inputs.folds:
        if entry.result.origin != inputs.origin:
            found.setdefault((entry.result.architecture, entry.result.origin), []).append(entry.result.fold)
    for (architecture, origin), names in found.items():
        are = "is" if len(names) == 1 else "are"
        yield f"folds/{architecture}: {listed(sorted(names))} {are} of {origin} recordings, so left out"


def _missing(inputs: ReportInputs) -> Iterator[str]:
    there = {(entry.result.architecture, entry.result.fold) for entry in inputs.folds}
    for architecture, planned in inputs.planned_folds.items():
        gone = [name for name in planned if (architecture, name) not in there]
        if gone and len(gone) == len(planned):
            yield f"folds/{architecture}: none of its {len(planned)} folds is computed yet"
        elif gone:
            yield f"folds/{architecture}: {listed(gone)} not computed yet"


def _mixed(groups: Mapping[tuple[str, str], Sequence[FoldEntry]]) -> Iterator[str]:
    """Folds that were computed under different settings, as after a run that failed half way."""
    for (protocol, architecture), entries in groups.items():
        folds = f"folds/{architecture}: its {protocol} folds"
        if not common_seeds(entry.result for entry in entries):
            yield f"{folds} have no seed in common, so they are left out"
        elif len({tuple(seed.seed for seed in entry.result.seeds) for entry in entries}) > 1:
            yield f"{folds} were trained with different seeds"
        if any(entry.result.training_settings != entries[0].result.training_settings for entry in entries):
            yield f"{folds} were trained with different settings"
