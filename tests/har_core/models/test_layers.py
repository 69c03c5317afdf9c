"""The fast layers are PyTorch's own convolutions and batch norm in another order of memory."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch
from narrowing import present

from har_core.models import create_model

make_plain = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "plain_networks.py"))["make_plain"]
CONVOLUTIONAL = ["cnn", "resnet", "shufflenet"]
SIZES = {"num_channels": 5, "num_classes": 4, "base_width": 16}


@pytest.mark.parametrize("num_timepoints", [125, 64, 37, 3])
@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_equal_to_the_plain_network(name: str, num_timepoints: int) -> None:
    torch.manual_seed(0)
    ours = create_model(name, num_timepoints=num_timepoints, **SIZES).double()
    plain = make_plain(name, **SIZES).double()
    plain.load_state_dict({key: t.view(plain.state_dict()[key].shape) for key, t in ours.state_dict().items()})
    x = torch.randn(6, num_timepoints, 5, dtype=torch.float64)
    x_ours, x_plain = x.clone().requires_grad_(), x.clone().requires_grad_()
    weight = torch.randn(6, 4, dtype=torch.float64)
    (ours(x_ours) * weight).sum().backward()
    (plain(x_plain) * weight).sum().backward()
    torch.testing.assert_close(x_ours.grad, x_plain.grad, rtol=1e-6, atol=1e-9)
    for (key, our), (_, their) in zip(ours.named_parameters(), plain.named_parameters(), strict=True):
        torch.testing.assert_close(present(our.grad).view_as(their), their.grad, rtol=1e-6, atol=1e-9, msg=key)
    for key, buffer in plain.named_buffers():
        torch.testing.assert_close(ours.get_buffer(key), buffer, rtol=1e-6, atol=1e-9, msg=key)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(x), plain.eval()(x), rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(ours.float()(x.float()), plain.float()(x.float()), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_bf16_stays_near_fp32(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(name, num_timepoints=125, **SIZES)
    x = torch.randn(8, 125, 5)
    full = model(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(x)
    assert half.dtype == torch.bfloat16
    assert (half.float() - full).abs().max() < 0.05 * full.abs().max()
