from __future__ import annotations

import io
import math
import threading

import matplotlib.image
import numpy as np
import pytest

from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.plots import confusion_matrix_png, training_curves_png
from har_core.evaluation.scores import Scores, score

MAX_BYTES = 60_000


def pixels(png: bytes) -> np.ndarray:
    return matplotlib.image.imread(io.BytesIO(png), format="png")


def test_the_confusion_matrix_is_small_and_shows_the_scores(scores: Scores) -> None:
    png = confusion_matrix_png(scores)
    assert len(png) < MAX_BYTES
    assert pixels(png).shape[1] > 500
    other = score(np.arange(DSADS.num_activities), np.eye(DSADS.num_activities))
    assert not np.array_equal(pixels(png), pixels(confusion_matrix_png(other)))


@pytest.mark.parametrize("num_activities", [2, 40])
def test_the_confusion_matrix_grows_with_the_activities(num_activities: int) -> None:
    labels = np.repeat(np.arange(num_activities), 3)
    height, width = pixels(confusion_matrix_png(score(labels, np.eye(num_activities)[labels]))).shape[:2]
    assert width > height
    assert (height > 1000) == (num_activities == 40)


def test_the_curves_are_small_and_show_the_history(history: tuple[dict[str, float], ...]) -> None:
    png = training_curves_png(history)
    assert len(png) < MAX_BYTES
    assert not np.array_equal(pixels(png), pixels(training_curves_png(history[:10])))


@pytest.mark.parametrize("loss", [math.nan, math.inf, None])
def test_losses_that_are_no_numbers_leave_a_gap(history: tuple[dict[str, float], ...], loss: float | None) -> None:
    broken = [{**record, "training_loss": loss, "validation_loss": loss} for record in history]
    assert len(training_curves_png(broken)) < MAX_BYTES


def test_one_epoch_and_none_are_drawn(history: tuple[dict[str, float], ...]) -> None:
    assert training_curves_png(history[:1])
    assert training_curves_png(())


def test_drawing_in_a_thread_works(scores: Scores) -> None:
    drawn = []
    thread = threading.Thread(target=lambda: drawn.append(confusion_matrix_png(scores)))
    thread.start()
    thread.join()
    assert drawn == [confusion_matrix_png(scores)]


def test_a_course_without_validation_is_drawn(history: tuple[dict[str, float], ...]) -> None:
    alone = [{**record, "validation_loss": None, "validation_macro_f1": None} for record in history]
    assert not np.array_equal(pixels(training_curves_png(history)), pixels(training_curves_png(alone)))
