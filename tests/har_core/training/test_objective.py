"""Which loss training makes small."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from narrowing import present
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from har_core.settings.training import TrainingSettings
from har_core.training.data import SoftLabels
from har_core.training.objective import (
    Criterion,
    balanced_weights,
    l1_norm,
    make_criterion,
    matched,
    objective,
    taught,
)

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


LOGITS = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))


def criterion(**fields: Any) -> Criterion:
    return make_criterion(TrainingSettings(**fields), LABELS, num_classes=4)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_plain_loss_is_cross_entropy(smoothing: float) -> None:
    expected = cross_entropy(LOGITS, LABELS, label_smoothing=smoothing)
    assert torch.equal(criterion(label_smoothing=smoothing)(LOGITS, LABELS), expected)
    # Nearly no focal factor, so that the other way to compute it is taken.
    other_way = criterion(label_smoothing=smoothing, focal_gamma=1e-9)
    torch.testing.assert_close(other_way(LOGITS, LABELS), expected)
    torch.testing.assert_close(other_way(LOGITS, one_hot(LABELS, 4).float()), expected)


def test_balanced_weights_are_those_of_scikit_learn_and_nothing_for_absent_activities() -> None:
    weights = balanced_weights(LABELS, 4)
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 2]), y=LABELS.numpy())
    assert weights.tolist() == pytest.approx([*expected, 0.0])
    assert weights[LABELS].mean().item() == pytest.approx(1.0)


def test_with_class_weights_the_loss_is_the_mean_over_activities() -> None:
    of_windows = cross_entropy(LOGITS, LABELS, reduction="none")
    of_activities = torch.stack([of_windows[activity == LABELS].mean() for activity in range(3)])
    torch.testing.assert_close(criterion(class_weights="balanced")(LOGITS, LABELS), of_activities.mean())


def test_the_focal_factor_is_that_of_the_paper() -> None:
    probabilities = LOGITS.softmax(dim=1)[torch.arange(5), LABELS]
    expected = (-((1 - probabilities) ** 2.0) * probabilities.log()).mean()
    torch.testing.assert_close(criterion(focal_gamma=2.0)(LOGITS, LABELS), expected)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_the_focal_factor_of_a_window_that_is_quite_right_has_a_gradient(gamma: float) -> None:
    logits = torch.tensor([[100.0, 0.0, 0.0, 0.0]] * 2, requires_grad=True)
    criterion(focal_gamma=gamma)(logits, torch.tensor([0, 1])).backward()  # type: ignore[no-untyped-call]
    assert present(logits.grad).isfinite().all()
    assert present(logits.grad)[1, 0] > 0


def test_smoothed_and_weighted_the_best_answer_is_the_smoothed_one() -> None:
    weighted, rare = criterion(class_weights="balanced", label_smoothing=0.1), torch.tensor([0])
    best = (0.9 * one_hot(rare, 4) + 0.1 / 4).log().requires_grad_()
    weighted(best, rare).backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(best.grad, torch.zeros_like(best), atol=1e-6, rtol=0)
    focal = criterion(focal_gamma=2.0, label_smoothing=0.1)
    steps = [[[logit, 0.0, 0.0, 0.0]] for logit in torch.linspace(0, 8, 801).tolist()]
    losses = torch.stack([focal(torch.tensor(step), rare) for step in steps])
    assert torch.tensor(steps[int(losses.argmin())]).softmax(dim=1)[0, 0] > 0.8  # 0.925 without the focal factor


def test_shares_of_activities_share_the_loss() -> None:
    shares = torch.tensor([[0.25, 0.0, 0.75, 0.0]] * 5)
    smoothed = {"label_smoothing": 0.1, "focal_gamma": 2.0, "class_weights": "balanced"}
    for fields in ({"focal_gamma": 2.0}, {"class_weights": "balanced"}, {"label_smoothing": 0.0}, smoothed):
        ours = criterion(**fields)
        parts = [ours(LOGITS, torch.full((5,), activity)) for activity in (0, 2)]
        torch.testing.assert_close(ours(LOGITS, shares), 0.25 * parts[0] + 0.75 * parts[1])


def test_the_penalty_counts_weights_but_no_biases_and_norms() -> None:
    model = nn.Sequential(nn.Conv1d(2, 3, 5), nn.BatchNorm1d(3), nn.Linear(4, 2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(-0.5)
    assert l1_norm(model).item() == 0.5 * (2 * 3 * 5 + 4 * 2)


SHARES = torch.softmax(torch.randn(5, 4, generator=torch.Generator().manual_seed(2)), dim=1)


def test_a_teacher_counts_by_its_weight_and_the_squared_temperature() -> None:
    loss = taught(cross_entropy, SoftLabels(shares=SHARES, temperature=3.0, weight=0.25))(LOGITS, LABELS)
    answers = torch.softmax(LOGITS.double() / 3, dim=1)
    divergence = (SHARES * (SHARES.log() - answers.log())).sum(dim=1).mean()
    expected = 0.75 * cross_entropy(LOGITS, LABELS).double() + 0.25 * 9 * divergence
    torch.testing.assert_close(loss.double(), expected)


def test_nothing_is_left_to_learn_of_a_teacher_that_says_the_same() -> None:
    soft = SoftLabels(shares=torch.softmax(LOGITS / 2, dim=1), temperature=2.0, weight=1.0)
    logits = LOGITS.clone().requires_grad_()
    loss = taught(cross_entropy, soft)(logits, LABELS)
    torch.autograd.backward(loss)
    assert abs(loss.item()) < 1e-6
    assert present(logits.grad).abs().max() < 1e-6


def test_features_of_a_teacher_have_their_share_of_the_loss() -> None:
    class Matching(Plain):
        def mismatch(self, features_NF: Tensor) -> Tensor:
            return features_NF.mean()

    soft = SoftLabels(shares=SHARES, temperature=1.0, weight=0.5, features=torch.full((5, 7), 8.0), feature_weight=0.25)
    loss = torch.tensor(4.0)
    assert matched(loss, Matching(), soft) == 0.75 * 4 + 0.25 * 8
    assert matched(loss, Plain(), SoftLabels(shares=SHARES, temperature=1.0, weight=0.5)) is loss
