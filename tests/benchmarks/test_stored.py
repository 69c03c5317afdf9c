"""Bytes of registered models, a row for each."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from data_sets import small_dsads
from torch import nn

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bench as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import stored  # noqa: PLC0415 - found only now

    return stored


def test_a_row_for_each_model(bench: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    layer = nn.Linear(2, 4)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, 0.0]]))
        layer.bias.fill_(1.0)
    asked = []

    def find(_: object, uri: str) -> SimpleNamespace:
        asked.append(uri)
        return SimpleNamespace(graph=tmp_path, window_length=3, spec=small_dsads(2, 4))

    monkeypatch.setattr(bench, "find_model", find)
    monkeypatch.setattr(bench, "load_graph", lambda _: layer)
    *_, row = bench.table(bench.Home(tmp_path), ["cnn-weights"])
    assert row == "| cnn-weights | 12 | 6 | 48 | 52 | 25 |"
    assert asked == ["models:/har-cnn-weights@challenger"]
