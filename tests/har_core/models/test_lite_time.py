"""The parts of LITE: its own depthwise convolution, and filters made by hand."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from har_core.models import create_model
from har_core.models.lite_time import HandmadeFilters, alternating, depthwise, peak


@pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (4, 1), (5, 2), (10, 4)])
def test_depthwise_equals_a_convolution_with_groups(
    monkeypatch: pytest.MonkeyPatch, kernel_size: int, dilation: int
) -> None:
    monkeypatch.setattr("har_core.models.lite_time._IN_CACHE", 2 * 25 * 3)  # two of five windows at a time
    torch.manual_seed(0)
    x_NTF = torch.randn(5, 25, 3, requires_grad=True)
    weight_JF = torch.randn(kernel_size, 3, requires_grad=True)
    expected = in_groups(x_NTF, weight_JF, dilation)
    found = depthwise(x_NTF, weight_JF, dilation)
    torch.testing.assert_close(found, expected)
    grad = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, (x_NTF, weight_JF), grad), torch.autograd.grad(expected, (x_NTF, weight_JF), grad)
    )
    of_weights = torch.autograd.grad(depthwise(x_NTF.detach(), weight_JF, dilation), weight_JF, grad)
    torch.testing.assert_close(of_weights, torch.autograd.grad(in_groups(x_NTF, weight_JF, dilation), weight_JF, grad))


def in_groups(x_NTF: torch.Tensor, weight_JF: torch.Tensor, dilation: int) -> torch.Tensor:
    reach = dilation * (len(weight_JF) - 1)
    padded_NFT = functional.pad(x_NTF.transpose(1, 2), (reach // 2, reach - reach // 2))
    return functional.conv1d(
        padded_NFT, weight_JF.t().unsqueeze(1), dilation=dilation, groups=weight_JF.shape[1]
    ).transpose(1, 2)


def test_filters_made_by_hand_see_each_channel_alone() -> None:
    x_NTC = torch.randn(2, 40, 3)
    found_NTBC = HandmadeFilters()(x_NTC).unflatten(-1, (17, 3))
    filters = [alternating(2**power) for power in range(1, 7)]
    filters += [-taps for taps in filters] + [peak(3 * 2**power) for power in range(1, 6)]
    for index, taps_J in enumerate(filters):
        size = len(taps_J)
        padded_NCT = functional.pad(x_NTC.transpose(1, 2), ((size - 1) // 2, size // 2))
        expected_NCT = functional.conv1d(padded_NCT.flatten(0, 1).unsqueeze(1), taps_J.view(1, 1, -1)).view(2, 3, 40)
        torch.testing.assert_close(found_NTBC[:, :, index], expected_NCT.transpose(1, 2).relu(), rtol=1e-4, atol=1e-4)


def test_a_step_up_and_a_bump_are_found_where_they_are() -> None:
    step = torch.zeros(1, 40, 1)
    step[:, 20:] = 1.0
    found_TB = HandmadeFilters()(step)[0]
    assert found_TB[:39, 0].argmax() == 19  # the rise from timepoint 19 to 20, by the shortest filter
    assert found_TB[:39, 6].max() == 0  # nothing falls
    bump = torch.zeros(1, 60, 1)
    bump[:, 28:32] = 1.0
    assert HandmadeFilters()(bump)[0, :, 13].argmax() == 29  # the middle of twelve timepoints, by the peak of twelve


def test_nothing_made_by_hand_is_learnt_or_kept() -> None:
    model = create_model("lite_time", num_channels=6, num_timepoints=40, num_classes=4)
    assert not [key for key in model.state_dict() if key.startswith("handmade")]
