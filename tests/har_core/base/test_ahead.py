"""Work that is done before its result is asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_core.base.ahead import ahead


@given(st.lists(st.integers()))
def test_results_come_in_order(items: list[int]) -> None:
    assert list(ahead(lambda item: item * 2, items)) == [item * 2 for item in items]


def test_the_next_result_is_worked_out_while_one_is_used() -> None:
    done = [threading.Event() for _ in range(3)]

    def work(item: int) -> int:
        done[item].set()
        return item

    results = ahead(work, range(3))
    assert next(results) == 0
    assert done[1].wait(timeout=60)
    assert list(results) == [1, 2]


def test_no_more_items_are_taken_than_two() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(9):
            taken.append(item)
            yield item

    results = ahead(lambda item: item, items())
    assert next(results) == 0
    assert taken == [0, 1]


def test_an_error_comes_in_place_of_its_result() -> None:
    results = ahead(lambda item: 1 // item, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
