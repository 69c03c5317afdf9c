"""What is said on stderr of windows that are unlike those of the training."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from data_sets import dsads_recording

from har_core.audit.findings import FINDINGS_SCHEMA
from har_core.datasets.dsads.dataset import DSADS
from har_core.inference.classify import PREDICTION_SCHEMA
from har_core.inference.likeness import describe_training
from pipelines.readable import made_regular
from pipelines.unlike import find_unlike, tell_unlike


def table(*unlike: int | None) -> pa.Table:
    """A window a file; the number of channels that are unlike."""
    columns = [
        [f"a01/p1/s{number:02d}\x1b.txt" for number in range(len(unlike))],
        [0.0] * len(unlike),
        ["sitting"] * len(unlike),
        [0.5] * len(unlike),
        list(unlike),
        ["noise: T_xacc" if number else None for number in unlike],
    ]
    return pa.table(columns, schema=PREDICTION_SCHEMA)


@pytest.mark.parametrize("unlike", [(), (None, None), (0, 0), (1, *[0] * 20)])
def test_nothing_is_said_where_nothing_is_unlike(unlike: tuple[int | None, ...]) -> None:
    assert tell_unlike(table(*unlike)) is None


def test_one_channel_is_told_where_many_windows_have_it() -> None:
    assert "2 of 20 windows, in 2 files" in str(tell_unlike(table(1, 1, *[0] * 18)))
    assert "1 of 60 windows, in 1 file" in str(tell_unlike(table(1, 2, *[0] * 58)))


def test_the_worst_files_are_named_and_the_rest_counted() -> None:
    warning = str(tell_unlike(table(33, 0, 45, 2, 7, 9)))
    first, *others = warning.split("\n")
    assert first.endswith("5 of 6 windows, in 5 files")
    assert others[:2] == [rf"  a01/p1/s{number}\x1b.txt: noise: T_xacc" for number in ("02", "00")]
    assert others[3] == "  ... and 2 more files"
    assert "unlike_because" in others[4]


@pytest.mark.parametrize(
    ("length", "places"), [(125, [(4, 0, 124)]), (50, [(4, 0, 49), (4, 50, 99)]), (250, [(2, 0, 249)])]
)
def test_windows_that_are_unlike_are_findings(length: int, places: list[tuple[int, int, int]]) -> None:
    sound = np.random.default_rng(1).normal(size=(45, 3 * 125)).astype(np.float32)
    own = [dsads_recording(7, 3, (2, 4, 5), sound)]
    windows = np.stack([sound[:, begin : begin + length].T for begin in range(3 * 125 - length + 1)])
    training = describe_training([windows], DSADS, range(45))
    assert find_unlike(made_regular(own, DSADS, 25.0), training, length=length).num_rows == 0
    samples = sound.copy()
    samples[9:18, 125:250] = 0
    recording = dsads_recording(7, 3, (2, 4, 5), samples)
    table = find_unlike(made_regular([recording], DSADS, 25.0), training, length=length)
    assert table.schema.equals(FINDINGS_SCHEMA)
    found = [(row["segment"], row["first_row"], row["last_row"]) for row in table.to_pylist()]
    assert found == places
    assert {(row["kind"], row["subject"], row["activity"], row["severity"]) for row in table.to_pylist()} == {
        ("unlike_training", 7, 3, "warning")
    }
    assert length == 250 or set(table["channels"].to_pylist()) == {"RA"}
