"""Every person who tests is predicted by each way, from each number of windows, always in the same windows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from compressing import SPEC, C, T, assert_same_weights, material_of, parent_of, weights
from window_examples import named_windows

from har_core.base.errors import InputError
from har_core.inference.predictions import learnt_of, probabilities_of, read_predictions, write_predictions
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.transfer import TransferSettings
from har_core.splits.build import SplitWindows
from har_core.transfer.curves import Curves, measure_curves
from har_core.transfer.table import AS_IT_IS, FROM_NOTHING, curves_schema
from har_core.windows.tensors import WindowTensors

SETTINGS = TransferSettings(ways=("last_layer", "all"), windows_per_activity=(1, 3), epochs=2)
RUNTIME = RuntimeSettings(device="cpu", num_threads=1)


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

    curves = measure_curves(parent, windows, SETTINGS, RUNTIME, seed=4, from_nothing=from_nothing)
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


def with_labels(*of_third: int, are_copies: bool = False) -> SplitWindows:
    """A third person does these activities, a window each, in time; all of an activity may be copies of the first."""
    windows = split()
    test = windows.roles["test"]
    segments = [1 + of_third[:place].count(label) for place, label in enumerate(of_third)]
    named = named_windows(np.array(of_third), 4, segments=segments, spec=SPEC)
    if are_copies:
        named = replace(named, duplicate_groups=named.labels.to(torch.int32))
    test = replace(
        test,
        keys=pa.concat_tables([test.keys, named.keys]),
        windows=torch.cat([test.windows, torch.zeros(len(of_third), T, C)]),
        labels=torch.cat([test.labels, named.labels]),
        damaged=torch.cat([test.damaged, named.damaged]),
        duplicate_groups=torch.cat([test.duplicate_groups, named.duplicate_groups]),
    )
    return replace(windows, roles={**windows.roles, "test": test})


@pytest.mark.parametrize(
    ("labels", "people"),
    [
        ((0, 0, 0, 0), {2, 3}),  # one activity
        ((0, 1, 2), {2, 3}),  # each once: at most half of one window is shown
        ((0, 0, 3, 3), {2, 3}),  # one that the model knows
        ((0, 0, 1, 1), {2, 3, 4}),
    ],
)
def test_who_shows_one_activity_is_left_out(labels: tuple[int, ...], people: set[int]) -> None:
    settings = TransferSettings(ways=("last_layer",), windows_per_activity=(1,), epochs=1)
    curves = measure_curves(parent_of("cnn").model, with_labels(*labels), settings, RUNTIME, seed=0)
    assert set(curves.predictions["subject"].to_pylist()) == people


def test_who_does_nothing_but_copies_afterwards_is_left_out() -> None:
    settings = TransferSettings(ways=("last_layer",), windows_per_activity=(1,), epochs=1)
    windows = with_labels(0, 0, 1, 1, are_copies=True)
    curves = measure_curves(parent_of("cnn").model, windows, settings, RUNTIME, seed=0)
    assert set(curves.predictions["subject"].to_pylist()) == {2, 3}


def test_nobody_left_is_refused() -> None:
    windows = split()
    alone = replace(windows.roles["test"], labels=torch.zeros(60, dtype=torch.int64))
    windows = replace(windows, roles={**windows.roles, "test": alone})
    with pytest.raises(InputError, match="nobody who tests"):
        measured(windows)


def test_the_table_comes_back_from_its_file(tmp_path: Path) -> None:
    table = measured(split())[0].predictions
    write_predictions(tmp_path / "one.parquet", table)
    read = read_predictions(tmp_path / "one.parquet", curves_schema)
    assert read.equals(table)
    assert learnt_of(read) == learnt_of(table)
    with pytest.raises(InputError, match="has the columns"):
        read_predictions(tmp_path / "one.parquet")
