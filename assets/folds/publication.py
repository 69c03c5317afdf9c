"""What every fold is published with: its record and its predictions."""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.machinery.keys import fold_key
from assets.machinery.materialisation import Made, Work
from assets.machinery.presentation import markdown_table, path_to
from assets.machinery.quality import RECOGNISES, judge_recognition
from assets.resources.home import Home

if TYPE_CHECKING:
    import pyarrow as pa

    from har_core.evaluation.records import FoldRecord
    from har_core.evaluation.results import FoldResult, SeedResult

FOLD_CHECKS = {
    RECOGNISES: "with one seed at least, every activity that was trained on and that the test subjects have windows of "
    "(in `inner`, the validation subjects) is recognised at least once; a failure warns, and stops nothing",
}
"""The checks of every fold, and what must hold."""


def outputs_of(name: str) -> Callable[[Home, str | None], list[Path]]:
    """Where the record and the predictions of each fold of ``name`` go."""
    key = fold_key(name).to_user_string()
    return lambda home, fold: [home.fold_record(name, fold or ""), home.predictions(key, fold or "")]


def publish(
    work: Work,
    version: str,
    record: "FoldRecord",
    predictions: "pa.Table",
    *,
    checks: Sequence[dg.AssetCheckResult] = (),
    last: Callable[[], object] = lambda: None,
) -> Made:
    """Write the record and the predictions over all seeds, and keep them in the MLflow run."""
    from har_core.evaluation.records import write_record
    from har_core.evaluation.results import score_fold
    from har_core.inference.predictions import write_predictions

    staged_record, staged_predictions = work.staged
    write_record(staged_record, record)
    write_predictions(staged_predictions, predictions)
    work.run.log_bytes("result.json", staged_record.read_bytes())
    work.run.log_bytes("predictions.parquet", staged_predictions.read_bytes())
    result = score_fold(record, predictions)
    judged = [entry.scores[_judged(result)] for entry in result.seeds]
    return Made(
        version=version,
        metadata={
            **_describe(result),
            "dagster/row_count": predictions.num_rows,
            "path": path_to(work.home.predictions(work.context.asset_key.to_user_string(), record.fold)),
        },
        checks=[*checks, judge_recognition(judged, result.seeds[0].learnt)],
        last=last,
    )


def _describe(result: "FoldResult") -> dict[str, Any]:
    """What the result says, for Dagster's UI: means over the seeds, and a row for each; costs last."""
    from har_core.evaluation.results import macro_f1_of_present

    role = _judged(result)
    scores = [entry.scores[role] for entry in result.seeds]
    clean = [
        macro_f1_of_present(entry.scores_clean[role], entry.learnt)
        for entry in result.seeds
        if role in entry.scores_clean
    ]
    return {
        f"{role}_macro_f1": statistics.fmean(own.macro_f1 for own in scores),
        f"{role}_accuracy": statistics.fmean(own.accuracy for own in scores),
        **({f"{role}_macro_f1_clean": statistics.fmean(clean)} if clean else {}),
        "seeds": markdown_table(
            ["seed", f"{role} macro-F1", "accuracy", "best epoch", "seconds"],
            (_row(entry, role) for entry in result.seeds),
        ),
        **{f"{role}_subjects": str(list(subjects)) for role, subjects in result.subjects.items()},
        **{f"num_{role}_windows": number for role, number in result.num_windows.items()},
        **{f"num_dropped_{reason}": number for reason, number in result.num_dropped.items()},
        "num_parameters": result.num_parameters,
        "training_seconds": sum(entry.training_seconds for entry in result.seeds),
    }


def _judged(result: "FoldResult") -> str:
    """The role whose windows the fold is about: in ``inner`` nobody tests."""
    return "test" if result.num_windows["test"] else "validation"


def _row(entry: "SeedResult", role: str) -> tuple[object, ...]:
    own = entry.scores[role]
    seconds = f"{entry.training_seconds:.1f}"
    return entry.seed, f"{own.macro_f1:.4f}", f"{own.accuracy:.4f}", entry.best_epoch or "–", seconds
