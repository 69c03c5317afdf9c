"""Int8 after training: what is stored, how near the answers stay, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from compressing import C, K, T, assert_same_weights, check_exported, material_of, parent_of, raw_windows, weights
from data_sets import small_dsads
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from har_core.base.errors import InputError
from har_core.compression.int8 import affine, quantise, weight_scales
from har_core.compression.recipe import compress
from har_core.evaluation.complexity import measure_complexity
from har_core.inference import openvino_engine
from har_core.inference.acceleration import accelerate
from har_core.inference.classifier import RawWindowClassifier, weights_version
from har_core.inference.likeness import describe_training
from har_core.models.registry import create_model
from har_core.settings.recipes import Int8Settings


@pytest.mark.parametrize("name", ["compact", "gru"])
def test_weights_are_int8_and_answers_stay_near(name: str) -> None:
    parent = parent_of(name)
    before = weights(parent.model)
    compressed = compress(Int8Settings(), parent, material_of(name))
    assert_same_weights(parent.model, before)
    loaded = check_exported(compressed)
    windows = raw_windows(12)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(windows), parent.model(windows), rtol=0, atol=5e-3)
        with pytest.raises(RuntimeError, match="no finite number"):
            loaded(torch.full((1, T, C), float("nan")))
    floats = [tensor for tensor in loaded.state_dict().values() if tensor.is_floating_point()]
    assert all(tensor.numel() == max(tensor.shape, default=1) for tensor in floats), "a matrix is float still"
    small, large = (measure_complexity(model, T, C) for model in (loaded, parent.model))
    norms = [own for own in parent.network(material_of(name)).modules() if isinstance(own, nn.BatchNorm1d)]
    assert small.num_parameters == large.num_parameters - sum(own.num_features for own in norms)  # folded: biases stay
    assert small.macs == large.macs
    assert small.size_bytes < 0.5 * large.size_bytes
    again = compress(Int8Settings(), parent, material_of(name))
    assert weights_version(again.classifier) == weights_version(compressed.classifier)


def test_values_are_rounded_by_ranges_of_the_windows_given() -> None:
    torch.manual_seed(0)
    windows = torch.randn(40, T, C)
    model = nn.Sequential(nn.Flatten(), nn.Linear(T * C, K)).eval()
    quantised = quantise(model, windows)
    with torch.inference_mode():
        torch.testing.assert_close(quantised(windows), model(windows), rtol=0, atol=0.1)
        assert not torch.equal(quantised(windows), model(windows))
        assert torch.equal(quantised(10 * windows.sign()), quantised(20 * windows.sign())), "ends are where they were"
        below_a_level = 1e-3 * windows
        assert torch.equal(quantised(below_a_level), quantised(torch.zeros_like(windows)))


def test_the_first_layer_may_take_recordings_as_they_are() -> None:
    torch.manual_seed(0)
    windows = torch.randn(40, T, C)
    windows[0, 0, 0] = 1e4  # so far that 8 bits lose all else
    model = nn.Sequential(nn.Flatten(), nn.Linear(T * C, 8), nn.Tanh(), nn.Linear(8, K)).eval()
    small = windows[1:]
    rounded, kept = (quantise(model, windows, first_layer=own) for own in ("int8", "float32"))
    with torch.inference_mode():
        off = [(own(small) - model(small)).abs().mean() for own in (rounded, kept)]
    assert off[1] < 0.2 * off[0]
    kinds = [[str(node.target) for node in own.graph.nodes] for own in (rounded, kept)]
    assert [sum("fake_quantize" in kind for kind in own) for own in kinds] == [2, 1]


class Convolved(nn.Module):
    """A convolution along time, then outputs (N, K), one or several for each."""

    def __init__(self, after: nn.Module) -> None:
        super().__init__()
        self.convolution, self.after = nn.Conv1d(C, K, 5, bias=False), after

    def forward(self, windows_NTC: Tensor) -> Tensor:
        outputs: Tensor = self.after(self.convolution(windows_NTC.transpose(1, 2)).mean(dim=-1))
        return outputs


@pytest.mark.parametrize("after", [nn.Identity(), nn.Sequential(nn.ReLU(), nn.Linear(K, K))])
def test_biases_move_means_back_that_rounding_moved(after: nn.Module) -> None:
    torch.manual_seed(1)
    windows, model = torch.randn(40, T, C) ** 3 + 1, Convolved(after).eval()  # few values far from the others
    expected = model(windows)
    moved = quantise(model, windows)(windows) - expected
    torch.testing.assert_close(moved.mean(dim=0), torch.zeros(K), rtol=0, atol=1e-5)
    assert moved.std(dim=0).min() > 1e-3, "rounding itself stays"


def test_without_products_there_is_nothing_to_quantise() -> None:
    with pytest.raises(InputError, match="nothing to quantise"):
        quantise(nn.Sequential(nn.Flatten(), nn.Softmax(dim=1)), torch.zeros(2, T, C))


@given(low=st.floats(-1e6, 1e6, width=32), size=st.floats(0, 1e6, width=32))
@settings(max_examples=50, deadline=None)
def test_zero_and_both_ends_are_within_a_level(low: float, size: float) -> None:
    ends = torch.tensor([low, low + size, 0.0])
    scale, zero = affine(ends.min(), ends.max())
    rounded = torch.fake_quantize_per_tensor_affine(ends, scale, zero, -128, 127)
    assert rounded[2] == 0
    assert ((rounded - ends).abs() <= scale).all()


@given(seed=st.integers(0, 2**16), magnitude=st.floats(1e-8, 1e8))
@settings(max_examples=30, deadline=None)
def test_weights_span_all_levels(seed: int, magnitude: float) -> None:
    filters = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(seed)) * magnitude
    levels = (filters / weight_scales(filters)[:, None, None]).round()
    assert levels.abs().max() <= 127
    if magnitude > 1e-3:
        assert (levels.abs().flatten(1).amax(dim=1) == 127).all()


@pytest.mark.parametrize("name", ["cnn", "compact"])
def test_openvino_computes_in_8_bits_as_pytorch_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left to itself it is wrong for ``compact``: a mean and a maximum over time before a linear layer."""
    monkeypatch.setattr(openvino_engine, "_agrees", lambda *_: True)
    torch.manual_seed(0)
    network = create_model(name, num_channels=9, num_timepoints=64, num_classes=5)
    windows = torch.randn(32, 64, 9) * torch.linspace(0.2, 3, 32)[:, None, None]
    network.train()(windows)
    spec = small_dsads(9, 5)
    model = quantise(RawWindowClassifier(network.eval(), spec).eval(), windows)
    with torch.inference_mode():
        expected = model(windows).numpy()
    fast = accelerate(model, num_timepoints=64, num_channels=9, engine="openvino", precision="fp32")
    spread = np.abs(expected - expected.mean(axis=0)).mean()
    for answered in (fast(windows.numpy()), np.concatenate([fast(window[None].numpy()) for window in windows])):
        assert np.abs(answered - expected).mean() < 0.1 * spread


def test_openvino_is_asked_for_windows_like_those_of_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[np.ndarray] = []
    model = compress(Int8Settings(), parent_of("cnn"), material_of("cnn")).classifier

    def right(*_: object, **__: object) -> openvino_engine.Answer:
        def answer(windows: np.ndarray) -> np.ndarray:
            asked.append(windows)
            with torch.inference_mode():
                return np.asarray(model(torch.from_numpy(windows)))

        return answer

    monkeypatch.setattr(openvino_engine, "_compile", right)
    own = np.random.default_rng(0).normal(1000.0, 3.0, (8, T, C)).astype(np.float32)
    training = describe_training([own], small_dsads(C, K), range(C))
    how: dict[str, Any] = {"num_timepoints": T, "num_channels": C, "engine": "openvino", "precision": "fp32"}
    accelerate(model, **how, training=training)
    assert all(abs(windows - 1000).max() < 30 for windows in asked)
    accelerate(model, **how)
    assert abs(asked[-1]).max() < 100


def test_openvino_is_refused_where_it_answers_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[bool] = []

    def wrong(_: object, *, is_bf16: bool, in_int8: bool = True) -> openvino_engine.Answer:
        compiled.append(in_int8)
        return lambda windows: np.full((len(windows), K), 1 / K, dtype=np.float32)

    monkeypatch.setattr(openvino_engine, "_compile", wrong)
    model = compress(Int8Settings(), parent_of("cnn"), material_of("cnn")).classifier
    with pytest.raises(InputError, match="OpenVINO cannot take the model") as caught:
        accelerate(model, num_timepoints=T, num_channels=C, engine="openvino", precision="fp32")
    assert "answers otherwise than PyTorch" in str(caught.value.problems)
    assert compiled == [True, False], "first in 8 bits, then in float32"
