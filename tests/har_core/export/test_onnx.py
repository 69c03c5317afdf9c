"""Models as ONNX, answered by ONNX Runtime."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from exported_graphs import NUM_TIMEPOINTS, SPEC, graph_of, small
from narrowing import as_type
from torch import Tensor, fx, nn

from har_core.base.errors import InputError, StorageError
from har_core.export import onnx
from har_core.export.onnx import export
from har_core.export.onnx_operators import for_onnx
from har_core.models.discriminant import NormalScores


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(NUM_TIMEPOINTS * SPEC.num_channels, SPEC.num_activities))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(x)
        return logits


class Bessel(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.special.bessel_j0(x))


class Scored(Linear):
    """Classical models take features by their places among quantiles."""

    def __init__(self) -> None:
        super().__init__()
        quantiles = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
        self.scores = NormalScores(quantiles.expand(9, NUM_TIMEPOINTS * SPEC.num_channels))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.scores(x.flatten(1).to(torch.float64)).to(torch.float32).unflatten(1, x.shape[1:]))


class Fine(Linear):
    """Sees where a number of float64 is rounded to float32."""

    def __init__(self) -> None:
        super().__init__()
        self.divisor = nn.Buffer(torch.tensor(3.3, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        fine = x.to(torch.float64)
        difference = fine / 3.3 - fine / self.divisor + (fine * 0 + 1).clamp(0, 0.3) - 0.3
        return super().forward(x + (difference * 1e9).to(torch.float32))


def answers(path: Path, windows: Tensor) -> Tensor:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [probabilities] = session.run(["probabilities"], {"windows": windows.numpy()})
    return torch.from_numpy(probabilities)


def nodes_of(graph: nn.Module) -> Iterator[tuple[object, ...]]:
    for node in as_type(fx.GraphModule, graph).graph.nodes:
        yield node.name, node.target, node.args, node.kwargs


@pytest.mark.parametrize(
    ("name", "options", "operator"),
    [
        ("compact", {"width": 4, "depth": 1}, b"Conv"),
        ("lstm", {"hidden_size": 4}, b"LSTM"),
        ("rnn", {"hidden_size": 4}, b"RNN"),
        pytest.param("lda", {"shrinkage": 0.9}, b"MatMul", marks=pytest.mark.slow),
    ],
)
def test_answers_are_those_of_the_model(
    tmp_path: Path, name: str, options: dict[str, float], operator: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    graph, path = graph_of(small(name, **options), tmp_path), tmp_path / "model.onnx"
    before = [*nodes_of(graph)]
    exported = export(graph, SPEC, NUM_TIMEPOINTS, path)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert (exported.path, exported.num_bytes) == (path, path.stat().st_size)
    assert exported.details["opset"] == "18"
    assert operator in path.read_bytes()
    generator = torch.Generator().manual_seed(1)
    for size in (1, 2, 7):
        windows = torch.randn(size, NUM_TIMEPOINTS, SPEC.num_channels, generator=generator)
        windows = windows * torch.rand(size, 1, 1, generator=generator) * 2
        with torch.inference_mode():
            expected = graph(windows)
        torch.testing.assert_close(answers(path, windows), expected, rtol=0, atol=1e-5)
    assert (expected.amax(dim=1) < 0.99).any(), "where one is certain, no difference would show"
    assert [*nodes_of(graph)] == before


def test_the_file_tells_what_it_takes_and_not_how_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    export(graph_of(Linear(), tmp_path), SPEC, NUM_TIMEPOINTS, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [(value.name, value.shape[1:], value.type) for value in (*session.get_inputs(), *session.get_outputs())] == [
        ("windows", [NUM_TIMEPOINTS, SPEC.num_channels], "tensor(float)"),
        ("probabilities", [SPEC.num_activities], "tensor(float)"),
    ]
    told = {name: json.loads(text) for name, text in session.get_modelmeta().custom_metadata_map.items()}
    assert told == {
        "activities": list(SPEC.activities),
        "channels": list(SPEC.channel_names),
        "units": {channel.name: channel.unit for channel in SPEC.channels},
        "sampling_rate_hz": 25.0,
        "window_length": NUM_TIMEPOINTS,
        "dataset": SPEC.model_dump(mode="json"),
    }
    assert b"pkg." not in path.read_bytes(), "what translators write of their work"


def test_the_file_is_the_same_each_time_and_refuses_no_window(tmp_path: Path) -> None:
    graph, first, second = graph_of(Linear(), tmp_path), tmp_path / "first.onnx", tmp_path / "second.onnx"
    for path in (first, second):
        export(graph, SPEC, NUM_TIMEPOINTS, path)
    assert first.read_bytes() == second.read_bytes()
    windows = torch.full((1, NUM_TIMEPOINTS, SPEC.num_channels), np.nan)
    assert answers(first, windows).isnan().all()
    with pytest.raises(RuntimeError, match="no finite number"):
        graph(windows)


def test_places_among_quantiles(tmp_path: Path) -> None:
    export(graph_of(Scored(), tmp_path), SPEC, NUM_TIMEPOINTS, tmp_path / "model.onnx")


def test_numbers_of_float64_stay_so(tmp_path: Path) -> None:
    export(graph_of(Fine(), tmp_path), SPEC, NUM_TIMEPOINTS, tmp_path / "model.onnx")


def test_an_operator_without_counterpart_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no counterpart of the operator \w+\.\w*bessel_j0\.default$"):
        export(graph_of(Bessel(), tmp_path), SPEC, NUM_TIMEPOINTS, tmp_path / "model.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt2"]


def test_other_answers_are_refused_and_the_file_before_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, path = graph_of(Linear(), tmp_path), tmp_path / "model.onnx"
    path.write_text("before")

    def other(model: nn.Module) -> nn.Module:
        copied = for_onnx(model)
        next(copied.parameters()).mul_(1.01)
        return copied

    monkeypatch.setattr(onnx, "for_onnx", other)
    with pytest.raises(InputError, match=r"of 1 windows, ONNX Runtime's probabilities differ by .*, expected at most"):
        export(graph, SPEC, NUM_TIMEPOINTS, path)
    assert path.read_text() == "before"
    assert {found.name for found in tmp_path.iterdir()} == {"model.onnx", "model.pt2"}


def test_a_place_that_cannot_be_written_is_refused_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.delattr(onnx, "for_onnx")
    with pytest.raises(StorageError, match=r"file/model\.onnx"):
        export(graph_of(Linear(), tmp_path), SPEC, NUM_TIMEPOINTS, tmp_path / "file" / "model.onnx")
