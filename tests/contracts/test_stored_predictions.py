"""Architectures answer as they did when their predictions were stored: nothing changes in silence."""

from __future__ import annotations

import pytest
import torch
from stored_predictions import FOLDER, answers, stored

from har_core.models.catalogue import is_network

ONE_TREE_IN_100 = 0.012
"""May fall out otherwise where a processor rounds otherwise; seeds and options are worth more."""


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.iterdir()))
def test_answers_are_the_stored_ones(name: str) -> None:
    rtol, atol = (1e-3, 1e-4) if is_network(name) else (0.0, ONE_TREE_IN_100)
    torch.testing.assert_close(answers(name), stored(name), rtol=rtol, atol=atol)
