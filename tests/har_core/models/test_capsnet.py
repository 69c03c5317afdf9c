"""CapsNet: squashing, routing by agreement, margin loss, and logits that follow the lengths."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from har_core.base.errors import InputError
from har_core.models import create_model
from har_core.models.capsnet import CapsNet, margin_loss, route, squash
from har_core.training.objective import objective

SIZES = {"num_channels": 6, "num_timepoints": 40, "num_classes": 4}


def make(reconstruction_weight: float = 0.0) -> CapsNet:
    torch.manual_seed(0)
    model = create_model("capsnet", **SIZES, width=16, reconstruction_weight=reconstruction_weight)
    assert isinstance(model, CapsNet)
    return model


def test_squashing_keeps_the_direction_and_shortens() -> None:
    squashed = squash(torch.tensor([[3.0, 4.0], [0.0, 0.1], [0.0, 0.0]]))
    torch.testing.assert_close(squashed[0], torch.tensor([0.6, 0.8]) * 25 / 26)
    torch.testing.assert_close(squashed[1], torch.tensor([0.0, 1.0]) * 0.01 / 1.01, rtol=1e-4, atol=1e-6)
    assert not squashed[2].any()


def test_weights_of_routing_add_up_to_one_and_start_equal() -> None:
    told_NKIO = torch.randn(3, 4, 5, 2, generator=torch.Generator().manual_seed(0))
    s_NKO, weights_NKI = route(told_NKIO, 1)
    torch.testing.assert_close(weights_NKI, torch.full((3, 4, 5), 0.25))
    torch.testing.assert_close(s_NKO, told_NKIO.sum(dim=2) / 4)
    _, weights_NKI = route(told_NKIO, 3)
    torch.testing.assert_close(weights_NKI.sum(dim=1), torch.ones(3, 5))
    assert weights_NKI.std() > 0.01


def test_a_step_of_routing_is_that_of_the_paper() -> None:
    told_NKIO = torch.randn(1, 2, 3, 2, generator=torch.Generator().manual_seed(0))
    agreement = torch.zeros(2, 3)
    for _ in range(2):  # procedure 1, capsule by capsule
        shares = agreement.softmax(dim=0)
        v = [squash(sum((shares[k, i] * told_NKIO[0, k, i] for i in range(3)), torch.zeros(2))) for k in range(2)]
        agreement = agreement + torch.tensor([[float(told_NKIO[0, k, i] @ v[k]) for i in range(3)] for k in range(2)])
    torch.testing.assert_close(route(told_NKIO, 3)[1][0], agreement.softmax(dim=0))


def test_a_capsule_that_disagrees_turns_elsewhere() -> None:
    told_NKIO = torch.zeros(1, 2, 5, 2)
    told_NKIO[0, 0, :, 0] = 1.0
    told_NKIO[0, 0, 4, 0] = -1.0  # four say this of the first activity, one the opposite
    _, weights_NKI = route(told_NKIO, 3)
    assert (weights_NKI[0, 0, :4] > 0.6).all()
    assert weights_NKI[0, 0, 4] < 0.4


def test_logits_are_log_odds_of_the_lengths() -> None:
    model, x = make().eval(), torch.randn(5, 40, 6)
    with torch.inference_mode():
        logits_NK, lengths_NK = model(x), model.class_capsules(x)[0].norm(dim=-1)
    torch.testing.assert_close(logits_NK.sigmoid(), lengths_NK, rtol=1e-3, atol=1e-5)
    assert torch.equal(logits_NK.softmax(dim=1).argsort(dim=1), lengths_NK.argsort(dim=1))


def test_capsules_of_zeros_have_finite_logits_and_derivatives() -> None:
    model = make()
    torch.nn.init.zeros_(model.predictions)
    x = torch.randn(2, 40, 6, requires_grad=True)
    logits_NK = model(x)
    torch.autograd.backward(logits_NK.sum())
    assert logits_NK.isfinite().all()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in model.parameters())


def test_margin_loss_of_a_mixture_is_the_mixture_of_the_losses() -> None:
    lengths_NK = torch.tensor([[0.5, 0.3, 0.05], [0.95, 0.0, 0.1]])
    hard_NK = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    assert margin_loss(lengths_NK, hard_NK).item() == pytest.approx((0.4**2 + 0.5 * 0.2**2) / 2, rel=1e-5)
    other_NK = hard_NK[:, [1, 0, 2]]
    expected = 0.3 * margin_loss(lengths_NK, hard_NK) + 0.7 * margin_loss(lengths_NK, other_NK)
    torch.testing.assert_close(margin_loss(lengths_NK, 0.3 * hard_NK + 0.7 * other_NK), expected)


def loss_of(model: CapsNet, x: Tensor, labels: Tensor) -> Tensor:
    return objective(model, x, labels, cross_entropy, num_classes=4)


def test_training_minds_the_lengths_and_not_the_criterion() -> None:
    model, x, labels = make(), torch.randn(4, 40, 6), torch.arange(4)
    lengths_NK = model.class_capsules(x)[0].norm(dim=-1)
    torch.testing.assert_close(
        loss_of(model, x, labels), margin_loss(lengths_NK, one_hot(labels, 4).float()), rtol=1e-3, atol=1e-5
    )


def test_reconstruction_is_off_by_default_and_trains_its_decoder() -> None:
    assert not hasattr(make(), "decoder")
    model, x, labels = make(reconstruction_weight=0.4), torch.randn(4, 40, 6), torch.arange(4)
    plain = make(reconstruction_weight=0.4)
    plain.reconstruction_weight = 0.0
    loss = loss_of(model, x, labels)
    assert loss.item() > loss_of(plain, x, labels).item() + 0.1  # an untrained decoder misses by the variance, about 1
    torch.autograd.backward(loss)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    with pytest.raises(InputError, match="reconstruction_weight"):
        make(reconstruction_weight=-1.0)


def test_routing_stays_in_float32_within_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = make().eval(), torch.randn(4, 40, 6)
    seen = []

    def watched(told_NKIO: Tensor, num_routings: int) -> tuple[Tensor, Tensor]:
        seen.append((told_NKIO.dtype, (told_NKIO @ told_NKIO.mT).dtype))
        return route(told_NKIO, num_routings)

    monkeypatch.setattr("har_core.models.capsnet.route", watched)
    full = model(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(x)
    assert seen == [(torch.float32, torch.float32)] * 2
    assert half.dtype == torch.float32
    assert math.isclose((half - full).abs().max().item(), 0, abs_tol=0.3)
