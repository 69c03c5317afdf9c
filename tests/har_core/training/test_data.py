"""Batches: every window once, in views, and never one window alone."""

from __future__ import annotations

import doctest

import torch
from hypothesis import given
from hypothesis import strategies as st

from har_core.training import data
from har_core.training.data import LabelledWindows


def test_examples() -> None:
    results = doctest.testmod(data)
    assert results.attempted > 0
    assert results.failed == 0


@given(st.integers(2, 2000), st.integers(2, 300))
def test_batches_hold_every_window_and_never_one_alone(num_windows: int, batch_size: int) -> None:
    sizes = data.batch_sizes(num_windows, batch_size)
    assert sum(sizes) == num_windows
    assert min(sizes) > 1
    assert max(sizes) <= batch_size + 1


def test_windows_and_labels_are_selected_together() -> None:
    windows = LabelledWindows(torch.arange(7.0)[:, None, None].expand(7, 2, 3), torch.arange(7))
    chosen = windows.select(torch.tensor([5, 0]))
    assert chosen.windows[:, 0, 0].tolist() == chosen.labels.tolist() == [5, 0]
