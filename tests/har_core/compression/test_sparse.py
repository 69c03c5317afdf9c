"""Bytes of weights without their zeros, counted by hand."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from har_core.compression.sparse import StoredBytes, stored_bytes


def test_a_matrix_by_hand() -> None:
    layer = nn.Linear(9, 4)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 1] = layer.weight[0, 8] = layer.weight[3, 0] = 1.5
    bias, values = 4 * 4, 3 * 4
    # Where each of 4 rows begins and the last ends, a column for each value, all of 4 bytes; 36 places in 5 bytes.
    assert stored_bytes(layer) == StoredBytes(
        dense=36 * 4 + bias, csr=values + 3 * 4 + 5 * 4 + bias, bitmap=values + 5 + bias
    )


def test_buffers_count_and_filters_are_rows() -> None:
    layers = nn.Sequential(nn.Conv1d(2, 3, 5, bias=False), nn.BatchNorm1d(3))
    with torch.no_grad():
        layers.get_parameter("0.weight").zero_()
    norm = 4 * 3 * 4 + 8  # weight, bias, mean, variance, and a count
    assert stored_bytes(layers) == StoredBytes(dense=30 * 4 + norm, csr=4 * 4 + norm, bitmap=4 + norm)


@given(num_zeros=st.integers(0, 64))
def test_a_bitmap_saves_what_more_than_a_32nd_of_zeros_leaves(num_zeros: int) -> None:
    layer = nn.Linear(8, 8, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.weight.view(-1)[:num_zeros] = 0.0
    found = stored_bytes(layer)
    assert found.bitmap == found.dense - 4 * num_zeros + 8
    assert found.csr == 8 * (64 - num_zeros) + 4 * 9
