"""A network as an encoder and a last layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from trainings import Network

from har_core.base.errors import InputError
from har_core.training.last_layer import last_linear
from har_core.training.pretraining.heads import BOTTLENECK, Encoder, LastLayerAlone, make_head

SHAPE = (5, 2)


def last_of(network: Network) -> nn.Module:
    return network.layers[5]


def test_the_last_layer_is_the_one_whose_output_are_the_logits() -> None:
    network = Network().train()
    assert last_linear(network, SHAPE) == "layers.5"
    assert network.training, "a look at it leaves its mode as it was"
    assert not any(layer._forward_hooks for layer in network.modules())


def test_a_network_that_changes_what_its_last_layer_gives_has_none() -> None:
    class Scaled(Network):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) * 2

    with pytest.raises(InputError, match="Scaled has no last linear layer"):
        last_linear(Scaled(), SHAPE)


def test_an_encoder_gives_what_the_last_layer_gets_and_gives_it_back() -> None:
    network = Network().eval()
    x, last = torch.randn(4, *SHAPE), last_of(network)
    logits = network(x)
    encoder = Encoder(network, SHAPE)
    assert encoder.num_features == 16
    torch.testing.assert_close(last(encoder(x)), logits)
    assert not any(parameter is last.weight for parameter in encoder.parameters())
    encoder.release()
    assert last_of(network) is last
    assert torch.equal(network(x), logits)


def test_channels_stand_where_they_belong_and_others_are_zero() -> None:
    seen: list[torch.Tensor] = []

    class Looking(Network):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x)
            return super().forward(x[:, :, :2])

    encoder = Encoder(Looking(), (5, 4), at=[3, 0])
    x = torch.randn(4, 5, 2)
    encoder(x)
    assert torch.equal(seen[-1], torch.stack([x[..., 1], torch.zeros(4, 5), torch.zeros(4, 5), x[..., 0]], dim=-1))


def test_a_head_of_many_features_stays_small() -> None:
    head = make_head(23_040, 5_625)
    assert sum(parameter.numel() for parameter in head.parameters()) < 2_000_000
    assert head(torch.zeros(2, 23_040)).shape == (2, 5_625)
    assert BOTTLENECK < 100


def test_of_a_frozen_network_the_last_layer_alone_learns() -> None:
    network = Network()
    learner = LastLayerAlone(network, SHAPE).train()
    assert {name for name, own in network.named_parameters() if own.requires_grad} == {
        "layers.5.weight",
        "layers.5.bias",
    }
    assert not any(module.training for module in network.modules())
    x = torch.randn(4, *SHAPE)
    assert torch.equal(learner(x), network.eval()(x))
