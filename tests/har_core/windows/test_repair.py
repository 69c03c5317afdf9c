"""Short damaged runs are interpolated; everything else stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
from data_sets import POCKET_AND_WRIST
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from har_core.windows.repair import Repair, apply_repairs, find_repairs

NUM_ROWS = 30
GROUPS = POCKET_AND_WRIST.channels_of_place
C = POCKET_AND_WRIST.num_channels
STRETCHES = (range(12), range(12, NUM_ROWS))

damage = arrays.arrays(np.bool_, (len(GROUPS), NUM_ROWS), elements=st.booleans())
channels = arrays.arrays(
    np.float32, (C, NUM_ROWS), elements=st.floats(-2000, 2000, width=32), fill=st.just(np.float32(1.5))
)


def rows_of(repairs: tuple[Repair, ...]) -> np.ndarray:
    repaired = np.zeros((len(GROUPS), NUM_ROWS), dtype=np.bool_)
    for repair in repairs:
        repaired[repair.place, repair.first : repair.stop] = True
    return repaired


@given(damaged=damage, longest=st.integers(1, 10))
def test_exactly_short_runs_with_whole_neighbours_are_repaired(damaged: np.ndarray, longest: int) -> None:
    repaired = rows_of(find_repairs(damaged, STRETCHES, longest=longest))
    assert not (repaired & ~damaged).any()
    for place in range(len(GROUPS)):
        for stretch in STRETCHES:
            row = stretch.start
            while row < stretch.stop:
                stop = row
                while stop < stretch.stop and damaged[place, stop]:
                    stop += 1
                can = stop > row and stop - row <= longest and row > stretch.start and stop < stretch.stop
                assert (repaired[place, row:stop] == can).all()
                row = stop + 1


@given(values=channels, damaged=damage)
def test_repaired_values_lie_between_their_neighbours_and_the_rest_is_untouched(
    values: np.ndarray, damaged: np.ndarray
) -> None:
    repairs = find_repairs(damaged, STRETCHES, longest=10)
    before = values.copy()
    repaired = apply_repairs(values, repairs, GROUPS)
    np.testing.assert_array_equal(values, before)
    untouched = ~rows_of(repairs)[list(POCKET_AND_WRIST.place_of_channel)]
    np.testing.assert_array_equal(repaired[untouched], values[untouched])
    for repair in repairs:
        own = list(GROUPS[repair.place])
        ends = values[own, repair.first - 1, None], values[own, repair.stop, None]
        inside = repaired[own, repair.first : repair.stop]
        assert (inside >= np.minimum(*ends)).all()
        assert (inside <= np.maximum(*ends)).all()


@pytest.mark.parametrize("num_rows", [1, 3])
def test_the_line_is_straight(num_rows: int) -> None:
    line = np.tile(np.arange(NUM_ROWS, dtype=np.float32) * 4, (C, 1))
    broken = line.copy()
    broken[list(GROUPS[1]), 5 : 5 + num_rows] = 0
    damaged = np.zeros((len(GROUPS), NUM_ROWS), dtype=np.bool_)
    damaged[1, 5 : 5 + num_rows] = True
    repairs = find_repairs(damaged, STRETCHES, longest=3)
    np.testing.assert_array_equal(apply_repairs(broken, repairs, GROUPS), line)
