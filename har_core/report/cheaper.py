"""Says when another model than the best is the better choice, because it is as good and takes less time.

No test score has a say in the comparison.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Mapping

from har_core.evaluation.paired import ENOUGH_SUBJECTS, is_as_good, uncertainty_of
from har_core.evaluation.results import macro_f1_of_present
from har_core.report.formats import significant
from har_core.report.honest import LEAKY
from har_core.report.inputs import FoldEntry
from har_core.report.published import name_of
from har_core.settings.champion import ChampionSettings

_INNER = "inner"


def cheaper_choice(
    best: str,
    per_subject: Mapping[str, Mapping[int, float]],
    milliseconds: Mapping[str, float],
    rule: ChampionSettings,
) -> str:
    """A sentence about the quickest architecture that is as good as ``best`` and cheaper, by the rule of the gate.

    Empty where there is none, or too few subjects to tell.

    Args:
        best: the architecture that the report puts first.
        per_subject: macro-F1 of each subject that validates, by architecture: :func:`validation_over_folds`.
        milliseconds: for one window, by architecture; of those that were measured.
        rule: how sure it must be, what may be lost, and what is cheaper.
    """
    if best not in milliseconds or best not in per_subject:
        return ""
    for name in sorted(per_subject.keys() & milliseconds.keys() - {best}, key=milliseconds.__getitem__):
        subjects = sorted(per_subject[name].keys() & per_subject[best].keys())
        differences = [per_subject[name][subject] - per_subject[best][subject] for subject in subjects]
        is_cheaper = milliseconds[name] <= rule.cheaper * milliseconds[best]
        if not is_cheaper or len(subjects) < ENOUGH_SUBJECTS or not all(map(math.isfinite, differences)):
            continue
        difference, uncertainty = statistics.fmean(differences), uncertainty_of(differences, rule.confidence)
        if is_as_good(difference, uncertainty, rule.margin):
            times = f"{significant(milliseconds[name])} ms for a window instead of {significant(milliseconds[best])}"
            return (
                f"As far as the {len(subjects)} subjects who validate in folds can tell, {name_of(name)} is as good "
                f"as {name_of(best)} ({difference:+.3f} ± {uncertainty:.3f}); it takes {times}, so it is the better "
                "choice where time counts."
            )
    return ""


def validation_over_folds(
    folds: Iterable[FoldEntry], *, testing: Collection[int], fitted: Collection[str] = ()
) -> dict[str, dict[int, float]]:
    """Macro-F1 of each subject that validates alone, the mean over folds and seeds, by architecture.

    Of ``inner`` folds, or of the other honest ones where there are none of these. ``testing`` are the subjects that
    never validate, ``fitted`` the ensembles that are fitted on who validates, which therefore cannot judge them.
    """
    found: dict[bool, dict[str, dict[int, list[float]]]] = {True: {}, False: {}}
    for entry in folds:
        result, validating = entry.result, entry.result.subjects.get("validation", ())
        if result.protocol == LEAKY or len(validating) != 1 or validating[0] in testing:
            continue
        if result.architecture in fitted:
            continue
        if not all("validation" in seed.scores for seed in result.seeds):  # no window of theirs was left
            continue
        own = found[result.protocol == _INNER].setdefault(result.architecture, {}).setdefault(validating[0], [])
        own += [macro_f1_of_present(seed.scores["validation"], seed.learnt) for seed in result.seeds]
    return {
        architecture: {subject: statistics.fmean(scores) for subject, scores in of_subjects.items()}
        for architecture, of_subjects in (found[True] or found[False]).items()
    }
