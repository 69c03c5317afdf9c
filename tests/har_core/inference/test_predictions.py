from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from data_sets import POCKET_AND_WRIST
from window_examples import named_windows

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.scores import score
from har_core.inference.predictions import (
    learnt_of,
    predictions_schema,
    probabilities_of,
    read_predictions,
    spec_of,
    tabulate_predictions,
    write_predictions,
)
from har_core.windows.tensors import WindowTensors

KEYS = pa.table({"subject": [7, 7, 8], "session": [1, 2, 19], "segment": [1, 60, 3], "start": [0, 0, 62]})
LABELS = np.array([0, 1, 18])
PROBABILITIES = np.random.default_rng(0).dirichlet(np.ones(19), 3).astype(np.float32)


WINDOWS = WindowTensors(
    spec=DSADS,
    keys=KEYS,
    windows=torch.zeros(3, 1, 45),
    labels=torch.from_numpy(LABELS),
    damaged=torch.tensor([False, True, False]),
    duplicate_groups=torch.full((3,), -1, dtype=torch.int32),
)


@pytest.fixture
def table() -> pa.Table:
    return tabulate_predictions(WINDOWS, PROBABILITIES, role="test", seed=3)


def test_predictions_come_back_as_they_were(tmp_path: Path, table: pa.Table) -> None:
    other = tabulate_predictions(WINDOWS, PROBABILITIES, role="validation", seed=3).slice(1)
    path = tmp_path / "models" / "cnn" / "holdout.parquet"
    write_predictions(path, pa.concat_tables([other, table]))
    read = read_predictions(path)
    assert read.schema.equals(predictions_schema(DSADS))
    assert read["role"].to_pylist() == ["validation"] * 2 + ["test"] * 3
    assert read["seed"].to_pylist() == [3] * 5
    test = read.slice(2)
    assert [test[name].to_pylist() for name in KEYS.column_names] == [
        KEYS[name].to_pylist() for name in KEYS.column_names
    ]
    assert test["damaged"].to_pylist() == [False, True, False]
    assert np.array_equal(probabilities_of(test), PROBABILITIES)


def test_a_score_needs_nothing_but_the_file(tmp_path: Path, table: pa.Table) -> None:
    write_predictions(tmp_path / "p.parquet", table)
    read = read_predictions(tmp_path / "p.parquet")
    assert score(read["label"].to_numpy(), probabilities_of(read)) == score(LABELS, PROBABILITIES)


def test_polars_and_duckdb_read_it(tmp_path: Path, table: pa.Table) -> None:
    path = tmp_path / "p.parquet"
    write_predictions(path, table)
    assert pl.read_parquet(path)["probabilities"].to_numpy().shape == (3, 19)
    best = "list_position(probabilities, list_max(probabilities)) - 1"
    assert duckdb.read_parquet(str(path)).project(f"label, {best}").fetchall() == [
        *zip(LABELS, PROBABILITIES.argmax(axis=1), strict=True)
    ]


def test_predictions_say_what_they_are_of_and_what_was_learnt(tmp_path: Path) -> None:
    windows = named_windows(np.array([0, 3]), [1, 2], spec=POCKET_AND_WRIST)
    table = tabulate_predictions(windows, np.eye(4)[[0, 2]], role="test", seed=1, learnt=[0, 1, 2])
    assert table.schema.field("label").metadata[b"description"] == b"true class id, 0 to 3"
    write_predictions(tmp_path / "p.parquet", table)
    read = read_predictions(tmp_path / "p.parquet")
    assert (spec_of(read), learnt_of(read)) == (POCKET_AND_WRIST, (0, 1, 2))
    assert probabilities_of(read).tolist() == np.eye(4)[[0, 2]].tolist()
    assert learnt_of(tabulate_predictions(windows, np.eye(4)[[0, 2]], role="test", seed=1)) == (0, 1, 2, 3)


def test_there_is_a_row_of_probabilities_for_each_window() -> None:
    with pytest.raises(InputError, match=r"shape \(3, 18\), expected \(3, 19\)"):
        tabulate_predictions(WINDOWS, PROBABILITIES[:, :18], role="test", seed=0)


def test_what_is_no_predictions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.parquet: no readable predictions"):
        read_predictions(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("no Parquet")
    with pytest.raises(InputError, match=r"text\.parquet: no readable predictions"):
        read_predictions(tmp_path / "text.parquet")
    other = pa.table({"label": [1]})
    pq.write_table(other, tmp_path / "other.parquet")
    with pytest.raises(InputError, match=r"other\.parquet: says of no data set what it holds"):
        read_predictions(tmp_path / "other.parquet")
    pq.write_table(other.replace_schema_metadata(DSADS.to_metadata()), tmp_path / "other.parquet")
    with pytest.raises(InputError, match=r"has the columns \['label'\]"):
        read_predictions(tmp_path / "other.parquet")
