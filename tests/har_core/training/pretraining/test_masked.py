"""What is masked, and what the loss looks at."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from trainings import Network

from har_core.training.pretraining.heads import Encoder
from har_core.training.pretraining.masked import Masked, masked_timepoints


@given(num_timepoints=st.integers(1, 60), share=st.floats(0.01, 0.99), seed=st.integers(0, 9))
def test_as_many_timepoints_are_masked_in_each_window(num_timepoints: int, share: float, seed: int) -> None:
    torch.manual_seed(seed)
    masked = masked_timepoints(7, num_timepoints, share)
    assert masked.shape == (7, num_timepoints)
    assert set(masked.sum(dim=1).tolist()) == {max(1, round(share * num_timepoints))}


def test_every_timepoint_is_masked_as_often() -> None:
    torch.manual_seed(0)
    shares = masked_timepoints(20_000, 10, 0.3).float().mean(dim=0)
    torch.testing.assert_close(shares, torch.full((10,), 0.3), rtol=0, atol=0.02)


def test_the_loss_is_of_what_the_network_is_not_shown() -> None:
    class Looking(Network):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            shown.append(x)
            return super().forward(x)

    shown: list[torch.Tensor] = []
    learner = Masked(Encoder(Looking(), (5, 2)), num_timepoints=5, num_channels=2, share=0.4)
    for parameter in learner.decoder.parameters():
        nn.init.zeros_(parameter)  # it says zero of everything
    x = torch.randn(6, 5, 2)
    loss = learner.training_loss(x, torch.zeros(6, 3), lambda *_: torch.zeros(()))
    hidden = (shown[-1] == 0).all(dim=2)
    assert hidden.sum(dim=1).tolist() == [2] * 6
    assert torch.equal(shown[-1][~hidden], x[~hidden])
    torch.testing.assert_close(loss, x[hidden].square().mean())
