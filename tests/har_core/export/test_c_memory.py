"""Values share memory where they do not live at the same time."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from har_core.export.c_memory import Need, offsets, place
from har_core.export.c_steps import Buffer, Pool, Product, Program, Quantised

needs = st.builds(
    lambda num_bytes, first, length: Need(num_bytes=num_bytes, first=first, last=first + length),
    st.integers(1, 40),
    st.integers(0, 6),
    st.integers(0, 6),
)


@given(st.lists(needs, max_size=8))
def test_none_overlap_that_live_at_once(needs: list[Need]) -> None:
    placed = [*zip(offsets(needs), needs, strict=True)]
    assert all(start % 4 == 0 for start, _ in placed)
    for (start, need), (other, its) in combinations(placed, 2):
        apart = start + need.num_bytes <= other or other + its.num_bytes <= start
        assert apart or need.last < its.first or its.last < need.first


def test_memory_is_used_again() -> None:
    chain = [Need(num_bytes=8, first=step, last=step + 1) for step in range(5)]
    assert offsets(chain) == [0, 8, 0, 8, 0]


def test_sum_takes_the_place_of_what_is_added_to_it() -> None:
    before, after, result = (Buffer(num_timepoints=8, num_features=2) for _ in range(3))
    values = Buffer(num_timepoints=8, num_features=2, is_int8=True)
    pooled = Buffer(num_timepoints=1, num_features=2)
    steps = (
        _product(values, None, before),
        _product(values, before, after),
        _product(values, after, result),
        Pool(kind="max", source=result, result=pooled),
        _product(values, None, logits := Buffer(num_timepoints=1, num_features=2)),
    )
    starts, num_bytes = place(Program(steps=steps, logits=logits))
    assert starts[before] == starts[after] == starts[result]
    assert logits not in starts
    assert num_bytes == before.num_bytes + values.num_bytes + pooled.num_bytes


def test_what_is_needed_later_stays_where_it_is() -> None:
    before, after = (Buffer(num_timepoints=8, num_features=2) for _ in range(2))
    values = Buffer(num_timepoints=8, num_features=2, is_int8=True)
    pooled, logits = (Buffer(num_timepoints=1, num_features=2) for _ in range(2))
    steps = (
        _product(values, None, before),
        _product(values, before, after),
        Pool(kind="max", source=before, result=pooled),
        _product(values, None, logits),
    )
    starts, _ = place(Program(steps=steps, logits=logits))
    assert starts[before] != starts[after]


def _product(source: Buffer, added: Buffer | None, floats: Buffer) -> Product:
    return Product(
        name="product",
        source=Quantised(buffer=source, scale=np.float32(1), zero_point=0, number=0),
        weights=np.ones((2, 1, 2), np.int8),
        scales=np.ones(2, np.float32),
        biases=np.zeros(2, np.float32),
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        num_timepoints=floats.num_timepoints,
        added=added,
        has_relu=False,
        floats=floats,
        quantised=None,
    )
