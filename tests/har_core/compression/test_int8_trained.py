"""Training with rounded products: what training sees is what is stored."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest
import torch
from compressing import (
    OPTIONS,
    C,
    K,
    T,
    assert_same_weights,
    check_exported,
    exported,
    material_of,
    parent_of,
    raw_windows,
    weights,
)
from torch import fx, nn

from har_core.base.errors import InputError
from har_core.compression import int8_trained
from har_core.compression.int8 import quantise
from har_core.compression.int8_trained import Rounding
from har_core.compression.products import LINEAR
from har_core.compression.recipe import Compressed, compress, with_input
from har_core.compression.trained_under import TrainedUnder
from har_core.evaluation.complexity import measure_complexity
from har_core.inference.acceleration import accelerate
from har_core.inference.classifier import weights_version
from har_core.models.registry import create_model
from har_core.settings.recipes import Int8Settings, Int8TrainedSettings

SETTINGS = Int8TrainedSettings(epochs=2, learning_rate=3e-3)


@cache
def trained(name: str) -> Compressed:
    return compress(SETTINGS, parent_of(name), material_of(name))


@pytest.mark.parametrize("name", ["resnet", "lstm"])
def test_weights_are_int8_and_learnt_on(name: str) -> None:
    parent = parent_of(name)
    before = weights(parent.model)
    compressed = trained(name)
    assert_same_weights(parent.model, before)
    assert len(compressed.history) == 2
    loaded = check_exported(compressed)
    stored = {key: tensor for key, tensor in loaded.state_dict().items() if tensor.dtype == torch.int8}
    untrained = compress(Int8Settings(), parent, material_of(name)).classifier.state_dict()
    assert stored
    assert any(not torch.equal(tensor, untrained[key]) for key, tensor in stored.items())
    floats = [tensor for tensor in loaded.state_dict().values() if tensor.is_floating_point()]
    assert all(tensor.numel() == max(tensor.shape, default=1) for tensor in floats), "a matrix is float still"
    assert measure_complexity(loaded, T, C).size_bytes < 0.5 * measure_complexity(parent.model, T, C).size_bytes


def test_the_same_seed_gives_the_same_weights() -> None:
    again = compress(SETTINGS, parent_of("resnet"), material_of("resnet"))
    assert weights_version(again.classifier) == weights_version(trained("resnet").classifier)


def test_openvino_takes_it_and_answers_alike() -> None:
    model, windows = exported(trained("lstm").classifier), raw_windows(12)
    fast = accelerate(model, num_timepoints=T, num_channels=C, engine="openvino", precision="fp32")
    for size in (1, 12):
        with torch.inference_mode():
            expected = model(windows[:size]).numpy()
        np.testing.assert_allclose(fast(windows[:size].numpy()), expected, atol=1e-2)


def test_training_sees_the_weights_that_are_stored() -> None:
    """Recurrent layers have nothing else rounded."""
    network, material = parent_of("gru").network(material_of("gru")), material_of("gru")
    stored = quantise(with_input(network, material), material.raw("test"), with_values=False)
    with torch.inference_mode():
        network.linear = nn.Identity()  # whose values are rounded too
        windows = material.windows.roles["test"].windows
        exact, seen = network(windows), TrainedUnder(network, lambda _: Rounding())(windows)
        last = next(node for node in stored.graph.nodes if node.target == LINEAR).args[0]
        stored.graph.output_node().args = (last,)
        kept = fx.GraphModule(stored, stored.graph)(material.raw("test"))
    torch.testing.assert_close(seen, kept, rtol=0, atol=1e-6)
    assert (seen - exact).abs().max() > 1e-4


def test_training_sees_values_as_they_are_computed() -> None:
    torch.manual_seed(0)
    layer, values = nn.Linear(3, 2, bias=False), torch.rand(50, 3) - 0.3
    with torch.no_grad():
        layer.weight.copy_(torch.eye(2, 3))
        seen = TrainedUnder(layer, lambda _: Rounding())(values)
    level = (values.max() - values.min()) / 255
    assert (seen - values[:, :2]).abs().max() < 0.51 * level
    torch.testing.assert_close((seen / level).round(), seen / level, rtol=0, atol=1e-2)


@pytest.mark.parametrize("name", ["compact", "gru"])
def test_rounding_lets_gradients_through(name: str) -> None:
    torch.manual_seed(0)
    network = create_model(name, num_channels=C, num_timepoints=T, num_classes=K, **OPTIONS[name])
    network.eval()  # no dropout
    windows, exact = torch.randn(8, T, C), copy.deepcopy(network)
    torch.autograd.backward(exact(windows).logsumexp(1).sum())
    torch.autograd.backward(TrainedUnder(network, lambda _: Rounding())(windows).logsumexp(1).sum())
    for (key, parameter), other in zip(network.named_parameters(), exact.parameters(), strict=True):
        assert parameter.grad is not None, key
        assert other.grad is not None, key
        assert torch.cosine_similarity(parameter.grad.flatten(), other.grad.flatten(), dim=0) > 0.9, key


def test_nothing_is_trained_without_torchao(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise InputError("int8 needs torchao")

    monkeypatch.setattr(int8_trained, "require_torchao", missing)
    monkeypatch.setattr(int8_trained, "fine_tune", lambda *_, **__: pytest.fail("it was trained"))
    with pytest.raises(InputError, match="torchao"):
        compress(SETTINGS, parent_of("compact"), material_of("compact"))


def test_an_own_loss_is_trained_under_the_mode_too() -> None:
    class WithLoss(nn.Linear):
        def training_loss(self, windows: torch.Tensor) -> torch.Tensor:
            loss: torch.Tensor = self(windows).sum()
            return loss

    plain = nn.Linear(3, 2)
    assert not hasattr(TrainedUnder(plain, lambda _: Rounding()), "training_loss")
    own, windows = WithLoss(3, 2), torch.randn(4, 3)
    under = TrainedUnder(own, lambda _: Rounding())
    copied = copy.deepcopy(under)
    with torch.no_grad():
        assert under.training_loss(windows) == under(windows).sum() != own.training_loss(windows)
        copied.network.bias.add_(1)  # type: ignore[operator] # it has one
        assert copied.training_loss(windows) != under.training_loss(windows)
