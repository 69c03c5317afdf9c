"""Batches: every window once, in views, and never one window alone."""

from __future__ import annotations

import doctest

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from narrowing import present

from har_core.base.errors import InputError
from har_core.training import data
from har_core.training.data import LabelledWindows, SoftLabels


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


def test_soft_labels_go_with_their_windows() -> None:
    shares, features = torch.arange(7.0)[:, None].expand(7, 3), torch.arange(7.0)[:, None] * 10
    soft = SoftLabels(shares=shares, temperature=2.0, weight=0.5, features=features, feature_weight=0.25)
    windows = LabelledWindows(torch.zeros(7, 2, 3), torch.arange(7), soft)
    for moved in (windows, windows.to(torch.device("cpu")), windows.near(torch.device("cpu"))):
        chosen = moved.select(torch.tensor([5, 0])).soft
        assert chosen is not None
        assert chosen.shares[:, 0].tolist() == [5, 0]
        assert present(chosen.features)[:, 0].tolist() == [50, 0]
        assert (chosen.temperature, chosen.weight, chosen.feature_weight) == (2.0, 0.5, 0.25)


def test_soft_labels_of_other_windows_or_activities_are_refused() -> None:
    for shape in ((6, 3), (7, 4)):
        soft = SoftLabels(shares=torch.ones(shape), temperature=1.0, weight=1.0)
        windows = LabelledWindows(torch.zeros(7, 2, 3), torch.zeros(7, dtype=torch.int64), soft)
        with pytest.raises(InputError, match="soft labels"):
            data.check("training", windows, num_classes=3, at_least=2)
