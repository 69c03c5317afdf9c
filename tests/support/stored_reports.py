"""What a ``report.json`` holds, as far as it is read again: models with the scores of each subject."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def report_of(folds: Mapping[str, Sequence[Sequence[float]]], **changes: Any) -> dict[str, Any]:
    """Leave-one-subject-out scores by model, seed and subject (from 1)."""
    return {
        "title": "t",
        "created": "2026-01-02T03:04:05+00:00",
        "origin": "real",
        "protocols": {"loso": {"ranking": [{"architecture": name, "num_folds_planned": 4} for name in folds]}},
        "entries": [],
        "folds": [
            {
                "architecture": name,
                "fold": f"loso-p{subject}",
                "protocol": "loso",
                "seeds": [
                    {"seed": seed, "per_subject": {str(subject): own[subject - 1]}} for seed, own in enumerate(by_seed)
                ],
            }
            for name, by_seed in folds.items()
            for subject in range(1, len(by_seed[0]) + 1)
        ],
        "git_commit": "a" * 40,
        **changes,
    }


def entry_of(name: str, score: float | None) -> dict[str, Any]:
    """A model that was trained on the holdout."""
    return {"result": {"architecture": name, "scores": {"test": {"macro_f1": score}}}}


def write_report(folder: Path, content: dict[str, Any]) -> Path:
    """``report.json`` in that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.json"
    path.write_text(json.dumps(content))
    return path
