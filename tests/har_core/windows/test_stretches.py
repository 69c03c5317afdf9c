"""Where windows begin, and the pieces they are cut in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_core.windows.stretches import begins_of, cut, stretches_between

lengths = st.integers(1, 400)


@st.composite
def recordings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Where segments start, and where the recording ends; which joins are breaks."""
    alike = st.just(125) if draw(st.booleans()) else st.integers(1, 300)
    of_segments = draw(st.lists(alike, min_size=1, max_size=12))
    num_joins = len(of_segments) - 1
    breaks = draw(st.lists(st.booleans(), min_size=num_joins, max_size=num_joins))
    return np.cumsum([0, *of_segments]), np.array(breaks, dtype=np.bool_)


@given(recording=recordings())
def test_stretches_tile_the_recording_and_end_at_breaks(recording: tuple[np.ndarray, np.ndarray]) -> None:
    starts, breaks = recording
    stretches = stretches_between(starts, breaks)
    rows = [row for stretch in stretches for row in stretch]
    assert rows == list(range(starts[-1]))
    assert [stretch.stop for stretch in stretches[:-1]] == [starts[index + 1] for index in np.flatnonzero(breaks)]


@given(recording=recordings(), length=lengths, stride=st.integers(1, 200))
def test_no_window_crosses_a_break_and_every_stretch_is_cut_whole(
    recording: tuple[np.ndarray, np.ndarray], length: int, stride: int
) -> None:
    stretches = stretches_between(*recording)
    begins = begins_of(stretches, length, stride)
    assert (np.diff(begins) > 0).all()
    for stretch in stretches:
        own = [begin for begin in begins if stretch.start <= begin < stretch.stop]
        assert own == list(range(stretch.start, stretch.stop - length + 1, stride))
        assert all(begin + length <= stretch.stop for begin in own)
        left = stretch.stop - (own[-1] + length) if own else len(stretch)
        assert left < stride if own else len(stretch) < length


@given(recording=recordings(), length=lengths, stride=st.integers(1, 200), at_most=st.integers(1, 60))
def test_windows_are_their_rows_in_order_and_few_at_a_time(
    recording: tuple[np.ndarray, np.ndarray], length: int, stride: int, at_most: int
) -> None:
    stretches = stretches_between(*recording)
    samples = np.arange(2 * recording[0][-1], dtype=np.float32).reshape(2, -1)
    found = []
    for begins, windows in cut(samples, stretches, length, stride, at_most=at_most):
        assert windows.shape == (2, len(begins), length)
        assert 1 <= len(begins) <= at_most
        for begin, window in zip(begins.tolist(), windows.swapaxes(0, 1), strict=True):
            np.testing.assert_array_equal(window, samples[:, begin : begin + length])
            found.append(begin)
    assert found == begins_of(stretches, length, stride).tolist()


@pytest.mark.parametrize("num_segments", [1, 60])
def test_a_recording_cut_by_segments_is_one_piece_without_a_copy(num_segments: int) -> None:
    stretches = stretches_between(np.arange(num_segments + 1) * 125, np.ones(num_segments - 1, dtype=np.bool_))
    samples = np.zeros((45, 125 * num_segments), dtype=np.float32)
    ((_, windows),) = cut(samples, stretches, 125, 125, at_most=1000)
    assert np.shares_memory(windows, samples)
