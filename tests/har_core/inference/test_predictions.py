from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from har_core.base.errors import InputError
from har_core.datasets.dsads.layout import NUM_ACTIVITIES
from har_core.evaluation.scores import score
from har_core.inference.predictions import (
    PREDICTIONS_SCHEMA,
    probabilities_of,
    read_predictions,
    tabulate_predictions,
    write_predictions,
)

KEYS = pa.table({"subject": [7, 7, 8], "activity": [1, 2, 19], "segment": [1, 60, 3], "start": [0, 0, 62]})
LABELS = np.array([0, 1, 18])
PROBABILITIES = np.random.default_rng(0).dirichlet(np.ones(NUM_ACTIVITIES), 3).astype(np.float32)


@pytest.fixture
def table() -> pa.Table:
    return tabulate_predictions(KEYS, LABELS, PROBABILITIES, role="test", seed=3)


def test_predictions_come_back_as_they_were(tmp_path, table):
    other = tabulate_predictions(KEYS.slice(1), LABELS[1:], PROBABILITIES[1:], role="validation", seed=3)
    path = tmp_path / "models" / "cnn" / "holdout.parquet"
    write_predictions(path, [other, table])
    read = read_predictions(path)
    assert read.schema.equals(PREDICTIONS_SCHEMA)
    assert read["role"].to_pylist() == ["validation"] * 2 + ["test"] * 3
    assert read["seed"].to_pylist() == [3] * 5
    test = read.slice(2)
    assert [test[name].to_pylist() for name in KEYS.column_names] == [
        KEYS[name].to_pylist() for name in KEYS.column_names
    ]
    assert np.array_equal(probabilities_of(test), PROBABILITIES)


def test_a_score_needs_nothing_but_the_file(tmp_path, table):
    write_predictions(tmp_path / "p.parquet", [table])
    read = read_predictions(tmp_path / "p.parquet")
    assert score(read["label"].to_numpy(), probabilities_of(read)) == score(LABELS, PROBABILITIES)


def test_polars_and_duckdb_read_it(tmp_path, table):
    path = tmp_path / "p.parquet"
    write_predictions(path, [table])
    assert pl.read_parquet(path)["probabilities"].to_numpy().shape == (3, NUM_ACTIVITIES)
    best = "list_position(probabilities, list_max(probabilities)) - 1"
    assert duckdb.read_parquet(str(path)).project(f"label, {best}").fetchall() == [
        *zip(LABELS, PROBABILITIES.argmax(axis=1), strict=True)
    ]


def test_lengths_must_agree():
    with pytest.raises(InputError, match=r"labels have shape \(2,\)"):
        tabulate_predictions(KEYS, LABELS[:2], PROBABILITIES, role="test", seed=0)
    with pytest.raises(InputError, match=r"probabilities \(3, 18\)"):
        tabulate_predictions(KEYS, LABELS, PROBABILITIES[:, :18], role="test", seed=0)


def test_what_is_no_predictions_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"absent\.parquet: no readable predictions"):
        read_predictions(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("no Parquet")
    with pytest.raises(InputError, match=r"text\.parquet: no readable predictions"):
        read_predictions(tmp_path / "text.parquet")
    pl.DataFrame({"label": [1]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(InputError, match=r"has the columns \['label'\]"):
        read_predictions(tmp_path / "other.parquet")


def test_a_failed_write_leaves_the_old_file(tmp_path, table):
    path = tmp_path / "p.parquet"
    write_predictions(path, [table])
    before = path.read_bytes()
    with pytest.raises(ValueError, match="schema"):
        write_predictions(path, [table, KEYS])
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.parquet"]
