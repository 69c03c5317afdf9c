"""VGG, ResNet-18, FCN and InceptionTime are built as their papers say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from har_core.base.errors import InputError
from har_core.models import create_model
from har_core.models.inception_time import InceptionBlock
from har_core.models.layers.temporal import TimeConv
from har_core.models.resnet18 import BasicBlock

SIZES = {"num_channels": 6, "num_timepoints": 125, "num_classes": 4}


def convs(model: nn.Module) -> list[TimeConv]:
    return [module for module in model.modules() if isinstance(module, TimeConv)]


@contextmanager
def lengths_after(modules: Iterator[nn.Module] | nn.Sequential) -> Iterator[list[int]]:
    lengths: list[int] = []
    handles = [module.register_forward_hook(lambda _m, _x, y: lengths.append(y.shape[-1])) for module in modules]
    yield lengths
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("num_convs", [8, 10, 13, 16])
def test_vgg_has_the_columns_of_the_table(num_convs: int) -> None:
    model = create_model("vgg", **SIZES, num_convs=num_convs, base_width=2)
    assert [conv.out_channels for conv in convs(model)] == {
        8: [2, 4, 8, 8, 16, 16, 16, 16],
        10: [2, 2, 4, 4, 8, 8, 16, 16, 16, 16],
        13: [2, 2, 4, 4, 8, 8, 8, 16, 16, 16, 16, 16, 16],
        16: [2, 2, 4, 4, 8, 8, 8, 8, 16, 16, 16, 16, 16, 16, 16, 16],
    }[num_convs]
    assert {conv.kernel_size for conv in convs(model)} == {(1, 3)}
    with lengths_after(model.get_submodule("body")) as lengths:  # type: ignore[arg-type]
        model(torch.randn(2, 125, 6))
    assert lengths == [63, 32, 16, 8, 4]


def test_vgg_has_no_other_columns() -> None:
    with pytest.raises(InputError, match=r"num_convs.*9.*8, 10, 13 or 16"):
        create_model("vgg", **SIZES, num_convs=9)


def test_resnet18_has_eighteen_layers_and_three_shortcuts() -> None:
    model = create_model("resnet18", **SIZES, base_width=2)
    assert sorted(conv.kernel_size[1] for conv in convs(model)) == [1] * 3 + [3] * 16 + [7]
    assert all(conv.bias is None for conv in convs(model))
    with lengths_after(model.get_submodule("body")) as lengths:  # type: ignore[arg-type]
        model(torch.randn(2, 125, 6))
    assert lengths == [32, 16, 8, 4]


def test_a_residual_block_adds_to_its_input() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 1, 9)
    same, halving = BasicBlock(3, 3, stride=1).eval(), BasicBlock(3, 4, stride=2).eval()
    torch.testing.assert_close(same(x), (x + same.conv2(same.conv1(x).relu())).relu())
    torch.testing.assert_close(halving(x), (halving.shortcut(x) + halving.conv2(halving.conv1(x).relu())).relu())
    assert halving(x).shape == (2, 4, 1, 5)


def test_fcn_is_three_convolutions_with_batch_norm_and_relu() -> None:
    torch.manual_seed(0)
    model = create_model("fcn", **SIZES, width=4).eval()
    x_NTC = torch.randn(2, 125, 6)
    y_NFT = x_NTC.transpose(1, 2)
    for conv, size in zip(convs(model), (8, 5, 3), strict=True):  # running statistics are still 0 and 1
        y_NFT = functional.conv1d(functional.pad(y_NFT, ((size - 1) // 2, size // 2)), conv.weight.squeeze(2))
        y_NFT = (y_NFT / (1 + 1e-5) ** 0.5).relu()
    expected = functional.linear(
        y_NFT.mean(dim=2), model.get_parameter("linear.weight"), model.get_parameter("linear.bias")
    )
    torch.testing.assert_close(model(x_NTC), expected)


def test_an_inception_block_has_four_branches() -> None:
    torch.manual_seed(0)
    block = InceptionBlock(5, 3, 12).eval()
    nn.init.ones_(block.norm.bias)
    x_NF1T = torch.randn(2, 5, 1, 30)

    def conv(x_NFT: Tensor, layer: TimeConv) -> Tensor:
        size = layer.kernel_size[1]
        return functional.conv1d(functional.pad(x_NFT, ((size - 1) // 2, size // 2)), layer.weight.squeeze(2))

    x_NFT = x_NF1T.squeeze(2)
    bottleneck, long, half, quarter, of_maximum = convs(block)
    assert [layer.kernel_size[1] for layer in (long, half, quarter)] == [12, 6, 3]
    narrow_NBT = conv(x_NFT, bottleneck)
    maximum_NFT = functional.max_pool1d(x_NFT, 3, stride=1, padding=1)
    branches = [conv(narrow_NBT, layer) for layer in (long, half, quarter)] + [conv(maximum_NFT, of_maximum)]
    expected = (torch.cat(branches, dim=1) / (1 + 1e-5) ** 0.5 + 1).relu()
    torch.testing.assert_close(block(x_NF1T).squeeze(2), expected)


def test_inception_time_adds_around_every_three_blocks() -> None:
    model = create_model("inception_time", **SIZES, width=2, kernel_size=8).eval()
    assert len([module for module in model.modules() if isinstance(module, InceptionBlock)]) == 6
    group = model.get_submodule("body.0")
    for name, parameter in group.named_parameters():
        if name.startswith("blocks.2.norm"):
            nn.init.zeros_(parameter)
    x_NF1T = torch.randn(2, 6, 1, 30)
    torch.testing.assert_close(group(x_NF1T), group.get_submodule("shortcut")(x_NF1T).relu())
    with pytest.raises(InputError, match=r"num_blocks.*4.*multiple of 3"):
        create_model("inception_time", **SIZES, num_blocks=4)
