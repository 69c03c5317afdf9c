"""What stands for operators that ONNX does not have computes what they do."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from har_core.export.onnx_operators import _attention, _cummax, _ndtri, _searchsorted, _stack

SMALL = st.integers(-3, 3).map(float)


def test_quantiles_of_the_normal_distribution() -> None:
    ends = torch.logspace(-300, -0.31, 2001, dtype=torch.float64)
    p = torch.cat([ends, 1 - ends[ends > 1e-14], torch.linspace(0.001, 0.999, 999, dtype=torch.float64)])
    torch.testing.assert_close(_ndtri(p[None])[0], torch.special.ndtri(p), rtol=1e-13, atol=1e-15)


@given(ordered=st.lists(SMALL, min_size=1, max_size=6), values=st.lists(SMALL, min_size=1, max_size=6))
def test_places_among_ordered_values(ordered: list[float], values: list[float]) -> None:
    quantiles = torch.tensor([sorted(ordered), sorted(ordered)[::-1]]).sort().values
    x = torch.tensor([values, values[::-1]])
    for right in (False, True):
        assert torch.equal(_searchsorted(quantiles, x, right=right), torch.searchsorted(quantiles, x, right=right))


@given(values=st.lists(SMALL, min_size=1, max_size=20))
def test_the_largest_so_far(values: list[float]) -> None:
    x = torch.tensor([values, values[::-1]])
    for dim, given_x in ((1, x), (-1, x), (0, x.T.contiguous())):
        assert torch.equal(_cummax(given_x, dim)[0], given_x.cummax(dim).values)


def test_values_of_different_types_are_stacked_as_pytorch_does() -> None:
    tensors = [torch.ones(2), torch.full((2,), 1 / 3, dtype=torch.float64), torch.arange(2)]
    assert torch.equal(_stack(tensors, -1), torch.stack(tensors, -1))


@pytest.mark.parametrize("shape", [(5, 4), (3, 5, 4), (2, 3, 5, 4)])
def test_attention_of_few_dimensions(shape: tuple[int, ...]) -> None:
    q, k, v = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0)).unbind()
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(_attention(q, k, v), expected)
