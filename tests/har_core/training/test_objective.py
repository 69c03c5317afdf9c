"""Which loss training makes small."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from har_core.settings.training import TrainingSettings
from har_core.training.objective import Criterion, balanced_weights, l1_norm, make_criterion, objective

X, LABELS = torch.randn(5, 4, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 2, 1, 2, 0])


class Plain(nn.Module):
    def forward(self, x_NTC: Tensor) -> Tensor:
        return torch.cat([x_NTC.mean(dim=1), x_NTC[:, 0, :1]], dim=1)


class WithOwnLoss(Plain):
    def training_loss(self, x_NTC: Tensor, targets_NK: Tensor, criterion: Criterion) -> Tensor:
        assert targets_NK.dtype == torch.float32
        return 3 * criterion(self(x_NTC), targets_NK)


def test_the_loss_is_that_of_the_logits() -> None:
    logits = Plain()(X)
    shares = torch.tensor([[0.5, 0.5, 0.0]] * 5)
    assert torch.equal(objective(Plain(), X, LABELS, cross_entropy, num_classes=3), cross_entropy(logits, LABELS))
    assert torch.equal(objective(Plain(), X, shares, cross_entropy, num_classes=3), cross_entropy(logits, shares))


def test_a_network_may_bring_its_own() -> None:
    plain = objective(Plain(), X, LABELS, cross_entropy, num_classes=3)
    torch.testing.assert_close(objective(WithOwnLoss(), X, LABELS, cross_entropy, num_classes=3), 3 * plain)


def test_logits_of_half_precision_count_in_full() -> None:
    def criterion(logits: Tensor, targets: Tensor) -> Tensor:
        assert logits.dtype == torch.float32
        return cross_entropy(logits, targets)

    assert objective(Plain(), X.bfloat16(), LABELS, criterion, num_classes=3).dtype == torch.float32
