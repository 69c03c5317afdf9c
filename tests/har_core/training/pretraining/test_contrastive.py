"""NT-Xent, as its paper defines it."""

from __future__ import annotations

import math

import pytest
import torch

from har_core.training.pretraining.contrastive import nt_xent


def test_it_is_the_cross_entropy_of_finding_the_other_view() -> None:
    first, second = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows, losses = [*first, *second], []
    for index, row in enumerate(rows):
        partner = (index + 4) % 8
        exps = [math.exp(torch.cosine_similarity(row, other, dim=0).item() / 0.2) for other in rows]
        losses.append(-math.log(exps[partner] / sum(value for number, value in enumerate(exps) if number != index)))
    assert nt_xent(first, second, temperature=0.2).item() == pytest.approx(sum(losses) / len(losses))


def test_it_is_small_where_views_of_a_window_are_alike_and_large_where_they_are_not() -> None:
    windows = torch.eye(4)
    alike, apart = (nt_xent(windows, other, temperature=0.1).item() for other in (windows * 3, windows.roll(1, 0)))
    assert alike < 0.001
    assert apart > 5
