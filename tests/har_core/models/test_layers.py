"""The fast layers are PyTorch's own convolutions and batch norm in another order of memory."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch
from narrowing import present

from har_core.models import create_model

plain_networks = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "plain_networks.py"))
make_plain, CONVOLUTIONAL = plain_networks["make_plain"], plain_networks["CONVOLUTIONAL"]
LENGTHS = {"cnn": (125, 64, 37, 3), "shufflenet": (125, 64, 37, 3)}
"""Of timepoints: many for the layers of the first networks, an odd and an even one for what the others add."""
SIZES = {"num_channels": 5, "num_classes": 4, "base_width": 16}


@pytest.mark.parametrize(
    ("name", "num_timepoints"), [(name, length) for name in CONVOLUTIONAL for length in LENGTHS.get(name, (37, 32))]
)
def test_equal_to_the_plain_network(name: str, num_timepoints: int) -> None:
    torch.manual_seed(0)
    ours = create_model(name, num_timepoints=num_timepoints, **SIZES).double()
    plain = make_plain(name, **SIZES).double()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(torch.randn_like(parameter) / 10)  # some begin at zero
    plain.load_state_dict({key: t.view(plain.state_dict()[key].shape) for key, t in ours.state_dict().items()})
    x = torch.randn(6, num_timepoints, 5, dtype=torch.float64)
    x_ours, x_plain = x.clone().requires_grad_(), x.clone().requires_grad_()
    weight = torch.randn(6, 4, dtype=torch.float64)
    (ours(x_ours) * weight).sum().backward()
    (plain(x_plain) * weight).sum().backward()
    torch.testing.assert_close(x_ours.grad, x_plain.grad, rtol=1e-6, atol=1e-9)
    for key, their in plain.named_parameters():
        our = present(ours.get_parameter(key).grad)
        torch.testing.assert_close(our.view_as(their), their.grad, rtol=1e-6, atol=1e-9, msg=key)
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
