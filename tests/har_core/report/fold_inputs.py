"""Results of folds and findings of an audit that look like those of real recordings."""

from __future__ import annotations

from functools import cache

import numpy as np

from har_core.audit.findings import Finding, Kind, Severity, tabulate
from har_core.dsads.layout import NUM_ACTIVITIES
from har_core.evaluation.folds import FoldResult, SeedResult
from har_core.evaluation.scores import Scores, score
from har_core.protocols import folds
from har_core.report import FoldEntry, WindowCounts

SKILLS = {"random_forest": 0.89, "extra_trees": 0.94, "cnn": 0.86, "lstm": 0.79}
SUBJECTS = range(1, 9)
HARDNESS = dict(zip(SUBJECTS, (0.02, -0.01, 0.03, 0.0, -0.12, 0.01, 0.02, -0.05), strict=True))
LEAKY_SKILL = {"random_forest": 0.985, "extra_trees": 0.99, "cnn": 0.98, "lstm": 0.96}
DAMAGED = {1, 5}
"""Subjects with windows that are damaged."""
NUM_WINDOWS_EACH = 12
"""Of each activity and subject."""


def scores_of(skill: float, num_windows_each: int, seed: int) -> Scores:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(NUM_ACTIVITIES), num_windows_each)
    skills = np.clip(skill + rng.normal(0, 0.04, NUM_ACTIVITIES), 0.2, 1)
    right = rng.random(len(labels)) < skills[labels]
    predicted = np.where(right, labels, rng.integers(0, NUM_ACTIVITIES, len(labels)))
    return score(labels, np.eye(NUM_ACTIVITIES)[predicted])


@cache
def make_fold(architecture: str, name: str, seeds: tuple[int, ...] = (0, 1), origin: str = "real") -> FoldResult:
    protocol = name.partition("-")[0]
    [fold] = [fold for fold in folds(protocol, SUBJECTS) if fold.name == name]
    tested = fold.test or tuple(SUBJECTS)
    each = NUM_WINDOWS_EACH * len(tested) if fold.test else NUM_WINDOWS_EACH
    is_damaged = bool(fold.test) and not DAMAGED.isdisjoint(fold.test)
    results = []
    for seed in seeds:
        skill = SKILLS.get(architecture, 0.85) + float(np.mean([HARDNESS[subject] for subject in tested]))
        skill = LEAKY_SKILL.get(architecture, 0.98) if protocol == "leaky" else skill
        salt = sum(map(ord, architecture + name)) + seed
        test = scores_of(skill, each, salt)
        clean = scores_of(min(1.0, skill + 0.03), each - 2, salt) if is_damaged else test
        by_subject = {subject: test.macro_f1 + 0.01 * (subject - tested[0]) for subject in tested}
        shift = clean.macro_f1 - test.macro_f1
        results.append(
            SeedResult(
                seed=seed,
                scores={"validation": scores_of(skill, each, salt + 1), "test": test},
                scores_clean={"test": clean},
                per_subject=by_subject,
                per_subject_clean={s: value + (shift if s in DAMAGED else 0) for s, value in by_subject.items()},
                best_epoch=0 if architecture in {"random_forest", "extra_trees"} else 14,
                training_seconds=31.0,
            )
        )
    training = fold.training or tuple(SUBJECTS)
    return FoldResult(
        architecture=architecture,
        origin=origin,
        fold=name,
        protocol=protocol,
        subjects={"training": training, "validation": fold.validation or training, "test": tested},
        seeds=tuple(results),
        num_windows={"training": 1300, "validation": 228, "test": each * NUM_ACTIVITIES},
        num_dropped={
            "damaged_training": 30 if 5 in training else 6,
            "duplicate_training": 12,
            "duplicate_validation": 0,
        },
        num_parameters=148_000 if architecture in {"random_forest", "extra_trees"} else 956_947,
        training_settings={"epochs": 20},
        device="cpu",
        precision="fp32",
    )


def names_of(*protocols: str) -> tuple[str, ...]:
    return tuple(fold.name for protocol in protocols for fold in folds(protocol, SUBJECTS))


def make_folds(*architectures: str, protocols: tuple[str, ...] = ("loso", "leaky"), **changes) -> dict:
    """Changes for report inputs: every fold of every protocol, and what there should be."""
    names = names_of(*protocols)
    entries = tuple(
        FoldEntry(result=make_fold(architecture, name, **changes), mlflow_run_id=f"{architecture}-{name}")
        for architecture in architectures
        for name in names
    )
    return {"folds": entries, "planned_folds": dict.fromkeys(architectures, names), "subjects": tuple(SUBJECTS)}


def make_finding(kind: Kind, severity: Severity, activity: int, subject: int, **changes) -> Finding:
    values = {"segment": 1, "first_row": 0, "last_row": 124, "channels": "all", "num_rows": 125}
    return Finding(kind=kind, severity=severity, activity=activity, subject=subject, **(values | changes))


def make_findings() -> list[Finding]:
    copied = {"other_activity": 6, "other_subject": 1, "other_segment": 1, "other_first_row": 0, "num_rows": 1500}
    return [
        make_finding(Kind.DUPLICATE_ROWS, Severity.ERROR, 5, 1, **copied),
        make_finding(Kind.DUPLICATE_ROWS, Severity.ERROR, 5, 2, segment=11, num_rows=3000),
        *(
            make_finding(Kind.CONSTANT_RUN, Severity.WARNING, 3, 5, segment=k, channels="LL_xmag", num_rows=21)
            for k in range(12)
        ),
        make_finding(Kind.CONSTANT_RUN, Severity.ERROR, 9, 5, channels="RA", num_rows=400),
        *(
            make_finding(Kind.SATURATION, Severity.WARNING, 18, s, channels="RL_yacc", num_rows=15)
            for s in (2, 4, 6, 8)
        ),
        *(make_finding(Kind.DISCONTINUOUS_JOIN, Severity.INFO, a, 7, segment=a, num_rows=2) for a in range(1, 20)),
    ]


def make_audit() -> dict:
    """Changes for report inputs."""
    return {
        "findings": tabulate(make_findings()),
        "window_counts": WindowCounts(
            num_windows=9120, num_damaged=57, num_in_duplicate_groups=48, num_dropped=0, num_repaired=0
        ),
        "split_drops": {"damaged_training": 40, "duplicate_training": 24, "duplicate_validation": 0},
        "subjects": tuple(SUBJECTS),
    }
