"""Inputs of a report that look like those of real trainings, folds and audits; and a strict reader of its page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from audit_examples import make_audit
from narrowing import present

from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.origin import Origin
from har_core.evaluation.calibration import Calibration, Confidence, scale
from har_core.evaluation.complexity import Complexity
from har_core.evaluation.latency import Latency, Machine
from har_core.evaluation.results import FoldResult, ModelResult, SeedResult
from har_core.evaluation.scores import Counts, Scores, score
from har_core.evaluation.separation import Separation
from har_core.report.inputs import FoldEntry, ReportEntry, ReportInputs
from har_core.splits.protocols import folds

FIGURES = {
    # architecture: skill on validation, skill on test, parameters, MACs, batch-1 ms, windows a second
    "cnn": (0.86, 0.80, 956_947, 131_000_000, 3.61, 412.0),
    "resnet": (0.88, 0.84, 1_827_155, 262_400_000, 6.94, 205.0),
    "lstm": (0.78, 0.70, 3_255_827, 404_745_728, 21.3, 106.0),
    "shufflenet": (0.83, 0.82, 614_551, 52_300_000, 4.12, 530.0),
    "compact": (0.92, 0.858, 56_947, 8_900_000, 0.72, 4100.0),
}
CLASSICAL = {
    "random_forest": (0.90, 0.85, 148_210, 0, 9.3, 3100.0),
    "extra_trees": (0.84, 0.89, 903_400, 0, 21.0, 1450.0),
    "rocket": (0.96, 0.88, 103_429, 0, 8.29, 210.0),
    "logistic_regression": (0.93, 0.853, 6_859, 0, 0.18, 9200.0),
}
"""As FIGURES, of models without epochs."""
NEIGHBOURS = {0: 6, 6: 7, 7: 6, 1: 6, 8: 9, 9: 10, 10: 9, 4: 5, 14: 15, 12: 13, 2: 3, 18: 17}
EXPERIMENT = {
    "name": "dsads",
    "splits": {"protocol": "holdout", "test_subjects": [7, 8], "validation_subjects": [6]},
    "training": {"epochs": 30, "batch_size": 128, "learning_rate": 0.0005},
    "models": {"architectures": list(FIGURES)},
}


def make_scores(skill: float, num_windows_each: int, seed: int) -> Scores:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(DSADS.num_activities), num_windows_each)
    skills = np.clip(skill + rng.normal(0, 0.12, DSADS.num_activities), 0.2, 1)
    right = rng.random(len(labels)) < skills[labels]
    neighbour = np.array([NEIGHBOURS.get(k, (k + 1) % DSADS.num_activities) for k in labels.tolist()])
    wrong = np.where(rng.random(len(labels)) < 0.7, neighbour, rng.integers(0, DSADS.num_activities, len(labels)))
    predicted = np.where(right, labels, wrong)
    return score(
        labels, np.eye(DSADS.num_activities)[predicted] * 0.9 + 0.1 / DSADS.num_activities, names=DSADS.activities
    )


def make_result(architecture: str = "cnn", **changes: Any) -> ModelResult:
    skill, test_skill, num_parameters, macs, latency_ms, throughput = {**FIGURES, **CLASSICAL}.get(
        architecture, FIGURES["cnn"]
    )
    rng = np.random.default_rng(num_parameters)
    validation = make_scores(skill, 60, num_parameters)
    epochs, best_epoch = 30, 24
    course = 1 - np.exp(-np.arange(1, epochs + 1) / (3 + 4 * (1 - skill)))
    history = tuple(
        {
            "epoch": epoch,
            "learning_rate": 5e-4 * 0.5 ** ((epoch - 1) // 10),
            "training_loss": float(2.9 * (1 - course[epoch - 1]) + 0.03),
            "validation_loss": float(2.9 * (1 - course[epoch - 1] * skill) + rng.normal(0, 0.05)),
            "validation_macro_f1": float(validation.macro_f1 * course[epoch - 1] - abs(rng.normal(0, 0.015))),
            "validation_accuracy": float(validation.accuracy * course[epoch - 1]),
            "seconds": 12.5,
        }
        for epoch in range(1, epochs + 1)
    )
    scores = {"validation": validation, "test": make_scores(test_skill, 120, num_parameters + 1)}
    values: dict[str, Any] = {
        "architecture": architecture,
        "origin": "real",
        "seed": 0,
        "training_settings": {"epochs": epochs, "optimizer": "adamw"},
        "scores": scores,
        "scores_clean": scores,
        **dict.fromkeys(("per_subject", "per_subject_clean"), dict.fromkeys((7, 8), scores["test"].macro_f1)),
        "confusions": shared(scores["test"].confusion, (7, 8)),
        "learnt": tuple(range(DSADS.num_activities)),
        "calibration": calibration_of(test_skill, num_parameters),
        "separation": Separation.of(*windows_of(test_skill, num_parameters)),
        "history": () if architecture in CLASSICAL else history,
        "best_epoch": 0 if architecture in CLASSICAL else best_epoch,
        "complexity": Complexity(num_parameters=num_parameters, macs=macs, size_bytes=4 * num_parameters),
        "latency": Latency(
            batch1_median_ms=latency_ms,
            batch1_p95_ms=latency_ms * 1.21,
            throughput_windows_per_s=throughput,
            num_threads=2,
            warmup=10,
            repeats=50,
            batch_size=128,
            machine=Machine(processor="AMD EPYC", num_cores=2, system="Linux x86_64", torch_version="2.13.0+cpu"),
        ),
        "num_windows": {"training": 5700, "validation": 1140, "test": 2280},
        "training_seconds": 754.0,
        "device": "cpu",
        "precision": "bf16",
    }
    return ModelResult(**(values | changes))


def make_entry(architecture: str = "cnn", **changes: Any) -> ReportEntry:
    run_id = (
        f"{abs(hash(architecture)):032x}"[:32] if architecture not in FIGURES else f"{FIGURES[architecture][2]:032x}"
    )
    return ReportEntry(
        result=make_result(architecture, **changes),
        mlflow_run_id=run_id,
        mlflow_run_url=f"http://127.0.0.1:5000/#/experiments/1/runs/{run_id}",
        registered_model=f"har-{architecture}",
        version="3",
    )


@pytest.fixture(scope="session")
def result() -> Callable[..., ModelResult]:
    return make_result


@pytest.fixture(scope="session")
def entry() -> Callable[..., ReportEntry]:
    return make_entry


def make_inputs(*architectures: str, **changes: Any) -> ReportInputs:
    origin = changes.get("origin", "real")
    values = {
        "title": "Human-activity recognition: a comparison",
        "origin": origin,
        "created": datetime(2026, 5, 4, 10, 30, tzinfo=UTC),
        "spec": DSADS,
        "entries": tuple(make_entry(architecture, origin=origin) for architecture in architectures),
        "experiment": EXPERIMENT,
        "dataset": {"Segment files": "9,120", "Subjects": "1 to 8", "Windows": "9,120 of 125 samples, no overlap"},
        "git_commit": "8415938c0ffee8415938c0ffee8415938c0ffee0",
        "command": "har run all.toml --data FOLDER_OR_ZIP",
    }
    return ReportInputs(**(values | changes))


@pytest.fixture(scope="session")
def inputs() -> Callable[..., ReportInputs]:
    return make_inputs


VOID = {"meta", "br", "hr", "img", "input", "link"}
SVG_LEAVES = {"path", "circle", "rect"}


class Page(HTMLParser):
    """Reads a page strictly: every tag closed in order; keeps text, attributes, tables and links."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.lines: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.links: list[tuple[str, str]] = []
        self.cell_links: list[list[list[list[str]]]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._attributes(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
            self.cell_links.append([])
        elif tag == "tr":
            self.tables[-1].append([])
            self.cell_links[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")
            self.cell_links[-1][-1].append([])
        elif tag == "a":
            href = present(dict(attrs)["href"])
            self.links.append((href, ""))
            if {"td", "th"} & set(self.open):
                self.cell_links[-1][-1][-1].append(href)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SVG_LEAVES, f"<{tag}/> is open in HTML"
        self._attributes(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open or not data.strip():
            return
        if "body" in self.open:
            self.lines.append(data.strip())
        if "a" in self.open:
            self.links[-1] = (self.links[-1][0], self.links[-1][1] + data)
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data.strip()

    def _attributes(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> names an attribute twice"
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [present(value) for name, value in attrs if name == "id"]

    @property
    def text(self) -> str:
        return " ".join(self.lines)


@pytest.fixture(scope="session")
def read_page() -> type[Page]:
    return Page


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
    labels = np.repeat(np.arange(DSADS.num_activities), num_windows_each)
    skills = np.clip(skill + rng.normal(0, 0.04, DSADS.num_activities), 0.2, 1)
    right = rng.random(len(labels)) < skills[labels]
    predicted = np.where(right, labels, rng.integers(0, DSADS.num_activities, len(labels)))
    return score(labels, np.eye(DSADS.num_activities)[predicted], names=DSADS.activities)


def windows_of(skill: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of windows of which ``skill`` are right, by a model that is surer than that."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, DSADS.num_activities, 400)
    predicted = np.where(rng.random(400) < skill, labels, (labels + 1) % DSADS.num_activities)
    sure = rng.uniform(0.7, 1.0, (400, 1))
    return labels, sure * np.eye(DSADS.num_activities)[predicted] + (1 - sure) / DSADS.num_activities


def calibration_of(skill: float, seed: int, *, validated: bool = True) -> Calibration:
    """That of :func:`windows_of`."""
    labels, probabilities = windows_of(skill, seed)
    before = Confidence.of(labels, probabilities)
    if not validated:
        return Calibration(before=before)
    return Calibration(before=before, after=Confidence.of(labels, scale(probabilities, 1.6)), temperature=1.6)


def shared(counts: Counts, subjects: Sequence[int]) -> dict[int, Counts]:
    """Counts of each subject that together are ``counts``."""
    parts = {place: np.asarray(counts) // len(subjects) for place in range(1, len(subjects))}
    parts[0] = np.asarray(counts) - sum(parts.values())
    return {subject: tuple(map(tuple, parts[place].tolist())) for place, subject in enumerate(subjects)}


@cache
def make_fold(architecture: str, name: str, seeds: tuple[int, ...] = (0, 1), origin: Origin = "real") -> FoldResult:
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
                confusions=shared(test.confusion, tested),
                calibration=calibration_of(skill, salt),
                separation=Separation.of(*windows_of(skill, salt)),
                learnt=tuple(range(DSADS.num_activities)),
                per_subject=by_subject,
                per_subject_clean={s: value + (shift if s in DAMAGED else 0) for s, value in by_subject.items()},
                best_epoch=0 if architecture in CLASSICAL else 14,
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
        num_windows={"training": 1300, "validation": 228, "test": each * DSADS.num_activities},
        num_dropped={
            "damaged_training": 30 if 5 in training else 6,
            "duplicate_training": 12,
            "duplicate_validation": 0,
        },
        num_parameters={**FIGURES, **CLASSICAL}.get(architecture, FIGURES["cnn"])[2],
        training_settings={"epochs": 20},
        device="cpu",
        precision="fp32",
    )


def names_of(*protocols: str) -> tuple[str, ...]:
    return tuple(fold.name for protocol in protocols for fold in folds(protocol, SUBJECTS))


def make_folds(*architectures: str, protocols: tuple[str, ...] = ("loso", "leaky"), **changes: Any) -> dict[str, Any]:
    """Changes for report inputs: every fold of every protocol, and what there should be."""
    names = names_of(*protocols)
    entries = tuple(
        FoldEntry(
            result=make_fold(architecture, name, **changes),
            mlflow_run_id=f"{architecture}-{name}",
            mlflow_run_url=f"http://127.0.0.1:5000/#/experiments/2/runs/{architecture}-{name}",
        )
        for architecture in architectures
        for name in names
    )
    return {"folds": entries, "planned_folds": dict.fromkeys(architectures, names), "subjects": tuple(SUBJECTS)}


@pytest.fixture(scope="session")
def fold() -> Callable[..., FoldResult]:
    return make_fold


@pytest.fixture(scope="session")
def with_folds() -> Callable[..., dict[str, Any]]:
    return make_folds


@pytest.fixture(scope="session")
def audited() -> Callable[[], dict[str, Any]]:
    return make_audit
