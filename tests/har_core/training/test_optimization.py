"""The learning rate as a function of the step, and the optimizers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from narrowing import present
from torch import nn

from har_core.settings.training import TrainingSettings
from har_core.training.optimization import learning_rate_at, make_optimizers, set_learning_rate

STEPS_PER_EPOCH = 10


def rates(**fields: Any) -> list[float]:
    settings = TrainingSettings(learning_rate=1.0, **fields)
    return [learning_rate_at(step, STEPS_PER_EPOCH, settings) for step in range(settings.epochs * STEPS_PER_EPOCH)]


def test_step_halves_each_third_of_the_epochs() -> None:
    assert rates(epochs=9)[:: 3 * STEPS_PER_EPOCH] == [1.0, 0.5, 0.25]
    assert rates(epochs=9)[29:31] == [1.0, 0.5]
    assert [rates(epochs=4)[epoch * STEPS_PER_EPOCH] for epoch in range(4)] == [1.0, 1.0, 0.5, 0.25]


def test_step_agrees_with_pytorch() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    theirs = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)
    ours = rates(epochs=30)[::STEPS_PER_EPOCH]
    for rate in ours:
        assert rate == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


def test_one_cycle_agrees_with_pytorch() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1.0, total_steps=101, pct_start=0.3, cycle_momentum=False
    )
    expected = []
    for _ in range(100):
        expected.append(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()
    ours = rates(epochs=10, schedule="one_cycle")
    assert ours[0] == pytest.approx(1 / 25)
    assert max(ours) == ours[30] == 1.0
    assert ours[-1] == pytest.approx(1e-4 / 25)
    torch.testing.assert_close(torch.tensor(ours), torch.tensor(expected), rtol=0, atol=0.04)


def test_warm_up_rises_in_each_step() -> None:
    ours = rates(epochs=4, schedule="constant", warmup_epochs=1.5)
    assert ours[:15] == pytest.approx([(step + 1) / 15 for step in range(15)])
    assert set(ours[15:]) == {1.0}
    assert rates(epochs=4, schedule="one_cycle", warmup_epochs=2.0).index(1.0) == 20


def test_cosine_falls_to_nearly_nothing() -> None:
    ours = rates(epochs=10, schedule="cosine", warmup_epochs=1.0)
    assert ours[9] == ours[10] == 1.0
    assert ours[10:] == sorted(ours[10:], reverse=True)
    assert ours[55] == pytest.approx(0.5)
    assert 0 < ours[-1] < 0.001


@given(
    epochs=st.integers(1, 40),
    schedule=st.sampled_from(["constant", "step", "cosine", "one_cycle", "plateau"]),
    warmup_epochs=st.floats(0, 60),
    steps=st.integers(1, 7),
    learning_rate=st.floats(1e-6, 1.0),
)
def test_every_step_has_a_positive_rate_up_to_the_peak(
    epochs: int, schedule: Any, warmup_epochs: float, steps: int, learning_rate: float
) -> None:
    settings = TrainingSettings(
        epochs=epochs, schedule=schedule, warmup_epochs=warmup_epochs, learning_rate=learning_rate
    )
    for step in range(epochs * steps):
        assert 0 < learning_rate_at(step, steps, settings) <= learning_rate * (1 + 1e-9)


def test_plateau_falls_where_the_score_stands_still() -> None:
    settings = TrainingSettings(learning_rate=1.0, schedule="plateau", plateau_patience=2, step_decay=0.5)
    scores = [0.5, 0.7, 0.7, 0.6, 0.6, 0.6, 0.8, 0.7]
    ours = [learning_rate_at(9, 1, settings, scores[:epoch]) for epoch in range(len(scores) + 1)]
    assert ours == [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25]
    warm = settings.model_copy(update={"warmup_epochs": 2.0})
    assert learning_rate_at(0, 1, warm, scores) == 0.5
    assert learning_rate_at(6, 1, warm, [0.7] * 4) == 1.0  # the first two are of the warm-up
    assert learning_rate_at(6, 1, warm, [0.7] * 5) == 0.5


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_optimizers_carry_the_settings(name: Any, kind: type[torch.optim.Optimizer]) -> None:
    settings = TrainingSettings(
        optimizer=name, learning_rate=0.25, weight_decay=0.125, momentum=0.5, nesterov=name == "sgd"
    )
    (optimizer,) = optimizers = make_optimizers(torch.nn.Linear(2, 2), settings)
    assert type(optimizer) is kind
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.25, 0.125)
    assert (group.get("momentum", 0.5), group.get("nesterov", True)) == (0.5, True)
    set_learning_rate(optimizers, 0.5)
    assert group["lr"] == 0.5


def network() -> nn.Sequential:
    """A convolution, a depthwise one, a norm and a linear layer, with a gradient."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv1d(3, 4, 5), nn.Conv1d(4, 4, 3, groups=4), nn.BatchNorm1d(4), nn.Flatten(), nn.Linear(4 * 4, 2)
    )
    torch.autograd.backward(model(torch.randn(6, 3, 10)).square().sum())
    return model


def test_muon_moves_matrices_and_adamw_the_rest() -> None:
    settings = TrainingSettings(optimizer="muon", learning_rate=0.25, weight_decay=0.0, momentum=0.5)
    before, model = network(), network()
    optimizers = make_optimizers(model, settings)
    assert [type(optimizer) for optimizer in optimizers] == [torch.optim.Muon, torch.optim.AdamW]
    model.zero_grad(set_to_none=True)
    torch.autograd.backward(model(torch.randn(6, 3, 10)).square().sum())
    with torch.no_grad():
        for parameter in model.parameters():
            present(parameter.grad).mul_(1e-3)  # as clipping does: Muon must see it, or its own gradient is another one
    muon = optimizers[0]
    shapes = [tuple(parameter.shape) for parameter in muon.param_groups[0]["params"]]
    assert shapes == [(4, 15), (2, 16)]
    names = ("0.weight", "4.weight")
    for flat, name in zip(muon.param_groups[0]["params"], names, strict=True):
        assert torch.equal(flat.grad, present(model.get_parameter(name).grad).view_as(flat))
    for optimizer in optimizers:
        optimizer.step()
    step = (before.get_parameter(names[0]) - model.get_parameter(names[0])).detach().flatten(1)
    # All directions are moved along about as far: singular values of an orthogonal matrix, within Muon's tolerance.
    values = torch.linalg.svdvals(step) / (0.25 * 0.2 * 15**0.5)
    assert values.min() > 0.6
    assert values.max() < 1.3
    for old, new in zip(before.parameters(), model.parameters(), strict=True):
        assert not torch.equal(old, new)


def test_muon_leaves_what_is_no_layer_to_adamw() -> None:
    block = nn.Module()
    block.positions = nn.Parameter(torch.zeros(5, 4))
    muon, adamw = make_optimizers(nn.Sequential(nn.Linear(3, 2), block), TrainingSettings(optimizer="muon"))
    assert [tuple(parameter.shape) for parameter in muon.param_groups[0]["params"]] == [(2, 3)]
    assert [tuple(parameter.shape) for parameter in adamw.param_groups[0]["params"]] == [(2,), (5, 4)]


def test_muon_without_a_matrix_is_adamw() -> None:
    (optimizer,) = make_optimizers(torch.nn.BatchNorm1d(3), TrainingSettings(optimizer="muon"))
    assert type(optimizer) is torch.optim.AdamW
