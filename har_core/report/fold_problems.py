"""Folds that are missing, or that do not belong together, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from har_core.evaluation.results import FoldResult
from har_core.report.formats import listed
from har_core.report.inputs import ReportInputs


def problems_of_folds(inputs: ReportInputs, groups: Mapping[tuple[str, str], Sequence[FoldResult]]) -> tuple[str, ...]:
    """A line for each problem.

    Args:
        inputs: with the folds that there should be.
        groups: (protocol, architecture) -> the results of the report's own kind of recordings.
    """
    return (*_foreign(inputs), *_missing(inputs), *_mixed(groups))


def common_seeds(results: Sequence[FoldResult]) -> set[int]:
    """The seeds that each of ``results``, at least one, was trained with."""
    return set.intersection(*({entry.seed for entry in result.seeds} for result in results))


def _foreign(inputs: ReportInputs) -> list[str]:
    found: dict[str, list[str]] = {}
    for entry in inputs.folds:
        if entry.result.origin != inputs.origin:
            found.setdefault(f"{entry.result.architecture}|{entry.result.origin}", []).append(entry.result.fold)
    return [
        f"folds/{key.partition('|')[0]}: {listed(sorted(names))} {'is' if len(names) == 1 else 'are'} "
        f"of {key.partition('|')[2]} recordings, so left out"
        for key, names in found.items()
    ]


def _missing(inputs: ReportInputs) -> list[str]:
    there = {(entry.result.architecture, entry.result.fold) for entry in inputs.folds}
    lines = []
    for architecture, planned in inputs.planned_folds.items():
        gone = [name for name in planned if (architecture, name) not in there]
        if gone and len(gone) == len(planned):
            lines.append(f"folds/{architecture}: none of its {len(planned)} folds is computed yet")
        elif gone:
            lines.append(f"folds/{architecture}: {listed(gone)} not computed yet")
    return lines


def _mixed(groups: Mapping[tuple[str, str], Sequence[FoldResult]]) -> list[str]:
    """Folds that were computed under different settings, as after a run that failed half way."""
    lines = []
    for (protocol, architecture), results in groups.items():
        if not common_seeds(results):
            lines.append(f"folds/{architecture}: its {protocol} folds have no seed in common, so they are left out")
        elif len({tuple(entry.seed for entry in result.seeds) for result in results}) > 1:
            lines.append(f"folds/{architecture}: its {protocol} folds were trained with different seeds")
        if any(result.training_settings != results[0].training_settings for result in results):
            lines.append(f"folds/{architecture}: its {protocol} folds were trained with different settings")
    return lines
