"""A result with plain figures."""

from __future__ import annotations

import numpy as np
import pytest
from records import model_record

from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.records import ModelRecord
from har_core.evaluation.scores import Scores, score


@pytest.fixture
def scores() -> Scores:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(DSADS.num_activities), 60)
    wrong = rng.random(len(labels)) < 0.25
    return score(labels, np.eye(DSADS.num_activities)[np.where(wrong, rng.permutation(labels), labels)])


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
    return model_record(history=history)
