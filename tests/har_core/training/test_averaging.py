"""The running average of weights, beside the same average computed by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from har_core.training.averaging import averaged_model


def steps_of(model: nn.Module, num_steps: int) -> list[dict[str, torch.Tensor]]:
    """The state of ``model`` after each of some random steps."""
    states = []
    for _ in range(num_steps):
        model(torch.randn(8, 3) * 2 + 1)  # moves the running statistics
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        states.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
    return states


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_each_step_leaves_its_share_of_weights_and_running_statistics(decay: float) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average = averaged_model(model, decay)
    torch.manual_seed(1)
    states = []
    for _ in range(30):
        states += steps_of(model, 1)
        average.update_parameters(model)
    expected = {name: tensor.float().clone() for name, tensor in states[0].items()}
    for number, state in enumerate(states[1:], start=1):
        share = min(decay, (1 + number) / (10 + number))
        expected = {name: share * tensor + (1 - share) * state[name] for name, tensor in expected.items()}
    for name, tensor in average.module.state_dict().items():
        if name.endswith("num_batches_tracked"):
            assert tensor == states[-1][name] == 30
        else:
            torch.testing.assert_close(tensor, expected[name])
    assert not torch.allclose(average.module.get_buffer("1.running_var"), model.get_buffer("1.running_var"))


def test_what_stays_stays_to_the_last_bit() -> None:
    model = nn.BatchNorm1d(3)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([0.1, 1 / 3, 7e-9]))
    average = averaged_model(model, 0.9)
    for _ in range(20):
        average.update_parameters(model)
    assert torch.equal(average.module.get_parameter("weight"), model.weight)
