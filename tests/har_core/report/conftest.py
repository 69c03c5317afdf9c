"""Inputs of a report that look like those of real trainings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from har_core.dsads.layout import NUM_ACTIVITIES
from har_core.evaluation.complexity import Complexity
from har_core.evaluation.latency import Latency, Machine
from har_core.evaluation.result import ModelResult
from har_core.evaluation.scores import score
from har_core.report import ReportEntry, ReportInputs

FIGURES = {
    # architecture: skill on validation, skill on test, parameters, MACs, batch-1 ms, windows a second
    "cnn": (0.86, 0.80, 956_947, 131_000_000, 3.61, 412.0),
    "resnet": (0.88, 0.84, 1_827_155, 262_400_000, 6.94, 205.0),
    "lstm": (0.78, 0.70, 3_255_827, 404_745_728, 21.3, 106.0),
    "shufflenet": (0.83, 0.82, 614_551, 52_300_000, 4.12, 530.0),
}
NEIGHBOURS = {0: 6, 6: 7, 7: 6, 1: 6, 8: 9, 9: 10, 10: 9, 4: 5, 14: 15, 12: 13, 2: 3, 18: 17}
EXPERIMENT = {
    "name": "dsads",
    "splits": {"protocol": "holdout", "test_subjects": [7, 8], "validation_subjects": [6]},
    "training": {"epochs": 30, "batch_size": 128, "learning_rate": 0.0005},
    "models": {"architectures": list(FIGURES)},
}


def make_scores(skill: float, num_windows_each: int, seed: int):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(NUM_ACTIVITIES), num_windows_each)
    skills = np.clip(skill + rng.normal(0, 0.12, NUM_ACTIVITIES), 0.2, 1)
    right = rng.random(len(labels)) < skills[labels]
    neighbour = np.array([NEIGHBOURS.get(k, (k + 1) % NUM_ACTIVITIES) for k in labels])
    wrong = np.where(rng.random(len(labels)) < 0.7, neighbour, rng.integers(0, NUM_ACTIVITIES, len(labels)))
    predicted = np.where(right, labels, wrong)
    return score(labels, np.eye(NUM_ACTIVITIES)[predicted] * 0.9 + 0.1 / NUM_ACTIVITIES)


def make_result(architecture: str = "cnn", **changes) -> ModelResult:
    skill, test_skill, num_parameters, macs, latency_ms, throughput = FIGURES.get(architecture, FIGURES["cnn"])
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
    values = {
        "architecture": architecture,
        "origin": "real",
        "seed": 0,
        "training_settings": {"epochs": epochs, "optimizer": "adamw"},
        "scores": {"validation": validation, "test": make_scores(test_skill, 120, num_parameters + 1)},
        "history": history,
        "best_epoch": best_epoch,
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


def make_entry(architecture: str = "cnn", **changes) -> ReportEntry:
    run_id = (
        f"{abs(hash(architecture)):032x}"[:32] if architecture not in FIGURES else f"{FIGURES[architecture][2]:032x}"
    )
    return ReportEntry(
        result=make_result(architecture, **changes),
        mlflow_run_id=run_id,
        mlflow_run_url=f"http://127.0.0.1:5000/#/experiments/1/runs/{run_id}",
        registered_model=f"har-{architecture}",
        version=3,
    )


@pytest.fixture(scope="session")
def result() -> Callable[..., ModelResult]:
    return make_result


@pytest.fixture(scope="session")
def entry() -> Callable[..., ReportEntry]:
    return make_entry


def make_inputs(*architectures: str, **changes) -> ReportInputs:
    origin = changes.get("origin", "real")
    values = {
        "title": "Human-activity recognition: a comparison",
        "origin": origin,
        "created": datetime(2026, 5, 4, 10, 30, tzinfo=UTC),
        "entries": tuple(make_entry(architecture, origin=origin) for architecture in architectures),
        "experiment": EXPERIMENT,
        "dataset": {"Segment files": "9,120", "Subjects": "1 to 8", "Windows": "9,120 of 125 samples, no overlap"},
        "git_commit": "8415938c0ffee8415938c0ffee8415938c0ffee0",
    }
    return ReportInputs(**(values | changes))


@pytest.fixture(scope="session")
def inputs() -> Callable[..., ReportInputs]:
    return make_inputs
