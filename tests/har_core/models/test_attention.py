"""Networks that attend compute what their sources do, written plainly, and their parts see what they should."""

from __future__ import annotations

import math
from typing import TypeVar

import pytest
import torch
from narrowing import as_type
from torch import Tensor, nn
from torch.nn import functional

from har_core.base.errors import InputError
from har_core.models import create_model
from har_core.models.attend_discriminate import AttendDiscriminate
from har_core.models.layers.attention import (
    AttentionPooling,
    ChannelAttention,
    Encoder,
    EncoderLayer,
    MultiHeadAttention,
    PatchMerging,
    gru_states,
)
from har_core.models.mlp_mixer import MixerBlock
from har_core.models.swin import Swin, SwinBlock
from har_core.models.transformer import sinusoids
from har_core.models.vit import Vit, VitBlock

M = TypeVar("M", bound=nn.Module)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def stir(module: M) -> M:
    """Weights that are all different: new norms and positions are ones and zeros, which hide mistakes."""
    for tensor in module.parameters():
        nn.init.normal_(tensor, std=0.3)
    return module.double()


def test_encoder_layer_equals_that_of_pytorch() -> None:
    ours = stir(EncoderLayer(12, 3, 0.1)).eval()
    theirs = nn.TransformerEncoderLayer(12, 3, 24, activation="gelu", batch_first=True, norm_first=True).double().eval()
    first, _, _, second = ours.feed_forward
    parts = {
        "norm1": ours.norm1,
        "self_attn.in_proj": ours.attention.qkv,
        "self_attn.out_proj": ours.project,
        "norm2": ours.norm2,
        "linear1": first,
        "linear2": second,
    }
    state = {
        (f"{name}_{key}" if name.endswith("in_proj") else f"{name}.{key}"): tensor
        for name, part in parts.items()
        for key, tensor in part.state_dict().items()
    }
    theirs.load_state_dict(state)
    x = torch.randn(4, 7, 12, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x))
    with torch.inference_mode():  # its fast path
        torch.testing.assert_close(ours(x), theirs(x))


def test_layers_of_an_encoder_start_with_weights_of_their_own() -> None:
    first, second, _ = Encoder(width=8, num_heads=2, num_layers=2, dropout=0.0)
    assert not torch.equal(as_type(EncoderLayer, first).project.weight, as_type(EncoderLayer, second).project.weight)


def test_channel_attention_is_that_of_its_source() -> None:
    layer = stir(ChannelAttention(6))
    query, key, value = layer.qkv.weight.chunk(3)
    x_NTCF = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    for n in range(2):
        for t in range(3):
            x_FC = x_NTCF[n, t].T
            share_CC = ((key @ x_FC).T @ (query @ x_FC)).softmax(dim=0)  # of each channel in what column c sees
            expected_FC = layer.factor * (value @ x_FC) @ share_CC + x_FC
            torch.testing.assert_close(layer(x_NTCF)[n, t], expected_FC.T)


def test_pooling_over_time_is_a_mean_whose_weights_sum_to_1() -> None:
    pool = AttentionPooling(4)
    x_NTF = torch.randn(3, 9, 4)
    same_NTF = x_NTF[:, :1].expand(3, 9, 4)
    torch.testing.assert_close(pool(same_NTF), x_NTF[:, 0])
    nn.init.zeros_(pool.score.weight)
    torch.testing.assert_close(pool(x_NTF), x_NTF.mean(dim=1))
    nn.init.constant_(pool.score.weight, 1e4)
    torch.testing.assert_close(pool(x_NTF), x_NTF[torch.arange(3), x_NTF.sum(dim=2).argmax(dim=1)])


def test_states_of_a_gru_are_those_of_pytorch() -> None:
    gru = nn.GRU(5, 4, 2, bidirectional=True)
    batch_first = nn.GRU(5, 4, 2, bidirectional=True, batch_first=True)
    batch_first.load_state_dict(gru.state_dict())
    x = torch.randn(3, 8, 5)
    torch.testing.assert_close(gru_states(gru, x), batch_first(x)[0])


def test_sinusoids_are_those_of_the_formula() -> None:
    table_PF = sinusoids(30, 9)
    for p, f in ((0, 0), (7, 2), (29, 3), (29, 8)):
        angle = p / 10_000 ** ((f - f % 2) / 9)
        assert table_PF[p, f].item() == pytest.approx(math.cos(angle) if f % 2 else math.sin(angle), abs=1e-5)


@pytest.mark.parametrize("name", ["transformer", "mlp_mixer"])
def test_timepoints_beyond_the_last_whole_patch_count(name: str) -> None:
    model = create_model(name, num_timepoints=23, num_channels=2, num_classes=3, width=8).eval()
    x = torch.randn(1, 23, 2, requires_grad=True)
    torch.autograd.backward(model(x).abs().sum())
    assert x.grad is not None
    assert (x.grad != 0).all()


def test_mixer_block_mixes_patches_and_features() -> None:
    block = stir(MixerBlock(num_patches=5, width=4, patch_hidden_size=3, feature_hidden_size=7, dropout=0.0))
    x_NPF = torch.randn(2, 5, 4, dtype=torch.float64)

    def perceptron(part: nn.Sequential, x: Tensor) -> Tensor:
        first, second = as_type(nn.Linear, part[0]), as_type(nn.Linear, part[3])
        return functional.gelu(x @ first.weight.T + first.bias) @ second.weight.T + second.bias

    y_NPF = torch.stack(
        [perceptron(block.mix_patches, block.norm1(x_NPF)[:, :, f]) for f in range(4)], dim=2
    )  # equation 1: each feature by itself
    y_NPF = x_NPF + y_NPF
    expected = y_NPF + perceptron(block.mix_features, block.norm2(y_NPF))
    torch.testing.assert_close(block(x_NPF), expected)


# The two published networks, written as they are published: over (N, 1, T, C), attention step by step, patches rolled.


def plain_patches(model: Vit | Swin, x_NTC: Tensor) -> Tensor:
    weight_F1L1 = model.patches.embed.weight[:, None, :, None]
    length = weight_F1L1.shape[2]
    y_NFPC = functional.conv2d(x_NTC[:, None], weight_F1L1, model.patches.embed.bias, stride=(length, 1))
    return y_NFPC.permute(0, 3, 2, 1) + model.patches.position


def plain_attention(layer: MultiHeadAttention, x: Tensor, mask: Tensor | float = 0.0) -> Tensor:
    """Attention between the last but one dimension of ``x``; ``mask`` is added to the scores of each head."""
    parts = []
    for q, k, v in zip(*(part.chunk(layer.num_heads, dim=-1) for part in layer.qkv(x).chunk(3, dim=-1)), strict=True):
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + mask
        parts.append(scores.softmax(dim=-1) @ v)
    return torch.cat(parts, dim=-1)


def plain_merging(merge: PatchMerging, x_NCPF: Tensor) -> Tensor:
    if x_NCPF.shape[2] % 2:
        x_NCPF = functional.pad(x_NCPF, (0, 0, 0, 1))
    pairs = torch.cat([x_NCPF[:, :, 0::2], x_NCPF[:, :, 1::2]], dim=-1)
    y_NCPF: Tensor = merge.norm(merge.linear(pairs)).relu()
    return y_NCPF


def plain_swin_block(block: SwinBlock, x_NCPF: Tensor) -> Tensor:
    stretch, shift = block.stretch, block.stretch // 2 if block.is_shifted else 0
    x_NCPF = functional.pad(x_NCPF, (0, 0, 0, -x_NCPF.shape[2] % stretch))
    num_patches = x_NCPF.shape[2]
    mask: Tensor | float = 0.0
    if shift:
        part = torch.zeros(num_patches)
        part[-stretch:-shift], part[-shift:] = 1, 2
        part = part.view(-1, stretch)
        mask = torch.where(part[:, :, None] == part[:, None, :], 0.0, -100.0).double()
    rolled = x_NCPF.roll(-shift, dims=2).unflatten(2, (-1, stretch))  # type: ignore[no-untyped-call]
    y_NCPF: Tensor = block.project(plain_attention(block.attention, rolled, mask).flatten(2, 3))
    x_NCPF = (x_NCPF + y_NCPF.roll(shift, dims=2)).relu()
    y_NCPF = block.feed_forward(x_NCPF)
    return (x_NCPF + y_NCPF).relu()


@pytest.mark.parametrize("num_timepoints", [125, 64, 22])
def test_vit_is_the_published_network(num_timepoints: int) -> None:
    model = create_model("vit", num_timepoints=num_timepoints, num_channels=3, num_classes=4, width=8, head_size=5)
    model = as_type(Vit, stir(model))
    x_NTC = torch.randn(2, num_timepoints, 3, dtype=torch.float64)
    x_NCPF = plain_patches(model, x_NTC)
    for part in model.body:
        block = as_type(VitBlock, part)
        x_NCPF = (x_NCPF + block.project(plain_attention(block.attention, x_NCPF))).relu()
        x_NCPF = plain_merging(block.merge, x_NCPF)
    torch.testing.assert_close(model(x_NTC), model.head(x_NCPF.flatten(start_dim=1)))


@pytest.mark.parametrize("num_timepoints", [125, 64, 22])
def test_swin_is_the_published_network(num_timepoints: int) -> None:
    model = create_model("swin", num_timepoints=num_timepoints, num_channels=3, num_classes=4, width=8, head_size=5)
    model = as_type(Swin, stir(model))
    x_NTC = torch.randn(2, num_timepoints, 3, dtype=torch.float64)
    x_NCPF = plain_patches(model, x_NTC)
    for part in model.body:
        if isinstance(part, SwinBlock):
            x_NCPF = plain_swin_block(part, x_NCPF)
        else:
            x_NCPF = plain_merging(as_type(PatchMerging, part), x_NCPF)
    torch.testing.assert_close(model(x_NTC), model.head(x_NCPF.flatten(start_dim=1)))


def test_published_sizes_are_options() -> None:
    sizes = {"vit": 48_753_427, "swin": 49_942_291}
    for name, expected in sizes.items():
        with torch.device("meta"):
            model = create_model(
                name, num_channels=45, num_timepoints=125, num_classes=19, width=256, head_size=64, tower_width=1024
            )
        assert sum(parameter.numel() for parameter in model.parameters()) == expected


@pytest.mark.parametrize(
    ("is_shifted", "seen"),
    [
        (False, {0: range(4), 5: range(4, 8), 11: range(8, 12)}),
        (True, {0: range(2), 2: range(2, 6), 5: range(2, 6), 9: range(6, 10), 11: range(10, 12)}),
    ],
)
def test_a_stretch_sees_only_its_own_patches(is_shifted: bool, seen: dict[int, range]) -> None:
    block = stir(SwinBlock(6, 2, 3, 4, is_shifted=is_shifted))
    x = torch.randn(1, 12, 6, dtype=torch.float64)
    for patch, reached in seen.items():
        changed = x.clone()
        changed[0, patch] += 1
        differs = (block.attend(changed) != block.attend(x)).any(dim=-1)[0]
        assert differs.nonzero().flatten().tolist() == list(reached)


def attend_discriminate(**options: float) -> AttendDiscriminate:
    model = create_model(
        "attend_discriminate", num_timepoints=20, num_channels=3, num_classes=4, width=4, hidden_size=5, **options
    )
    return as_type(AttendDiscriminate, model)


def test_centre_loss_is_the_squared_distance_to_the_centre_by_shares() -> None:
    model = attend_discriminate()
    x_NH = torch.randn(3, 5)
    unit_NH = x_NH / x_NH.norm(dim=1, keepdim=True)
    first, second = torch.tensor([0, 2, 2]), torch.tensor([1, 1, 2])

    def of(labels_N: Tensor) -> Tensor:
        return functional.mse_loss(unit_NH, model.centres_KH[labels_N])

    def shares(labels_N: Tensor) -> Tensor:
        return functional.one_hot(labels_N, 4).float()

    torch.testing.assert_close(model.centre_loss(x_NH, shares(first)), of(first))
    mixed = 0.7 * shares(first) + 0.3 * shares(second)
    torch.testing.assert_close(model.centre_loss(x_NH, mixed), 0.7 * of(first) + 0.3 * of(second))


def test_loss_in_training_adds_the_centre_loss_by_its_weight() -> None:
    x, targets = torch.randn(6, 20, 3), functional.one_hot(torch.arange(6) % 3, 4).float()
    losses = []
    for weight in (0.0, 0.5):
        torch.manual_seed(1)
        model = attend_discriminate(centre_weight=weight, dropout=0.0)
        losses.append(model.training_loss(x, targets, functional.cross_entropy))
    centre_loss = model.centre_loss(model.features(x), targets)
    torch.testing.assert_close(losses[0], functional.cross_entropy(model(x), targets))
    torch.testing.assert_close(losses[1] - losses[0], 0.5 * centre_loss)
    torch.autograd.backward(losses[1])
    assert model.centres_KH.grad is not None
    assert (model.centres_KH.grad.abs().sum(dim=1) > 0).tolist() == [True, True, True, False]  # 3 is not there


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("transformer", {"width": 10}),
        ("transformer", {"patch_length": 0}),
        ("conv_transformer", {"kernel_size": 4}),
        ("conv_transformer", {"num_layers": 0}),
        ("vit", {"patch_length": 21}),
        ("vit", {"head_size": 0}),
        ("swin", {"stretch": 3}),
        ("swin", {"tower_width": 0}),
        ("attend_discriminate", {"kernel_size": 6}),
        ("attend_discriminate", {"centre_weight": -0.1}),
        ("mlp_mixer", {"patch_hidden_size": 0}),
        ("mlp_mixer", {"dropout": 1.0}),
        ("tinyhar", {"kernel_size": 2}),
        ("tinierhar", {"num_blocks": -1}),
    ],
)
def test_impossible_options_are_refused(name: str, options: dict[str, int | float]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        create_model(name, num_timepoints=20, num_channels=3, num_classes=4, **options)
