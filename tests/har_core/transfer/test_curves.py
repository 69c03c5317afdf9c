"""Every person who tests is predicted by each way, from each number of windows, always in the same windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import torch
from compressing import SPEC, C, T, assert_same_weights, material_of, parent_of, weights
from window_examples import named_windows

from har_core.inference.predictions import learnt_of, probabilities_of
from har_core.settings.transfer import TransferSettings
from har_core.splits.build import SplitWindows
from har_core.transfer.curves import AS_IT_IS, FROM_NOTHING, Curves, measure_curves
from har_core.windows.tensors import WindowTensors

SETTINGS = TransferSettings(ways=("last_layer", "all"), windows_per_activity=(1, 3), epochs=2)


def split() -> SplitWindows:
    """As that of the parent, with two people who test and do three activities ten times each."""
    labels = np.repeat([0, 1, 2] * 2, 10)
    named = named_windows(labels, np.repeat([2, 3], 30), segments=[*range(1, 11)] * 6, spec=SPEC)
    samples = torch.randn(60, T, C, generator=torch.Generator().manual_seed(0))
    windows = material_of("cnn").windows
    return replace(windows, roles={**windows.roles, "test": replace(named, windows=samples)})


def measured(windows: SplitWindows) -> tuple[Curves, list[WindowTensors]]:
    parent, given = parent_of("cnn").model, list[WindowTensors]()
    before = weights(parent)

    def from_nothing(few: WindowTensors) -> torch.nn.Module:
        given.append(few)
        return parent

    curves = measure_curves(parent, windows, SETTINGS, seed=4, from_nothing=from_nothing)
    assert_same_weights(parent, before)
    return curves, given


def test_the_same_windows_are_tested_each_time() -> None:
    curves, given = measured(split())
    table = curves.predictions
    assert set(table["subject"].to_pylist()) == {2, 3}
    assert set(table["seed"].to_pylist()) == {4}
    assert learnt_of(table) == (0, 1, 2)
    asked = {(AS_IT_IS, 0), *((way, number) for way in (*SETTINGS.ways, FROM_NOTHING) for number in (1, 3))}
    keys = ["subject", "session", "segment"]
    for way, number in asked:
        chosen = pc.and_(pc.equal(table["way"], way), pc.equal(table["windows_per_activity"], number))
        own = table.filter(chosen).sort_by([(name, "ascending") for name in keys])
        assert own["segment"].to_pylist() == [4, 5, 6, 7, 8, 9, 10] * 6  # three were to learn from
    assert table.num_rows == len(asked) * 42
    assert [len(few.labels) for few in given] == [3, 9, 3, 9]
    assert curves.num_moved["last_layer"] < curves.num_moved["all"]


def test_the_model_as_it_is_and_others_are_told_apart() -> None:
    table = measured(split())[0].predictions
    answers = {
        way: probabilities_of(table.filter(pc.equal(table["way"], way))) for way in (AS_IT_IS, "all", FROM_NOTHING)
    }
    np.testing.assert_array_equal(answers[FROM_NOTHING][: 42 // 2], answers[AS_IT_IS][: 42 // 2])
    assert not np.allclose(answers["all"][:21], answers[AS_IT_IS][:21])
