"""Summaries and contests of random convolutions, here computed sample by sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from narrowing import as_type

from har_core.base.errors import InputError
from har_core.models import fit_model
from har_core.models.multirocket_hydra import CompetingKernels, Features, differences, four_summaries


def test_four_summaries_of_values_above_a_threshold() -> None:
    y = torch.tensor([[[1.0, 3.0, 5.0, 0.0, 4.0, 2.0]]], dtype=torch.float64)
    thresholds = torch.tensor([[2.5, 9.0, -1.0]], dtype=torch.float64)
    above, never, always = four_summaries(y, thresholds).view(3, 4).tolist()
    assert above == pytest.approx([3 / 6, (0.5 + 2.5 + 1.5) / 3, (1 + 2 + 4) / 3, 2])
    assert never == [0, 0, -1, 0]
    assert always == [1, pytest.approx(2.5 + 1), 2.5, 6]


def test_kernels_of_a_group_compete_at_every_timepoint() -> None:
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 40, 5)).astype(np.float32))
    hydra = CompetingKernels.drawn(x, np.random.default_rng(1), 2)
    scaled = ((x.double() - hydra.mean_C) / hydra.deviation_C).numpy()
    assert hydra.weights_DGKJ.shape == (3, 2, 8, 9)
    torch.testing.assert_close(hydra.weights_DGKJ.abs().sum(dim=-1), torch.ones(3, 2, 8, dtype=torch.float64))
    torch.testing.assert_close(hydra.weights_DGKJ.sum(dim=-1), torch.zeros(3, 2, 8, dtype=torch.float64))
    expected = np.zeros((3, 2, 2, 8))  # dilations, best or worst, groups, kernels
    for d, dilation in enumerate((1, 2, 4)):
        for group in range(2):
            series = np.pad(scaled[1] @ hydra.channels_DGC[d, group].numpy(), 4 * dilation)
            for t in range(40):
                values = hydra.weights_DGKJ[d, group].numpy() @ series[t : t + 8 * dilation + 1 : dilation]
                expected[d, 0, group, values.argmax()] += values.max()
                expected[d, 1, group, values.argmin()] += 1
    np.testing.assert_allclose(hydra(x)[1].numpy(), np.sqrt(expected.clip(0)).ravel(), rtol=1e-4)


def test_both_see_windows_and_differences() -> None:
    x = torch.randn(12, 40, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(differences(x)[:, 4], x[:, 5] - x[:, 4])
    model = fit_model(
        "multirocket_hydra",
        x,
        torch.arange(12) % 2,
        num_classes=2,
        seed=0,
        sampling_rate_hz=25.0,
        num_features=1400,
        num_groups=4,
    )
    hydra = 4 * 8 * 2 * 3  # groups, kernels, best and worst, dilations
    assert model.get_buffer("weight_FK").shape == (1344 + hydra, 2)
    whole = as_type(Features, model.features)
    with torch.inference_mode():
        level = (whole(x + 9) - whole(x)).abs()
    num_of_windows = level.shape[1] // 2
    assert (level[:, :num_of_windows] > 0.1).float().mean() > 0.1
    assert (level[:, num_of_windows:] > 0.1).float().mean() < 0.01  # differences know no level


@pytest.mark.parametrize(
    ("length", "options", "expected"),
    [(9, {}, "at least 10"), (40, {"num_features": 671}, "at least 672"), (40, {"num_groups": 3}, "even number")],
)
def test_what_cannot_be_fitted_is_refused(length: int, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        fit_model(
            "multirocket_hydra",
            torch.randn(4, length, 3),
            torch.arange(4) % 2,
            num_classes=2,
            seed=0,
            sampling_rate_hz=25.0,
            **options,
        )
