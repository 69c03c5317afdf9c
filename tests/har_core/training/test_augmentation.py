"""Each change does what its setting says, to the channels it should, and nothing else."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from narrowing import present
from torch import Tensor

from har_core.settings.augmentation import AugmentationSettings
from har_core.training.augmentation import Layout, curves, make_augmentation, rotation_matrices

SENSORS = [[(0, 1, 2), (3, 4, 5)], [(6, 7, 8), (9, 10, 11)]]
"""Of two units; channel 12 is the only one of a third."""
UNITS = [list(range(6)), list(range(6, 12)), [12]]
LAYOUT = Layout(
    triads=[triad for unit in SENSORS for triad in unit],
    units=[0] * 6 + [1] * 6 + [2],
    mean=torch.linspace(-3, 3, 13) + 0.1,
    standard_deviation=torch.linspace(0.5, 2, 13),
)
STRENGTHS: dict[str, float] = {
    "rotation_degrees": 40.0,
    "scaling": 0.3,
    "magnitude_warp": 0.3,
    "time_warp": 0.3,
    "crop": 0.5,
    "time_shift": 0.5,
    "jitter": 0.1,
    "channel_dropout": 0.4,
    "unit_dropout": 0.4,
    "blanking": 0.6,
    "holding": 0.6,
}


def raw(windows: Tensor) -> Tensor:
    return LAYOUT.to_sensor_units(windows)


def augmented(windows: Tensor, seed: int = 0, /, **strengths: float) -> Tensor:
    change = make_augmentation(AugmentationSettings(**strengths), LAYOUT)
    assert change is not None
    torch.manual_seed(seed)
    return change(windows)


@pytest.fixture
def windows() -> Tensor:
    return torch.randn(40, 20, 13, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def ramps() -> Tensor:
    """Windows whose samples are their own time, from 0 to 1, in all channels."""
    return torch.linspace(0, 1, 51).view(1, -1, 1).expand(200, -1, 13).contiguous()


def test_nothing_is_asked_for_and_nothing_is_made() -> None:
    assert make_augmentation(AugmentationSettings(longest_gap=0.5, mixup=0.3), LAYOUT) is None


def test_every_strength_is_tested_here() -> None:
    others = {"longest_gap", "mixup", "cutmix"}  # the last two in test_mixing.py
    assert set(STRENGTHS) | others == set(AugmentationSettings.model_fields)


@pytest.mark.parametrize("name", STRENGTHS)
def test_one_seed_gives_one_result_and_the_input_stays(windows: Tensor, name: str) -> None:
    before = windows.clone()
    first, same, other = (augmented(windows, seed, **{name: STRENGTHS[name]}) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert torch.equal(windows, before)
    assert first.shape == windows.shape
    assert first.dtype == torch.float32
    assert first.isfinite().all()


@pytest.mark.parametrize("name", STRENGTHS)
def test_a_little_changes_little_and_more_changes_more(windows: Tensor, name: str) -> None:
    strengths = [STRENGTHS[name] * share for share in (1e-6, 0.3, 1.0)]
    least, some, much = (
        (augmented(windows, **{name: strength}) - windows).abs().mean().item() for strength in strengths
    )
    assert least < 1e-4
    assert 2 * least < some
    assert some < much


@pytest.mark.parametrize("name", STRENGTHS)
@pytest.mark.parametrize("shape", [(1, 1, 13), (2, 2, 13)])
def test_short_windows_are_changed_too(name: str, shape: tuple[int, int, int]) -> None:
    assert augmented(torch.randn(shape), **{name: STRENGTHS[name]}).isfinite().all()


def test_all_together_and_one_channel_alone(windows: Tensor) -> None:
    assert augmented(windows, **STRENGTHS).isfinite().all()
    layout = Layout(triads=[], units=[0], mean=torch.zeros(1), standard_deviation=torch.ones(1))
    alone = make_augmentation(AugmentationSettings(**STRENGTHS), layout)
    assert alone is not None
    assert alone(windows[..., :1]).shape == (40, 20, 1)


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    matrix = rotation_matrices(torch.tensor([0.0, 0.0, 2.0]), torch.tensor(math.pi / 2))
    torch.testing.assert_close(matrix @ torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]))


def test_rotation_keeps_lengths_and_angles_between_sensors_of_a_unit(windows: Tensor) -> None:
    before, after = raw(windows), raw(augmented(windows, rotation_degrees=40.0))
    assert not torch.allclose(before[..., :12], after[..., :12], atol=0.1)
    for first, second in SENSORS:
        for a, b in [(first, first), (first, second), (second, second)]:
            products = [(x[..., list(a)] * x[..., list(b)]).sum(-1) for x in (before, after)]
            torch.testing.assert_close(*products, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(after[..., 12], before[..., 12])


def test_rotation_turns_a_window_as_a_whole_and_units_apart(windows: Tensor) -> None:
    after = raw(augmented(windows, rotation_degrees=40.0))
    solved = [
        torch.linalg.lstsq(raw(windows)[n][:, list(unit[0])], after[n][:, list(unit[0])]).solution
        for n in range(2)
        for unit in SENSORS
    ]
    for matrix in solved:
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(3), atol=1e-4, rtol=0)
    for index, matrix in enumerate(solved):
        assert all(not torch.allclose(matrix, other, atol=0.05) for other in solved[index + 1 :])


def factors(windows: Tensor, **strengths: float) -> Tensor:
    """By what each sample was multiplied, in sensor units: (N, T, C)."""
    return raw(augmented(windows, **strengths)) / raw(windows)


def test_scaling_multiplies_each_sensor_of_a_window_by_one_factor() -> None:
    windows = torch.zeros(400, 20, 13)  # the mean of each channel, far from the zero of the sensor
    found_NTC = factors(windows, scaling=0.1)
    torch.testing.assert_close(found_NTC, found_NTC[:, :1].expand_as(found_NTC))
    for triad in LAYOUT.triads:
        torch.testing.assert_close(found_NTC[..., list(triad)], found_NTC[..., triad[:1]].expand(-1, -1, 3))
    logarithms = found_NTC[:, 0, [0, 3, 6, 9, 12]].log()
    assert torch.corrcoef(logarithms.T).fill_diagonal_(0).abs().max() < 0.2
    assert logarithms.std().item() == pytest.approx(0.1, rel=0.1)


def test_magnitude_warp_drifts_smoothly_and_turns_no_direction() -> None:
    found_NTC = factors(torch.zeros(400, 50, 13), magnitude_warp=0.1)
    for triad in LAYOUT.triads:
        torch.testing.assert_close(found_NTC[..., list(triad)], found_NTC[..., triad[:1]].expand(-1, -1, 3))
    logarithms_NTS = found_NTC[..., [0, 3, 6, 9, 12]].log()
    assert logarithms_NTS[:, 0].std().item() == pytest.approx(0.1, rel=0.1)
    assert (logarithms_NTS[:, 0] - logarithms_NTS[:, -1]).std() > 0.1
    assert logarithms_NTS.diff(dim=1).abs().mean() < 0.02  # from one sample to the next; independent ones: 0.11


def test_curves_pass_through_their_knots() -> None:
    knots_NKC = torch.randn(3, 6, 2)
    torch.testing.assert_close(curves(knots_NKC, 51)[:, ::10], knots_NKC, atol=1e-5, rtol=1e-5)


def test_time_warp_keeps_the_ends_and_the_order(ramps: Tensor) -> None:
    warped = augmented(ramps, time_warp=0.3)
    torch.testing.assert_close(warped[:, 0], ramps[:, 0])
    torch.testing.assert_close(warped[:, -1], ramps[:, -1])
    assert (warped.diff(dim=1) > 0).all()
    speeds_NT = warped[..., 0].diff(dim=1) * 50
    assert 0.15 < speeds_NT[:, 25].log().std().item() < 0.45


def test_crop_resizes_a_stretch_to_the_whole_window(ramps: Tensor) -> None:
    cropped = augmented(ramps, crop=0.5)
    steps_NT = cropped[..., 0].diff(dim=1) * 50
    torch.testing.assert_close(steps_NT, steps_NT[:, :1].expand_as(steps_NT), atol=1e-3, rtol=0)  # one speed
    kept_N = cropped[:, -1, 0] - cropped[:, 0, 0]
    assert 0.5 <= kept_N.min() < 0.55
    assert 0.95 < kept_N.max() <= 1.0
    first_N, last_N = cropped[:, 0, 0], cropped[:, -1, 0]
    assert 0.0 <= first_N.min() < 0.02
    assert first_N.max() > 0.3
    assert last_N.min() < 0.7
    assert 0.98 < last_N.max() <= 1.0


def test_time_shift_moves_whole_samples_around(windows: Tensor) -> None:
    shifted = augmented(windows, time_shift=0.25)
    found = set()
    for before, after in zip(windows, shifted, strict=True):
        (steps,) = (steps for steps in range(-5, 6) if torch.equal(before.roll(steps, dims=0), after))
        found.add(steps)
    assert min(found) < -3
    assert max(found) > 3


def test_moves_along_time_together_are_one_after_the_other(ramps: Tensor) -> None:
    moved = augmented(ramps, crop=0.3, time_shift=0.5, time_warp=0.2)[..., 0]
    falls = (moved.diff(dim=1) < 0).sum(dim=1)
    assert falls.max() == 1  # where the shift has joined the ends
    assert ((moved.amax(dim=1) - moved.amin(dim=1)) > 0.69).all()


def test_jitter_is_noise_of_the_strength_on_every_sample(windows: Tensor) -> None:
    noise = augmented(windows, jitter=0.1) - windows
    assert noise.std().item() == pytest.approx(0.1, rel=0.05)
    assert torch.corrcoef(noise.flatten(0, 1).T).fill_diagonal_(0).abs().max() < 0.2


def test_channel_dropout_leaves_the_mean_for_the_whole_window() -> None:
    windows = torch.ones(1000, 4, 13)
    after = augmented(windows, channel_dropout=0.2)
    assert set(after.flatten().tolist()) == {0.0, 1.0}
    assert torch.equal(after, after[:, :1].expand_as(after))
    assert (after == 0).float().mean().item() == pytest.approx(0.2, abs=0.02)


def zero_in_sensor_units(windows: Tensor) -> Tensor:
    return raw(windows).abs() < 1e-5


def test_a_lost_unit_holds_zeros_as_recordings_do() -> None:
    windows = torch.ones(1000, 4, 13)
    after = augmented(windows, unit_dropout=0.2)
    lost_NTC = zero_in_sensor_units(after)
    assert torch.equal(after[~lost_NTC], windows[~lost_NTC])
    for unit in UNITS:
        lost_N = lost_NTC[:, 0, unit[0]]
        assert torch.equal(lost_NTC[..., unit], lost_N[:, None, None].expand(-1, 4, len(unit)))
        assert lost_N.float().mean().item() == pytest.approx(0.2, abs=0.04)


@pytest.mark.parametrize("name", ["channel_dropout", "unit_dropout"])
def test_something_is_always_left(name: str) -> None:
    after = augmented(torch.ones(2000, 1, 13), **{name: 0.9})
    assert ((after == 1).any(dim=2)).all()
    num_parts = {"channel_dropout": 13, "unit_dropout": len(UNITS)}[name]
    expected = 0.9 - 0.9**num_parts / num_parts
    lost = (after != 1)[:, 0, [unit[0] for unit in UNITS]]
    assert lost.float().mean().item() == pytest.approx(expected, abs=0.02)


def test_a_unit_that_is_seen_alone_is_never_lost() -> None:
    layout = Layout(triads=[], units=[4, 4], mean=torch.ones(2), standard_deviation=torch.ones(2))
    change = present(make_augmentation(AugmentationSettings(unit_dropout=0.9), layout))
    assert torch.equal(change(torch.ones(50, 4, 2)), torch.ones(50, 4, 2))


def runs(lost_T: Tensor) -> int:
    return int(lost_T[0]) + int((lost_T.int().diff() == 1).sum())


def test_blanking_puts_zeros_of_the_sensor_into_one_stretch_of_a_unit() -> None:
    windows = torch.ones(500, 20, 13)
    after = augmented(windows, blanking=0.4, longest_gap=0.25)
    lost_NTC = zero_in_sensor_units(after)
    assert torch.equal(after[~lost_NTC], windows[~lost_NTC])
    for unit in UNITS:
        lost_NT = lost_NTC[..., unit[0]]
        assert torch.equal(lost_NTC[..., unit], lost_NT[..., None].expand(-1, -1, len(unit)))
        assert max(runs(lost_T) for lost_T in lost_NT) == 1
        assert set(lost_NT.sum(dim=1).tolist()) == set(range(6))
        assert lost_NT.any(dim=1).float().mean().item() == pytest.approx(0.4, abs=0.07)
    assert lost_NTC[..., 0].any(dim=0).all()  # at any place
    assert not torch.equal(lost_NTC[..., 0], lost_NTC[..., 6])


def test_holding_repeats_the_sample_before_a_stretch(windows: Tensor) -> None:
    after = augmented(windows, holding=0.8, longest_gap=0.25)
    held_NTC = after != windows
    for unit in UNITS:
        held_NT = held_NTC[..., unit].all(dim=2)
        assert torch.equal(held_NTC[..., unit].any(dim=2), held_NT)
        for before, changed, held in zip(windows[..., unit], after[..., unit], held_NT, strict=True):
            places = held.nonzero().flatten().tolist()
            for place in places:
                assert torch.equal(changed[place], before[max(places[0] - 1, 0)])
    assert held_NTC.any(dim=1).float().mean() > 0.5
    short = augmented(windows, holding=1.0, longest_gap=0.05)  # one sample, changed unless it is the first
    assert ((short != windows).any(dim=2).sum(dim=1) > 0).float().mean() > 0.9


def test_a_stretch_may_be_anywhere_and_of_one_sample() -> None:
    lost_NT = zero_in_sensor_units(augmented(torch.ones(2000, 4, 13), blanking=1.0, longest_gap=0.5))[..., 0]
    assert set(lost_NT.sum(dim=1).tolist()) == {1, 2}
    first_N = lost_NT.int().argmax(dim=1)
    assert set(first_N.tolist()) == set(range(4))


def test_changes_follow_each_other() -> None:
    both: dict[str, Any] = {"blanking": 0.9, "scaling": 0.5, "jitter": 0.5, "longest_gap": 0.5}
    after = augmented(torch.ones(50, 20, 13), **both)
    assert zero_in_sensor_units(after).float().mean() > 0.1  # what is lost is neither scaled nor noisy
