"""Architectures answer as they did when their predictions were stored: nothing changes in silence."""

from __future__ import annotations

import pytest
import torch
from stored_predictions import FOLDER, answers, path_of, stored

from har_core.models import list_models
from har_core.models.catalogue import is_network

ONE_TREE_IN_100 = 0.012
"""May fall out otherwise where a processor rounds otherwise; seeds and options are worth more."""


@pytest.mark.parametrize("name", list_models())
def test_answers_are_the_stored_ones(name: str) -> None:
    if not path_of(name).is_file():
        pytest.skip(f"to store its predictions: python tests/support/stored_predictions.py {name}")
    rtol, atol = (1e-3, 1e-4) if is_network(name) else (0.0, ONE_TREE_IN_100)
    torch.testing.assert_close(answers(name), stored(name), rtol=rtol, atol=atol)


def test_nothing_is_stored_of_architectures_that_are_gone() -> None:
    assert {path.stem for path in FOLDER.iterdir()} <= set(list_models())
