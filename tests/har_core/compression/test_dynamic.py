"""Int8 of recurrent networks without calibration: every vector has its own range, and no window another's."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from compressing import C, T, assert_same_weights, check_exported, material_of, parent_of, raw_windows, weights
from hypothesis import given, settings
from hypothesis import strategies as st
from narrowing import as_type
from torch import fx

from har_core.base.errors import InputError
from har_core.compression.dynamic import as_int8
from har_core.compression.recipe import compress
from har_core.evaluation.complexity import measure_complexity
from har_core.inference.classifier import weights_version
from har_core.settings.recipes import DynamicSettings
from har_core.splits.build import SplitWindows


@pytest.mark.parametrize("name", ["lstm", "deepconvlstm"])
def test_weights_are_int8_and_answers_stay_near(name: str) -> None:
    parent = parent_of(name)
    before = weights(parent.model)
    compressed = compress(DynamicSettings(), parent, material_of(name))
    assert_same_weights(parent.model, before)
    loaded = check_exported(compressed)
    windows = raw_windows(12)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(windows), parent.model(windows), rtol=0, atol=5e-3)
    floats = [tensor for tensor in loaded.state_dict().values() if tensor.is_floating_point()]
    assert all(tensor.numel() == max(tensor.shape, default=1) for tensor in floats), "a matrix is float still"
    small, large = (measure_complexity(model, T, C) for model in (loaded, parent.model))
    assert (small.num_parameters, small.macs) == (large.num_parameters, large.macs)
    assert small.size_bytes < 0.5 * large.size_bytes


def test_nothing_depends_on_the_windows_that_it_was_made_with_or_stands_beside() -> None:
    parent, material = parent_of("lstm"), material_of("lstm")
    model = compress(DynamicSettings(), parent, material).classifier
    assert [node.target for node in as_type(fx.GraphModule, model).graph.nodes].count(as_int8) == 1
    other = compress(DynamicSettings(), parent, replace(material, seed=1, windows=_scaled(material.windows))).classifier
    assert weights_version(model) == weights_version(other)
    windows = raw_windows(5)
    beside = torch.cat([windows, 100 * windows])
    with torch.inference_mode():
        torch.testing.assert_close(model(beside)[:5], model(windows), rtol=0, atol=1e-6)


def _scaled(windows: SplitWindows) -> SplitWindows:
    training = windows.roles["training"]
    return replace(windows, roles=windows.roles | {"training": replace(training, windows=7 * training.windows)})


@given(seed=st.integers(0, 2**16), size=st.floats(1e-2, 1e6), shift=st.floats(-3, 3))
@settings(max_examples=30, deadline=None)
def test_each_vector_is_rounded_by_its_own_range(seed: int, size: float, shift: float) -> None:
    vectors = (torch.randn(2, 3, 50, generator=torch.Generator().manual_seed(seed)) + shift) * size
    vectors[0] *= 1e-2
    rounded = as_int8(vectors)
    span = vectors.amax(dim=-1).clamp(min=0) - vectors.amin(dim=-1).clamp(max=0)
    assert ((rounded - vectors).abs().amax(dim=-1) <= 1.01 * span / 255).all()
    assert all(len(vector.unique()) <= 256 for vector in rounded.flatten(0, 1))
    assert torch.equal(as_int8(vectors[1:])[0], rounded[1])


def test_a_network_without_recurrent_layers_is_refused() -> None:
    with pytest.raises(InputError, match="compact has no recurrent layers"):
        compress(DynamicSettings(), parent_of("compact"), material_of("compact"))
