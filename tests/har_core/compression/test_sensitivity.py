"""One layer at a time is pruned and judged by validation windows, and nothing is left of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from compressing import C, T, assert_same_weights, material_of, parent_of, weights
from sklearn.metrics import f1_score

from har_core.base.errors import InputError
from har_core.compression.recipe import Material, Parent, fine_tune, with_input
from har_core.compression.sensitivity import sensitivity
from har_core.inference.classifier import predict_probabilities


def taught(material: Material) -> Parent:
    """A parent that knows its three activities, so that there is something to lose."""
    network = parent_of("compact").network(material)
    fine_tune(network, material, epochs=8, learning_rate=0.01)
    return Parent(name="compact", model=with_input(network, material))


def test_curves_of_all_layers() -> None:
    material = material_of("compact")
    parent = taught(material)
    before, validation = weights(parent.model), material.windows.roles["validation"]
    rows = [*sensitivity(parent, material, [0.0, 1.0, 0.5])]
    assert_same_weights(parent.model, before)
    names = [name for name, weight in parent.network(material).named_parameters() if weight.dim() > 1]
    assert [(row.layer, row.share) for row in rows] == [(name, share) for name in names for share in (0.0, 1.0, 0.5)]
    predicted = predict_probabilities(parent.model, material.raw("validation")).argmax(axis=1)
    whole = f1_score(validation.labels.numpy(), predicted, labels=[0, 1, 2], average="macro")
    assert whole > 0.6
    assert all(row.macro_f1 == pytest.approx(whole) for row in rows if row.share == 0.0)
    [of_head] = [row for row in rows if row.layer == "head.weight" and row.share == 1.0]
    assert of_head.macro_f1 == pytest.approx(1 / 6)  # biases alone: every window has one activity of three
    assert all(
        row.macro_f1 == rows[2].macro_f1 for row in sensitivity(parent, material, [0.5]) if row.layer == names[0]
    )


def test_test_windows_do_not_count_and_validation_must_be_there() -> None:
    material = material_of("compact")
    roles = material.windows.roles
    spoiled = replace(roles["test"], windows=torch.full_like(roles["test"].windows, torch.nan))
    other = replace(material, windows=replace(material.windows, roles=roles | {"test": spoiled}))
    parent = parent_of("compact")
    assert [*sensitivity(parent, other, [0.5])] == [*sensitivity(parent, material, [0.5])]
    empty = replace(roles["validation"], windows=torch.zeros(0, T, C), labels=torch.zeros(0, dtype=torch.int64))
    without = replace(material, windows=replace(material.windows, roles=roles | {"validation": empty}))
    with pytest.raises(InputError, match="there are none"):
        next(sensitivity(parent, without, [0.5]))
