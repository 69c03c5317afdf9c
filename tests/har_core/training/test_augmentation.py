from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from har_core.training.augmentation import random_rotation, rotation_matrices

UNITS = [[(0, 1, 2), (3, 4, 5)], [(6, 7, 8), (9, 10, 11)]]
MEAN = torch.linspace(-3, 3, 13)
DEVIATION = torch.linspace(0.5, 2, 13)


def raw(windows: torch.Tensor) -> torch.Tensor:
    return windows * DEVIATION + MEAN


@pytest.fixture
def windows() -> torch.Tensor:
    return torch.randn(4, 20, 13, generator=torch.Generator().manual_seed(3))


def rotation(degrees: float) -> Callable[[torch.Tensor], torch.Tensor]:
    triads = [triad for unit in UNITS for triad in unit]
    return random_rotation(triads, [0, 0, 1, 1], mean=MEAN, standard_deviation=DEVIATION, degrees=degrees)


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    matrix = rotation_matrices(torch.tensor([0.0, 0.0, 2.0]), torch.tensor(math.pi / 2))
    torch.testing.assert_close(matrix @ torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]))


def test_lengths_and_angles_between_sensors_of_a_unit_stay(windows: torch.Tensor) -> None:
    torch.manual_seed(0)
    before, after = raw(windows), raw(rotation(40)(windows))
    assert not torch.allclose(before[..., :12], after[..., :12], atol=0.1)
    for first, second in UNITS:
        for a, b in [(first, first), (first, second), (second, second)]:
            products = [(x[..., list(a)] * x[..., list(b)]).sum(-1) for x in (before, after)]
            torch.testing.assert_close(*products, atol=1e-3, rtol=1e-4)


def test_a_window_turns_as_a_whole_and_units_turn_apart(windows: torch.Tensor) -> None:
    torch.manual_seed(0)
    after = raw(rotation(40)(windows))
    solved = [
        torch.linalg.lstsq(raw(windows)[n][:, list(unit[0])], after[n][:, list(unit[0])]).solution
        for n in range(2)
        for unit in UNITS
    ]
    for matrix in solved:
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(3), atol=1e-4, rtol=0)
    for index, matrix in enumerate(solved):
        assert all(not torch.allclose(matrix, other, atol=0.05) for other in solved[index + 1 :])


def test_other_channels_and_the_input_stay(windows: torch.Tensor) -> None:
    before = windows.clone()
    after = rotation(40)(windows)
    assert torch.equal(windows, before)
    assert torch.equal(after[..., 12], before[..., 12])


def test_no_degrees_change_nothing_and_more_degrees_turn_further(windows: torch.Tensor) -> None:
    torch.testing.assert_close(rotation(0)(windows), windows, atol=1e-5, rtol=1e-5)
    distances = []
    for degrees in (5, 20, 60):
        torch.manual_seed(0)
        distances.append((rotation(degrees)(windows) - windows).abs().mean().item())
    assert distances == sorted(distances)


def test_one_seed_gives_one_result(windows: torch.Tensor) -> None:
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(rotation(20)(windows))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
