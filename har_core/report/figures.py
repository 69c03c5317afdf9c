"""The report as data: everything that the page says, by the names of the code."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from har_core.audit.words import KIND_WORDS
from har_core.evaluation.calibration import Confidence
from har_core.evaluation.results import BY_WINDOW
from har_core.report import SCHEMA_VERSION
from har_core.report.defects import AuditView
from har_core.report.honest import ProtocolView
from har_core.report.inputs import FoldEntry, ReportEntry, TransferEntry
from har_core.report.mistakes import COVERAGES, Mistakes
from har_core.report.page import Page
from har_core.report.published import F1_NOTE, PARAMETERS_FOOTNOTE, SELECTION_NOTE
from har_core.report.rankings import Ranked
from har_core.report.sensors import sensor_figures
from har_core.report.sureness import Sureness


def figures_of(page: Page) -> dict[str, Any]:
    """Everything as data; ``entries`` hold the models' results, ``folds`` the main figures of each fold."""
    inputs = page.inputs
    published = {model.result.architecture: asdict(figures) for model, figures in page.published}
    notes = [PARAMETERS_FOOTNOTE, SELECTION_NOTE, F1_NOTE]
    return {
        "schema_version": SCHEMA_VERSION,
        "note": page.note,
        "title": inputs.title,
        "created": inputs.created.isoformat(),
        "origin": inputs.origin,
        "lead": page.opening.lead,
        "champion": inputs.champion and asdict(inputs.champion),
        "protocols": {view.protocol: _protocol(view) for view in page.folds.every},
        "leak": page.folds.leak and asdict(page.folds.leak),
        "sureness": page.sureness and _sureness(page.sureness),
        "mistakes": page.mistakes and _mistakes(page.mistakes),
        "sensors": page.sensors and sensor_figures(page.sensors),
        "audit": page.audit and _audit(page.audit),
        "transferred": [
            _transferred(entry) for entry in page.inputs.transferred if entry.record.origin == inputs.origin
        ],
        "ranking": {role: _ranking(ranked, role) for role, ranked in page.rankings.items()},
        "published": {"figures": published, "notes": notes} if published else None,
        "missing": page.missing,
        "entries": [_entry(model) for model in page.models],
        "folds": [_fold(entry) for entry in inputs.folds],
        "experiment": dict(inputs.experiment),
        "dataset": inputs.facts,
        "data_runs": {asset: asdict(run) for asset, run in inputs.data_runs.items()},
        "git_commit": inputs.git_commit,
        "command": inputs.command,
    }


def _entry(entry: ReportEntry) -> dict[str, Any]:
    """Without what ``mistakes`` has."""
    own = asdict(entry)
    for name in BY_WINDOW:
        del own["result"][name]
    return own


def _ranking(ranked: Ranked, role: str) -> list[dict[str, Any]]:
    return [
        {
            "rank": place,
            "architecture": model.result.architecture,
            "seed": model.result.seed,
            "macro_f1": model.scores(role).macro_f1,
            "accuracy": model.scores(role).accuracy,
        }
        for place, model in ranked
    ]


def _protocol(view: ProtocolView) -> dict[str, Any]:
    return {
        "ranking": [
            {"rank": view.place(row), "num_folds_planned": row.num_planned, "num_parameters": row.num_parameters}
            | asdict(row.summary)
            for row in view.rows
        ],
        "num_test_windows": view.num_test_windows,
        "num_clean_test_windows": view.num_clean_windows,
        "published": {
            "metric": view.metric,
            "notes": view.notes,
            "scores": [
                {"name": entry.name, "value": entry.score.mean, "source": entry.source}
                for entry in view.compared
                if entry.ours is None
            ],
        }
        if view.compared
        else None,
    }


def _sureness(sureness: Sureness) -> dict[str, Any]:
    return {
        "front": sureness.front.summary.architecture,
        "num_subjects": sureness.num_subjects,
        "sure": sureness.sure,
        "equivalent": sureness.equivalent,
        "detectable": sureness.detectable,
        "models": [
            {"architecture": sure.row.summary.architecture, "holm_p": sure.holm_p, **asdict(sure.spread)}
            for sure in sureness.rows
        ],
        "pairs": [asdict(pair) for pair in sureness.pairs.values()],
        "ranks": sureness.ranks and asdict(sureness.ranks),
    }


def _mistakes(mistakes: Mistakes) -> dict[str, Any]:
    return {
        "protocol": mistakes.protocol,
        "activities": mistakes.models[0].names,
        "confused": [asdict(confused.pair) for confused in mistakes.confused],
        "models": [
            {
                "architecture": model.architecture,
                "num_seeds": model.num_seeds,
                "confusion": model.rows,
                "f1": model.f1,
                "f1_by_subject": model.f1_by_subject,
                "roc_auc": model.separation.roc_auc,
                "average_precision": model.separation.average_precision,
                "confidence": _confidence(model.confidence),
                "confidence_scaled": model.scaled and _confidence(model.scaled),
            }
            for model in mistakes.models
        ],
    }


def _confidence(own: Confidence) -> dict[str, Any]:
    return {
        "calibration_error": own.calibration_error,
        "brier": own.brier,
        "accuracy_by_coverage": {f"{coverage:g}": own.accuracy_at(coverage) for coverage in COVERAGES},
        "reliability": [
            {"confidence": sure, "accuracy": accuracy, "windows": windows}
            for sure, accuracy, windows in own.reliability
        ],
    }


def _audit(view: AuditView) -> dict[str, Any]:
    return {
        "num_findings": view.num_findings,
        "severities": view.severities,
        "kinds": [asdict(summary) | {"description": KIND_WORDS[summary.kind]} for summary in view.kinds],
        "skipped": [skipped._asdict() for skipped in view.skipped],
        "recordings": [
            {"subject": subject, "activity": activity, "num_findings": count, "severity": severity}
            for (subject, activity), (count, severity) in sorted(view.found.items())
        ],
        "windows": view.counts and asdict(view.counts),
        "left_roles": {
            reason: {title: view.left_out(title, reason) for title in view.drops} for reason in view.reasons
        },
    }


def _transferred(entry: TransferEntry) -> dict[str, Any]:
    return {
        **asdict(entry.record),
        "subjects": entry.people,
        "num_windows": entry.num_windows,
        "scores": [
            {
                "way": score.way,
                "windows_per_activity": score.windows_per_activity,
                "macro_f1": score.macro_f1,
                "interval": score.interval,
                "per_subject": score.per_subject,
            }
            for score in entry.scores
        ],
        "mlflow_run_id": entry.mlflow_run_id,
        "mlflow_run_url": entry.mlflow_run_url,
    }


def _fold(entry: FoldEntry) -> dict[str, Any]:
    """Without confusions and settings."""
    names = ("architecture", "fold", "protocol", "subjects", "num_windows", "num_dropped")
    return {name: getattr(entry.result, name) for name in names} | {
        "seeds": [
            {
                "seed": seed.seed,
                "macro_f1": {role: scores.macro_f1 for role, scores in seed.scores.items()},
                "accuracy": {role: scores.accuracy for role, scores in seed.scores.items()},
                "macro_f1_clean": {role: scores.macro_f1 for role, scores in seed.scores_clean.items()},
                "per_subject": seed.per_subject,
                "best_epoch": seed.best_epoch,
            }
            for seed in entry.result.seeds
        ],
        "mlflow_run_id": entry.mlflow_run_id,
        "mlflow_run_url": entry.mlflow_run_url,
    }
