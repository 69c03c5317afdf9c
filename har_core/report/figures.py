"""The report as data: everything that the page says, by the names of the code."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from har_core.evaluation.folds import Spread
from har_core.evaluation.results import FoldResult
from har_core.report.defects import AuditView
from har_core.report.honest import ProtocolView
from har_core.report.inputs import FoldEntry
from har_core.report.leaks import Leak
from har_core.report.page import Page
from har_core.report.published import F1_NOTE, PARAMETERS_FOOTNOTE, PUBLISHED, SELECTION_NOTE


def figures_of(page: Page) -> dict[str, Any]:
    """Everything as data; ``entries[…].result`` is what :meth:`ModelResult.from_json` reads."""
    inputs = page.inputs
    published = {
        row.model.entry.result.architecture: asdict(PUBLISHED[row.model.entry.result.architecture])
        for row in page.published
    }
    return {
        "note": page.note,
        "title": inputs.title,
        "created": inputs.created.isoformat(),
        "origin": inputs.origin,
        "lead": page.opening.lead,
        "protocols": {view.protocol: _protocol(view) for view in page.folds.every},
        "leak": _leak(page.folds.leak),
        "audit": _audit(page.audit),
        "ranking": {
            ranking.role: [
                {
                    "rank": row.rank,
                    "architecture": row.model.entry.result.architecture,
                    "seed": row.model.entry.result.seed,
                    "macro_f1": row.scores.macro_f1,
                    "accuracy": row.scores.accuracy,
                }
                for row in ranking.rows
            ]
            for ranking in page.rankings
        },
        "published": {"figures": published, "notes": [PARAMETERS_FOOTNOTE, SELECTION_NOTE, F1_NOTE]}
        if published
        else None,
        "missing": list(page.missing),
        "entries": [asdict(model.entry) for model in page.models],
        "folds": [_fold(entry) for entry in inputs.folds],
        "experiment": dict(inputs.experiment),
        "dataset": dict(inputs.dataset),
        "data_runs": {asset: asdict(run) for asset, run in inputs.data_runs.items()},
        "git_commit": inputs.git_commit,
    }


def _protocol(view: ProtocolView) -> dict[str, Any]:
    return {
        "ranking": [
            {
                "rank": row.rank,
                "architecture": row.summary.architecture,
                "folds": list(row.summary.folds),
                "num_folds_planned": row.num_planned,
                "seeds": list(row.summary.seeds),
                "macro_f1": _spread(row.summary.macro_f1),
                "macro_f1_clean": _spread(row.summary.macro_f1_clean),
                "accuracy": _spread(row.summary.accuracy),
                "accuracy_clean": _spread(row.summary.accuracy_clean),
                "pooled_macro_f1": row.summary.pooled_macro_f1,
                "per_subject": row.summary.per_subject,
                "per_subject_clean": row.summary.per_subject_clean,
                "num_test_windows": row.summary.num_test_windows,
                "num_parameters": row.num_parameters,
            }
            for row in view.rows
        ],
        "num_test_windows": view.num_test_windows,
        "num_clean_test_windows": view.num_clean_windows,
        "published": None
        if view.compared is None
        else {
            "metric": view.compared.metric,
            "notes": list(view.compared.notes),
            "scores": [
                {"name": score.name, "value": score.value, "source": score.source}
                for score in view.compared.scores
                if score.ours is None
            ],
        },
    }


def _spread(spread: Spread | None) -> dict[str, float | None] | None:
    return None if spread is None else asdict(spread)


def _leak(leak: Leak | None) -> dict[str, Any] | None:
    if leak is None:
        return None
    return {
        "against": leak.against,
        "words": leak.words,
        "architectures": [
            {
                "architecture": row.architecture,
                "leaky_macro_f1": row.leaky,
                "honest_macro_f1": row.honest,
                "flatters_by": row.flatters_by,
            }
            for row in leak.rows
        ],
    }


def _audit(view: AuditView | None) -> dict[str, Any] | None:
    if view is None:
        return None
    return {
        "num_findings": view.num_findings,
        "severities": dict(view.severities),
        "kinds": [{**asdict(row.summary), "description": row.words} for row in view.kinds],
        "recordings": [
            {"subject": row.subject, "activity": activity, "num_findings": cell.count, "severity": cell.severity}
            for row in view.recordings
            for activity, cell in enumerate(row.cells, 1)
            if cell.count
        ],
        "windows": None if view.counts is None else asdict(view.counts),
        "left_roles": {row.reason: dict(zip(view.drop_columns, row.counts, strict=True)) for row in view.drops},
    }


def _fold(entry: FoldEntry) -> dict[str, Any]:
    """One fold without its confusions, which are in its own file."""
    result: FoldResult = entry.result
    return {
        "architecture": result.architecture,
        "fold": result.fold,
        "protocol": result.protocol,
        "subjects": result.subjects,
        "num_windows": result.num_windows,
        "num_dropped": result.num_dropped,
        "seeds": [
            {
                "seed": seed.seed,
                "macro_f1": {role: scores.macro_f1 for role, scores in seed.scores.items()},
                "accuracy": {role: scores.accuracy for role, scores in seed.scores.items()},
                "macro_f1_clean": {role: scores.macro_f1 for role, scores in seed.scores_clean.items()},
                "per_subject": seed.per_subject,
                "best_epoch": seed.best_epoch,
            }
            for seed in result.seeds
        ],
        "mlflow_run_id": entry.mlflow_run_id,
        "mlflow_run_url": entry.mlflow_run_url,
    }
