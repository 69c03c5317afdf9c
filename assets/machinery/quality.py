"""The check that judges what a model can do, the same for models and folds; it warns people, and stops nothing."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from har_core.evaluation.scores import Scores

RECOGNISES = "recognises_every_activity"


def judge_recognition(scores: "Sequence[Scores]", learnt: Collection[int]) -> dg.AssetCheckResult:
    """Whether every activity is recognised at least once, as :func:`recognition_of` counts; of no scores, it passes."""
    from har_core.evaluation.recognition import recognition_of

    if not scores:
        return dg.AssetCheckResult(
            check_name=RECOGNISES,
            passed=True,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "num_activities": 0,
                "num_never_recognised": 0,
                "detail": "nobody validates, so nothing is judged",
            },
        )
    found = recognition_of(scores, learnt)
    return dg.AssetCheckResult(
        check_name=RECOGNISES,
        passed=not found.never,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "num_never_recognised": len(found.never),
            "lowest_f1": found.lowest_f1,
            "lowest_f1_of": found.lowest,
            "never_recognised": ", ".join(found.never) or "none",
            "num_activities": found.num_activities,
        },
    )
