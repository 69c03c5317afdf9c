"""Convolutions over images of one row are PyTorch's own in one dimension, in another order of memory."""

from __future__ import annotations

import pytest
import torch
from narrowing import present
from torch import nn
from torch.nn import functional

from har_core.models.layers.temporal import ConvNorm, TimeConv, to_image


def test_a_window_becomes_an_image_without_a_copy() -> None:
    x_NTC = torch.randn(2, 20, 3)
    x_NC1T = to_image(x_NTC)
    assert x_NC1T.shape == (2, 3, 1, 20)
    assert x_NC1T.data_ptr() == x_NTC.data_ptr()
    assert x_NC1T.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("kernel_size", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2), (7, 2), (8, 1), (40, 1)])
@pytest.mark.parametrize("num_timepoints", [20, 33])
def test_equal_to_convolution_and_batch_norm_in_one_dimension(
    kernel_size: int, stride: int, num_timepoints: int
) -> None:
    torch.manual_seed(0)
    ours = ConvNorm(3, 5, kernel_size, stride=stride).double()
    conv, norm = nn.Conv1d(3, 5, kernel_size, stride=stride, bias=False).double(), nn.BatchNorm1d(5).double()
    assert isinstance(ours[0], TimeConv)
    conv.weight.data = ours[0].weight.detach().squeeze(2)
    x = torch.randn(4, num_timepoints, 3, dtype=torch.float64)
    x_ours, x_plain = x.clone().requires_grad_(), x.clone().requires_grad_()
    y_ours = ours(to_image(x_ours))
    margins = ((kernel_size - 1) // 2, kernel_size // 2)
    y_plain = norm(conv(functional.pad(x_plain.transpose(1, 2), margins)))
    assert y_ours.shape[-1] == -(-num_timepoints // stride)
    torch.testing.assert_close(y_ours.squeeze(2), y_plain)
    weight = torch.randn_like(y_plain)
    (y_ours.squeeze(2) * weight).sum().backward()
    (y_plain * weight).sum().backward()
    torch.testing.assert_close(x_ours.grad, x_plain.grad)
    torch.testing.assert_close(present(ours[0].weight.grad).squeeze(2), conv.weight.grad)
