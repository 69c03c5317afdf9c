"""ONNX: a graph that ONNX Runtime and other engines compute, without PyTorch. The format: https://onnx.ai.

The file takes any number of windows. Its metadata says what they are of.
"""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import fx, nn
from torch.onnx.errors import OnnxExporterError

from har_core.base.errors import InputError, causes
from har_core.base.files import atomic_path
from har_core.export.exported import Exported
from har_core.export.onnx_operators import for_onnx
from har_core.inference.exporting import quick_export
from har_core.spec.dataset import DatasetSpec

OPSET = 18
"""The version of ONNX's operators; ONNX Runtime has it since 1.14."""
INPUT, OUTPUT = "windows", "probabilities"
_CHECKED_BATCHES = (1, 2, 7)
_TOLERANCE, _INT8_TOLERANCE = 1e-4, 1e-2
"""A sum that differs in its last digit may round a value of an int8 model to the next step."""


def export(graph: nn.Module, spec: DatasetSpec, window_length: int, path: Path) -> Exported:
    """Write a model as ONNX, once ONNX Runtime has answered as it does for 1, 2 and 7 windows, to 1e-4; int8 to 1e-2.

    Raises:
        InputError: an operator of it cannot be translated or computed by ONNX Runtime, or answers are not the same.
        StorageError: the file cannot be written.
    """
    with atomic_path(path) as temporary:
        program = _translate(graph, window_length, spec)
        _replace_metadata(program.model, _metadata(spec, window_length))
        program.save(temporary)
        difference = _check(temporary, graph, (window_length, spec.num_channels))
        details = {
            "opset": str(OPSET),
            "input": f"{INPUT}, float32 (N, {window_length}, {spec.num_channels})",
            "output": f"{OUTPUT}, float32 (N, {spec.num_activities})",
            "largest difference": f"{difference:.1e} from the model's probabilities, of 1, 2 and 7 windows",
        }
        return Exported(path=path, num_bytes=temporary.stat().st_size, details=details)


def _translate(graph: nn.Module, window_length: int, spec: DatasetSpec) -> Any:
    """The model as ONNX, in memory."""
    windows = torch.zeros(2, window_length, spec.num_channels)
    try:
        with _silence(), quick_export():
            return torch.onnx.export(
                for_onnx(graph),
                (windows,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("N")},),
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=OPSET,
                verbose=False,
            )
    except OnnxExporterError as error:
        raise InputError(f"The model cannot be exported to onnx: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """The operator that was not translated, or else the first line of what was wrong first."""
    told = [*map(str, causes(error))]
    operators = (re.search(r"op='([\w.]+)', overload='(\w+)'", text) for text in reversed(told))
    found = next((operator for operator in operators if operator), None)
    return f"it has no counterpart of the operator {found[1]}.{found[2]}" if found else told[-1].splitlines()[0]


def _metadata(spec: DatasetSpec, window_length: int) -> dict[str, str]:
    """What the windows are of, as JSON by name, as metadata of registered models have it."""
    told = {
        "dataset": spec.model_dump(mode="json"),
        "activities": spec.activities,
        "channels": spec.channel_names,
        "units": {channel.name: channel.unit for channel in spec.channels},
        "sampling_rate_hz": spec.sampling_rate_hz,
        "window_length": window_length,
    }
    return {name: json.dumps(value, ensure_ascii=False) for name, value in told.items()}


def _replace_metadata(model: Any, told: dict[str, str]) -> None:
    """Say what a user needs to know, and nothing of how it was translated, which is half of a small file."""
    graph = model.graph
    nodes = [*graph.all_nodes()]
    values = [*graph.inputs, *graph.initializers.values(), *(value for node in nodes for value in node.outputs)]
    for part in (graph, *nodes, *values):
        part.metadata_props.clear()
    model.metadata_props.update(told)


def _check(path: Path, graph: nn.Module, shape: tuple[int, int]) -> float:
    """The largest difference between what the file and ``graph`` answer.

    Raises:
        InputError: ONNX Runtime cannot compute it, or it is too large.
    """
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no class in common
        raise InputError(f"ONNX Runtime cannot compute the model: {str(error).splitlines()[0]}") from error
    rounds = any("fake_quantize" in str(node.target) for node in getattr(graph, "graph", fx.Graph()).nodes)
    largest, tolerance = 0.0, _INT8_TOLERANCE if rounds else _TOLERANCE
    for size in _CHECKED_BATCHES:
        windows = np.random.default_rng(size).normal(size=(size, *shape)).astype(np.float32)
        [answered] = session.run([OUTPUT], {INPUT: windows})
        with torch.inference_mode():
            expected = graph(torch.from_numpy(windows)).numpy()
        difference = float(np.abs(answered - expected).max()) if answered.shape == expected.shape else np.inf
        if not difference <= tolerance:
            raise InputError(
                f"The model cannot be exported to onnx: of {size} windows, ONNX Runtime's probabilities differ by "
                f"{difference:.1e}, expected at most {tolerance}"
            )
        largest = max(largest, difference)
    return largest


@contextmanager
def _silence() -> Iterator[None]:
    """Without what PyTorch tells of its exporter: packages that nobody needs here, and what it will change."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
