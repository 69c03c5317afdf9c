"""Mixup and cutmix: of which two windows a window is made, and that the shares of activities say so."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import beta, kstest
from torch import Tensor

from har_core.settings.augmentation import AugmentationSettings
from har_core.training.data import SoftLabels
from har_core.training.mixing import draw_shares, make_mixing

NUM_CLASSES = 5
LABELS = torch.arange(60) % NUM_CLASSES
WINDOWS = LABELS[:, None, None].float().expand(-1, 40, 3).contiguous()
"""All samples of a window are its activity, so its samples tell what was mixed."""


def mixed(seed: int = 0, /, **strengths: float) -> tuple[Tensor, Tensor]:
    mix = make_mixing(AugmentationSettings(**strengths), num_classes=NUM_CLASSES)
    assert mix is not None
    torch.manual_seed(seed)
    return mix(WINDOWS, LABELS, None)[:2]


@pytest.mark.parametrize("strengths", [{"mixup": 0.4}, {"cutmix": 0.4}, {"mixup": 0.4, "cutmix": 0.4}])
def test_soft_labels_are_mixed_as_activities_are(strengths: dict[str, float]) -> None:
    mix = make_mixing(AugmentationSettings(**strengths), num_classes=NUM_CLASSES)
    assert mix is not None
    own = torch.eye(NUM_CLASSES)[LABELS]
    as_soft = SoftLabels(shares=own, temperature=1.0, weight=1.0, features=10 * own)
    torch.manual_seed(0)
    windows_NTC, targets_NK, soft = mix(WINDOWS, LABELS, as_soft)
    assert soft is not None
    assert torch.equal(soft.shares, targets_NK)
    torch.testing.assert_close(soft.features, 10 * targets_NK)
    without = mixed(**strengths)
    assert torch.equal(windows_NTC, without[0])
    assert torch.equal(targets_NK, without[1])


def test_nothing_is_mixed_unless_asked_for() -> None:
    assert make_mixing(AugmentationSettings(jitter=0.1), num_classes=NUM_CLASSES) is None


@pytest.mark.parametrize("strengths", [{"mixup": 0.4}, {"cutmix": 0.4}, {"mixup": 0.4, "cutmix": 0.4}])
def test_shares_are_those_of_the_samples(strengths: dict[str, float]) -> None:
    before = WINDOWS.clone()
    for seed in range(5):
        windows_NTC, targets_NK = mixed(seed, **strengths)
        assert targets_NK.dtype == torch.float32
        assert ((targets_NK > 0).sum(dim=1) <= 2).all()
        torch.testing.assert_close(targets_NK.sum(dim=1), torch.ones(60))
        expected_N = (targets_NK * torch.arange(NUM_CLASSES)).sum(dim=1)
        torch.testing.assert_close(windows_NTC.mean(dim=(1, 2)), expected_N, atol=1e-5, rtol=1e-5)
        assert len(set(targets_NK.amax(dim=1).tolist())) > 5  # each window has its own share
    assert torch.equal(WINDOWS, before)


def test_mixup_is_a_mean_and_cutmix_a_stretch() -> None:
    blended, _ = mixed(mixup=1.0)
    assert torch.equal(blended, blended[:, :1, :1].expand_as(blended))
    spliced, _ = mixed(cutmix=1.0)
    assert set(spliced.flatten().tolist()) == set(range(NUM_CLASSES))
    assert torch.equal(spliced, spliced[..., :1].expand_as(spliced))
    changes_N = (spliced[..., 0].diff(dim=1) != 0).sum(dim=1)
    assert set(changes_N.tolist()) == {0, 1, 2}


def test_a_large_strength_mixes_halves_and_a_small_one_nearly_nothing() -> None:
    _, halves = mixed(mixup=1000.0)
    assert 0.45 < halves.amax(dim=1).median() < 0.55
    whole = torch.cat([mixed(seed, mixup=0.01)[1] for seed in range(20)])  # 0.93 of many are expected
    assert (whole.amax(dim=1) > 0.999).float().mean() > 0.9
    for strength in (0.01, 1e-4):
        _, whole = mixed(mixup=strength)
        assert (whole.amax(dim=1) == 0.5).sum() == 0


@pytest.mark.parametrize("strength", [0.2, 1.0, 3.0])
def test_shares_are_drawn_from_the_beta_distribution(strength: float) -> None:
    torch.manual_seed(0)
    assert kstest(draw_shares(strength, 5000).numpy(), beta(strength, strength).cdf).pvalue > 0.01


def test_with_both_some_batches_are_blended_and_some_cut() -> None:
    ways = [bool((mixed(seed, mixup=1.0, cutmix=1.0)[0].diff(dim=1) != 0).any()) for seed in range(12)]
    assert set(ways) == {True, False}


def test_one_seed_gives_one_result() -> None:
    first, same, other = (mixed(seed, mixup=0.4, cutmix=0.4) for seed in (1, 1, 2))
    assert torch.equal(first[0], same[0])
    assert torch.equal(first[1], same[1])
    assert not torch.equal(first[0], other[0])
