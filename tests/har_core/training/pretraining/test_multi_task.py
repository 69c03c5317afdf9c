"""What is done to windows, and to which."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from trainings import Network

from har_core.training.augmentation import Layout
from har_core.training.pretraining import multi_task
from har_core.training.pretraining.heads import Encoder
from har_core.training.pretraining.multi_task import changed, changes_of, negate, permute, reverse, shuffle_channels

LAYOUT = Layout(triads=[(0, 1, 2)], units=[0, 0, 0, 0], mean=torch.zeros(4), standard_deviation=torch.ones(4))


def windows(num_channels: int = 4) -> torch.Tensor:
    return torch.arange(3 * 12 * num_channels, dtype=torch.float32).view(3, 12, num_channels) + 1


def test_there_are_eight_changes_and_fewer_where_axes_or_channels_are_missing() -> None:
    assert len(changes_of(LAYOUT)) == 8
    alone = Layout(triads=[], units=[0], mean=torch.zeros(1), standard_deviation=torch.ones(1))
    assert len(changes_of(alone)) == 6


@pytest.mark.parametrize("number", range(8))
def test_each_change_changes_the_windows_that_drew_it_alone(number: int) -> None:
    torch.manual_seed(1)
    x = windows()
    before = x.clone()
    made = changed(x, changes_of(LAYOUT), torch.tensor([-1, number, -1]))
    assert torch.equal(x, before)
    assert torch.equal(made[[0, 2]], x[[0, 2]])
    assert not torch.equal(made[1], x[1])
    assert made.isfinite().all()


@pytest.mark.parametrize("change", [permute, shuffle_channels, reverse])
@pytest.mark.parametrize("seed", range(30))
def test_another_order_is_never_the_same(change: Callable[[torch.Tensor], torch.Tensor], seed: int) -> None:
    torch.manual_seed(seed)
    x = windows(2)
    made = change(x)
    assert not torch.equal(made, x)
    assert torch.equal(made.flatten(1).sort().values, x.flatten(1).sort().values)


def test_what_is_done_twice_is_undone() -> None:
    x = windows()
    assert torch.equal(negate(negate(x)), x)
    assert torch.equal(reverse(reverse(x)), x)


def test_the_head_of_the_change_that_a_window_drew_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Knowing(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """The first head knows windows that were negated, the second those that were raised."""
            return 20 * torch.stack([x[:, 0, 0] < 0, x[:, 0, 0] > 5], dim=1).float() - 10

    class Seeing(Encoder):
        def forward(self, x_NTM: torch.Tensor) -> torch.Tensor:
            return x_NTM

    monkeypatch.setattr(multi_task, "changes_of", lambda _: [negate, lambda x: x + 10])
    learner = multi_task.MultiTask(Seeing(Network(), (5, 2)), layout=LAYOUT)
    learner.heads = Knowing()  # type: ignore[assignment]
    torch.manual_seed(0)
    loss = learner.training_loss(torch.ones(64, 5, 2), torch.zeros(64, 3), lambda *_: torch.zeros(()))
    assert loss < 0.001
