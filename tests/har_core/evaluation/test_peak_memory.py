"""Peak memory of models whose tensors are known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from har_core.evaluation.peak_memory import peak_bytes

FLOAT = 4


class Widening(nn.Module):
    """Makes (1, 1000, 2) of a window (1, 10, 2), then one number; what is wide is gone by then."""

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        return windows.repeat(1, 100, 1).sum(dim=(1, 2))


class Keeping(nn.Module):
    """Holds all three steps to the end."""

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        steps = [windows + number for number in range(3)]
        return sum(steps, torch.zeros(1))


class Dropping(nn.Module):
    """Holds one step beside the next."""

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        for number in range(10):
            windows = windows + number
        return windows


def test_parameters_count_once() -> None:
    layer = nn.Linear(2, 2, bias=False)
    tied = nn.Sequential(layer, layer)
    expected = 4 * FLOAT + (20 + 20 + 20) * FLOAT  # weights; the window, and both answers
    assert peak_bytes(tied, 10, 2) == pytest.approx(expected, abs=20 * FLOAT)
    assert peak_bytes(nn.Sequential(layer), 10, 2) == 4 * FLOAT + (20 + 20) * FLOAT


def test_what_is_wide_for_a_moment_counts() -> None:
    assert peak_bytes(Widening(), 10, 2) == (20 + 2000 + 1) * FLOAT


def test_what_is_gone_counts_no_more() -> None:
    assert peak_bytes(Dropping(), 10, 2) == (20 + 20 + 20) * FLOAT
    assert peak_bytes(Keeping(), 10, 2) >= (20 + 3 * 20) * FLOAT


def test_views_take_nothing() -> None:
    assert peak_bytes(nn.Flatten(), 10, 2) == 20 * FLOAT
