"""A result with plain figures."""

from __future__ import annotations

import numpy as np
import pytest

from har_core.datasets.dsads.layout import NUM_ACTIVITIES
from har_core.evaluation.complexity import Complexity
from har_core.evaluation.latency import Latency, Machine
from har_core.evaluation.records import ModelRecord
from har_core.evaluation.scores import Scores, score


@pytest.fixture
def scores() -> Scores:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(NUM_ACTIVITIES), 60)
    wrong = rng.random(len(labels)) < 0.25
    return score(labels, np.eye(NUM_ACTIVITIES)[np.where(wrong, rng.permutation(labels), labels)])


@pytest.fixture
def history() -> tuple[dict[str, float], ...]:
    return tuple(
        {
            "epoch": epoch,
            "learning_rate": 5e-4,
            "training_loss": 3 / epoch,
            "validation_loss": 3 / epoch + 0.2,
            "validation_macro_f1": 1 - 1 / (epoch + 1),
            "validation_accuracy": 1 - 1 / (epoch + 1),
            "seconds": 1.5,
        }
        for epoch in range(1, 31)
    )


@pytest.fixture
def record(history: tuple[dict[str, float], ...]) -> ModelRecord:
    return ModelRecord(
        architecture="cnn",
        origin="synthetic",
        seed=7,
        training_settings={"epochs": 30, "clip_norm": None, "optimizer": "adamw"},
        history=history,
        best_epoch=30,
        complexity=Complexity(num_parameters=956_947, macs=248_708_160, size_bytes=3_835_500),
        latency=Latency(
            batch1_median_ms=3.6,
            batch1_p95_ms=4.4,
            throughput_windows_per_s=412.0,
            num_threads=2,
            warmup=10,
            repeats=50,
            batch_size=128,
            machine=Machine(processor="AMD EPYC", num_cores=2, system="Linux x86_64", torch_version="2.13.0"),
        ),
        num_windows={"training": 5700, "validation": 1140, "test": 2280},
        training_seconds=45.0,
        device="cpu",
        precision="off",
    )
