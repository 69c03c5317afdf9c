"""Where windows begin, and the pieces they are cut in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_core.datasets.dsads.layout import SEGMENT_LENGTH
from har_core.windows.stretches import begins_of, cut, stretches_between

breaks_of_a_recording = st.lists(st.booleans(), max_size=12).map(lambda breaks: np.array(breaks, dtype=np.bool_))
lengths = st.integers(1, 400)


@given(breaks=breaks_of_a_recording)
def test_stretches_tile_the_recording_and_end_at_breaks(breaks: np.ndarray) -> None:
    stretches = stretches_between(breaks)
    rows = [row for stretch in stretches for row in stretch]
    assert rows == list(range((len(breaks) + 1) * SEGMENT_LENGTH))
    inner = [stretch.stop // SEGMENT_LENGTH - 1 for stretch in stretches[:-1]]
    assert inner == np.flatnonzero(breaks).tolist()


@given(breaks=breaks_of_a_recording, length=lengths, stride=st.integers(1, 200))
def test_no_window_crosses_a_break_and_every_stretch_is_cut_whole(breaks: np.ndarray, length: int, stride: int) -> None:
    stretches = stretches_between(breaks)
    begins = begins_of(stretches, length, stride)
    assert (np.diff(begins) > 0).all()
    for stretch in stretches:
        own = [begin for begin in begins if stretch.start <= begin < stretch.stop]
        assert own == list(range(stretch.start, stretch.stop - length + 1, stride))
        assert all(begin + length <= stretch.stop for begin in own)
        left = stretch.stop - (own[-1] + length) if own else len(stretch)
        assert left < stride if own else len(stretch) < length


@given(breaks=breaks_of_a_recording, length=lengths, stride=st.integers(1, 200), at_most=st.integers(1, 60))
def test_windows_are_their_rows_in_order_and_few_at_a_time(
    breaks: np.ndarray, length: int, stride: int, at_most: int
) -> None:
    stretches = stretches_between(breaks)
    samples = np.arange(2 * (len(breaks) + 1) * SEGMENT_LENGTH, dtype=np.float32).reshape(2, -1)
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
    stretches = stretches_between(np.ones(num_segments - 1, dtype=np.bool_))
    samples = np.zeros((45, 125 * num_segments), dtype=np.float32)
    ((_, windows),) = cut(samples, stretches, 125, 125, at_most=1000)
    assert np.shares_memory(windows, samples)
