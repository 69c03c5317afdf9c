"""The smallest weights are zero in the end, whatever trained the others meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from compressing import C, T, assert_same_weights, check_exported, material_of, parent_of, weights
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from har_core.base.errors import InputError
from har_core.compression.recipe import Compressed, Parent, compress
from har_core.compression.weights import held_at_zero, prunable, smallest
from har_core.evaluation.complexity import measure_complexity
from har_core.settings.recipes import WeightsSettings

HARSH: dict[str, Any] = {"optimizer": "muon", "weight_decay": 0.1, "l1_penalty": 1e-3, "ema_decay": 0.5}
"""All that would move a weight from zero: orthogonal steps mix all gradients of a matrix."""


def pruned(name: str, training: dict[str, Any] | None = None, **settings: Any) -> Compressed:
    given = {"share": 0.7, "steps": 2, "epochs": 1, "learning_rate": 0.01} | settings
    return compress(WeightsSettings.model_validate(given), parent_of(name), material_of(name, **(training or {})))


def network_of(compressed: Compressed) -> nn.Module:
    return compressed.classifier.get_submodule("network")


@pytest.mark.parametrize("name", ["cnn", "lstm"])
def test_the_contracts_hold(name: str) -> None:
    parent = parent_of(name)
    before = weights(parent.model)
    compressed = pruned(name, HARSH)
    assert_same_weights(parent.model, before)
    assert_same_weights(pruned(name, HARSH).classifier, weights(compressed.classifier))
    loaded = check_exported(compressed)
    matrices = prunable(network_of(compressed))
    total = sum(weight.numel() for weight in matrices.values())
    num_zeros = sum(int((weight == 0).sum()) for weight in matrices.values())
    assert num_zeros == round(0.7 * total)
    costs = measure_complexity(loaded, T, C)
    assert costs.num_nonzero is not None
    assert costs.num_nonzero <= costs.num_parameters - num_zeros


def test_what_is_left_was_trained() -> None:
    before = prunable(parent_of("lstm").network(material_of("lstm")))
    for name, weight in prunable(network_of(pruned("lstm"))).items():
        kept = weight != 0
        assert kept.any()
        assert not torch.equal(weight[kept], before[name][kept]), name


def test_recurrent_weights_are_among_them() -> None:
    found = prunable(network_of(pruned("lstm", scope="layer")))
    expected = {f"lstm.weight_{kind}_l{index}" for kind in ("ih", "hh") for index in (0, 1)} | {"linear.weight"}
    assert found.keys() == expected
    for weight in found.values():
        assert int((weight == 0).sum()) == round(0.7 * weight.numel())


def test_layers_differ_where_all_weights_compete() -> None:
    found = prunable(network_of(pruned("compact")))
    assert len({round(float((weight == 0).float().mean()), 2) for weight in found.values()}) > 1


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=4), share=st.floats(0, 1), scope=st.sampled_from(["a", "b"])
)
def test_no_smaller_weight_stays(sizes: list[int], share: float, scope: str) -> None:
    scope = {"a": "global", "b": "layer"}[scope]
    generator = torch.Generator().manual_seed(sum(sizes))
    tensors = [nn.Parameter(torch.randn(size, 2, generator=generator)) for size in sizes]
    masks = smallest(tensors, share, scope)
    groups = [(tensors, masks)] if scope == "global" else [([t], [m]) for t, m in zip(tensors, masks, strict=True)]
    for own, chosen in groups:
        values, gone = torch.cat([t.detach().flatten() for t in own]).abs(), torch.cat([m.flatten() for m in chosen])
        assert int(gone.sum()) == round(share * len(values))
        if 0 < int(gone.sum()) < len(values):
            assert values[gone].max() <= values[~gone].min()


def test_nothing_is_held_afterwards() -> None:
    weight = nn.Parameter(torch.tensor([[0.1, 2.0]]))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    weight.grad = torch.ones(1, 2)
    with held_at_zero([weight], 0.5, "global"):
        optimizer.step()
        assert weight.tolist() == [[0.0, 1.0]]
    optimizer.step()
    assert weight.tolist() == [[-1.0, 0.0]]


def test_what_has_nothing_to_prune_is_refused() -> None:
    with pytest.raises(InputError, match="no weight of compact goes"):
        pruned("compact", share=1e-9)
    other = Parent(name="lda", model=parent_of("cnn").model)
    with pytest.raises(InputError, match="lda is no network of an architecture"):
        compress(WeightsSettings(), other, material_of("cnn"))
