from __future__ import annotations

import pytest

from har_core.datasets.dsads.layout import DsadsNaming
from har_core.datasets.source import FileName

NAMING = DsadsNaming()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a01/p1/s01.txt", (1, 1, 1)),
        ("x/y/a19/p8/s60.txt", (8, 19, 60)),
        ("A2/P3/S4.TXT", (3, 2, 4)),
        ("a20/p1/s01.txt", (1, 20, 1)),
        ("a01/p1/s01.txt.gz", None),
        ("ba01/p1/s01.txt", None),
        ("a01/p1/x/s01.txt", None),
        ("a01/p1/s01 (1).txt", None),
        ("a٠١/p1/s01.txt", None),
    ],
)
def test_paths_of_segments_are_told_from_others(path: str, name: tuple[int, int, int] | None) -> None:
    assert NAMING.may_match(path) == (name is not None)
    assert NAMING.names([path]) == ({} if name is None else {path: FileName(*name)})


@pytest.mark.parametrize(
    ("name", "expectation"),
    [
        (FileName(1, 0, 1), "an activity from 1 to 19"),
        (FileName(1, 20, 1), "an activity from 1 to 19"),
        (FileName(0, 1, 1), "a subject from 1 to 999"),
        (FileName(1, 1, 10_000), "a segment from 1 to 9999"),
        (FileName(999, 19, 9_999), None),
    ],
)
def test_impossible_numbers_have_an_expectation(name: FileName, expectation: str | None) -> None:
    assert [problem.expected for problem in NAMING.check({"a.txt": name})] == ([expectation] if expectation else [])
