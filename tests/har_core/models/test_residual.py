"""What the published networks are about: gates, groups, offsets, dilations, scales. `test_layers` has their results."""

from __future__ import annotations

import pytest
import torch
from narrowing import present
from torch import Tensor, nn

from har_core.base.errors import InputError
from har_core.models import create_model
from har_core.models.channel_attention import FeatureGate
from har_core.models.deformable import NUM_TAPS, DeformableConv, sample
from har_core.models.dilated import DILATIONS, DilatedBlock
from har_core.models.fpn import Pyramid
from har_core.models.layers.residual import Selection
from har_core.models.layers.series import SeriesConv
from har_core.models.res2net import Scales


def touched(before: Tensor, after: Tensor) -> list[int]:
    """Timepoints at which two (1, T, F) differ."""
    return torch.nonzero((before != after).any(dim=(0, 2))).flatten().tolist()


def series(num_series: int, num_timepoints: int, num_features: int) -> Tensor:
    return torch.randn(num_series, num_timepoints, num_features, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("num_timepoints", [20, 13])
def test_taps_that_stay_and_count_in_full_are_a_plain_convolution(num_timepoints: int) -> None:
    deformable, x = DeformableConv(3, 5), series(4, num_timepoints, 3)
    plain = SeriesConv(3, 5, stride=2)
    with torch.no_grad():
        plain.weight.copy_(deformable.conv.weight.view(5, NUM_TAPS, 3).transpose(1, 2))
        plain.bias = deformable.conv.bias
        offsets, masks = present(deformable.control.bias).chunk(2)
        offsets.zero_()  # the weights of `control` begin at zero
        masks.fill_(torch.inf)
        torch.testing.assert_close(deformable(x), plain(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_moved_tap_reads_between_timepoints_and_finds_nothing_beyond_the_ends(dtype: torch.dtype) -> None:
    ramp = torch.arange(1.0, 9.0).view(1, 8, 1)  # value t + 1 at timepoint t
    offsets = torch.tensor([[0.25, 0.25, 0.25], [-0.5, -4.0, 0.0], [0.0, 0.0, 90.0], [0.0, 0.0, 0.5]]).unsqueeze(0)
    sampled = sample(ramp.to(dtype), offsets.to(dtype), torch.full_like(offsets, 2).to(dtype))
    half = torch.tensor([[0.25, 1.25, 2.25], [1.5, 0, 4], [4, 5, 0], [6, 7, 4]])
    torch.testing.assert_close(sampled[0].float(), 2 * half)


def test_an_offset_gets_the_slope_between_its_neighbours() -> None:
    x = torch.tensor([0.0, 1.0, 5.0, 5.0]).view(1, 4, 1)
    offsets = torch.full((1, 2, NUM_TAPS), 0.5, requires_grad=True)
    torch.autograd.backward(sample(x, offsets, torch.ones(1, 2, NUM_TAPS)).sum())
    assert present(offsets.grad).tolist() == [[[0, 1, 4], [4, 0, -5]]]


@pytest.mark.parametrize("dilation", DILATIONS)
def test_taps_stand_as_far_apart_as_the_dilation(dilation: int) -> None:
    conv, x = DilatedBlock(1, 2, dilation).conv, torch.zeros(1, 24, 1)
    changed = x.clone()
    changed[0, 12] = 1
    expected = [t // 2 for t in (12 - dilation, 12, 12 + dilation) if t % 2 == 0]
    assert touched(conv(x), conv(changed)) == expected


def test_each_scale_sees_one_more_timepoint_to_both_sides() -> None:
    torch.manual_seed(0)
    scales, x = Scales(16, 4).eval(), series(1, 20, 16)  # so many that no ReLU hides a change
    changed = x.clone()
    changed[0, 10] += 50
    seen: list[list[Tensor]] = [[], []]
    for outputs, given in zip(seen, (x, changed), strict=True):
        hooks = [norm.register_forward_hook(lambda *call, o=outputs: o.append(call[2])) for norm in scales.norms]
        scales(given)
        for hook in hooks:
            hook.remove()
    assert [touched(*pair) for pair in zip(*seen, strict=True)] == [
        list(range(10 - reach, 11 + reach)) for reach in (1, 2, 3, 4)
    ]


def test_coarse_scales_reach_finer_levels_and_fine_ones_reach_no_coarser_level() -> None:
    pyramid = Pyramid([3, 4, 5], 2).eval()
    scales = [series(1, 13, 3), series(1, 7, 4), series(1, 4, 5)]
    levels = pyramid(scales)
    assert [level.shape for level in levels] == [(1, 13, 2), (1, 7, 2), (1, 4, 2)]
    for changed in range(3):
        others = pyramid([x + 10 * (index == changed) for index, x in enumerate(scales)])
        moved = [not torch.equal(*pair) for pair in zip(levels, others, strict=True)]
        assert moved == [level <= changed for level in range(3)]


def test_a_gate_of_features_does_not_see_the_order_of_time() -> None:
    gate, x = FeatureGate(8, reduction=4), series(3, 10, 8)
    torch.testing.assert_close(gate(x), gate(x.flip(1)))
    assert gate(x).shape == (3, 1, 8)
    assert not torch.equal(gate(x)[0], gate(x)[1])


def test_channels_of_a_window_share_the_weights_of_branches() -> None:
    selection = Selection(4, num_branches=3, num_channels=2)
    branches = [series(6, 5, 4) + level for level in range(3)]
    weights = selection.weights([x.view(3, 2, 5, 4) for x in branches])
    assert [weight.shape for weight in weights] == [(3, 1, 1, 4)] * 3
    expected = sum(w * x.view(3, 2, 5, 4) for w, x in zip(weights, branches, strict=True))
    torch.testing.assert_close(selection(branches), torch.as_tensor(expected).view(6, 5, 4))
    means = torch.stack([x.view(3, 10, 4).mean(dim=1) for x in branches]).sum(0)
    torch.testing.assert_close(torch.cat(weights, dim=-1)[:, 0, 0], selection.linear(means).sigmoid())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("channel_attention", {"reduction": 3}),
        ("fpn", {"pyramid_width": 0}),
        ("res2net", {"num_scales": 0}),
        ("resnest", {"num_branches": 0}),
        ("resnext", {"num_groups": 5}),
        ("sknet", {"num_branches": 0}),
        ("spatial_attention", {"kernel_size": 4}),
    ],
)
def test_what_cannot_be_made_is_refused(name: str, options: dict[str, int]) -> None:
    (option,) = options
    with pytest.raises(InputError, match=option):
        create_model(name, num_channels=2, num_timepoints=20, num_classes=2, **options)
    smaller = create_model(name, num_channels=2, num_timepoints=20, num_classes=2, base_width=4, **{option: 1})
    assert isinstance(smaller, nn.Module)
