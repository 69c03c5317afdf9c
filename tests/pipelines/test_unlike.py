"""What is said on stderr of windows that are unlike those of the training."""

from __future__ import annotations

import pyarrow as pa
import pytest

from har_core.inference.classify import PREDICTION_SCHEMA
from pipelines.unlike import tell_unlike


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


def test_first_files_are_named_and_the_rest_counted() -> None:
    warning = str(tell_unlike(table(33, 0, 45, 2, 7, 9)))
    first, *others = warning.split("\n")
    assert first.endswith("5 of 6 windows, in 5 files")
    assert others[0] == r"  a01/p1/s00\x1b.txt: noise: T_xacc"
    assert others[3] == "  ... and 2 more files"
    assert "unlike_because" in others[4]
