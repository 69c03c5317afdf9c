"""Quicker answers of a finished model on the processor: lower precision, and OpenVINO where it is installed.

What a model says hardly changes, and how fast it says it does; docs/results/performance.md has the figures of both. A
model is a module from raw windows (N, T, C) to probabilities (N, K): a
:class:`~har_core.inference.RawWindowClassifier`, or what ``torch.export`` or a registry made of one.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from har_core.errors import InputError, Problem
from har_core.training.devices import autocast, has_bf16

if TYPE_CHECKING:
    from openvino import Model

Engine = Literal["auto", "torch", "openvino"]
Precision = Literal["auto", "fp32", "bf16", "int8"]
Answer = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]

BATCH_SIZE = 16
"""Windows in one call: enough to keep all cores busy, few enough that what lies between two layers stays in cache."""
RECURRENT_BATCH_SIZE = 128
"""The same for recurrent layers, which read all their weights at each timepoint, however many windows there are."""
_CPU = torch.device("cpu")
_RECURRENT = "recurrent layers"
_INSTALL = "pip install 'har[fast]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerated:
    """A model that answers: raw float32 windows (N, T, C) to float32 probabilities (N, K), both NumPy arrays."""

    engine: str
    """``torch`` or ``openvino``."""
    precision: str
    """``fp32``, ``bf16`` or ``int8``."""
    answer: Answer
    """Of at most ``batch_size`` windows."""
    batch_size: int = BATCH_SIZE

    def __call__(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Probabilities of any number of windows.

        Raises:
            InputError: there are none.
        """
        if not len(windows):
            raise InputError("there are no windows to predict")
        size = self.batch_size
        return np.concatenate([self.answer(windows[start : start + size]) for start in range(0, len(windows), size)])


def accelerate(
    model: nn.Module,
    *,
    num_timepoints: int,
    num_channels: int,
    engine: Engine = "auto",
    precision: Precision = "auto",
    calibration: npt.NDArray[np.float32] | None = None,
) -> Accelerated:
    """Prepare ``model``, on the CPU and in evaluation mode, for quicker answers on this machine's processor.

    Args:
        model: raw windows (N, T, C) to probabilities (N, K), for any N; it is not changed.
        num_timepoints: T.
        num_channels: C.
        engine: ``auto`` takes OpenVINO where it is installed and suits the model (no recurrent layers, no float64
            values); else PyTorch.
        precision: of products; sums are float32. ``auto`` is bf16 where the processor computes in it, else fp32.
            ``int8`` needs OpenVINO, NNCF and ``calibration``.
        calibration: windows (N, T, C) like those to come, a few of every activity, from which int8 takes the range of
            values between layers. Never test windows, if their scores are to be told.

    Raises:
        InputError: the engine is not installed, cannot take the model, or cannot compute in ``precision``.
    """
    obstacle = _obstacle(model)
    problems = _problems(engine, precision, obstacle=obstacle, is_calibrated=calibration is not None)
    if problems:
        raise InputError("The model cannot be made faster so", problems)
    if engine == "auto":
        engine = "torch" if obstacle or not _is_installed("openvino") else "openvino"
    if precision == "auto":
        precision = "bf16" if has_bf16() else "fp32"
    if engine == "torch":
        size = RECURRENT_BATCH_SIZE if obstacle == _RECURRENT else BATCH_SIZE
        return Accelerated(engine=engine, precision=precision, answer=_with_torch(model, precision), batch_size=size)
    try:
        answer = _with_openvino(model, (num_timepoints, num_channels), precision, calibration)
    except RuntimeError as error:  # what OpenVINO raises of graphs that it cannot take
        reason = str(error).strip().splitlines()[-1].strip()
        problem = Problem(
            path="engine", value=f"openvino, {precision}: {reason}", expected="another engine or precision"
        )
        raise InputError("OpenVINO cannot take the model", [problem]) from error
    return Accelerated(engine=engine, precision=precision, answer=answer)


def _problems(engine: Engine, precision: Precision, *, obstacle: str, is_calibrated: bool) -> list[Problem]:
    problems = []
    if engine == "openvino" or precision == "int8":
        if not _is_installed("openvino"):
            problems.append(Problem(path="engine", value="no OpenVINO", expected=f"it installed: {_INSTALL}"))
        if obstacle:
            problems.append(Problem(path="engine", value="openvino", expected=f"torch for a model with {obstacle}"))
    if precision == "int8":
        if engine == "torch":
            problems.append(Problem(path="engine", value="torch", expected="openvino for precision int8"))
        if not _is_installed("nncf"):
            problems.append(Problem(path="precision", value="int8, no NNCF", expected=f"it installed: {_INSTALL}"))
        if not is_calibrated:
            problems.append(Problem(path="calibration", value="none", expected="windows, for precision int8"))
    return problems


def _is_installed(package: str) -> bool:
    return find_spec(package) is not None


def _obstacle(model: nn.Module) -> str:
    """What OpenVINO should not be given, in words; empty where there is nothing.

    It answers slower than PyTorch where there are recurrent layers, and less exactly where a model computes in
    float64, as those of the classical models do that take features of windows.
    """
    graph = getattr(model, "graph", None)  # of an exported model; it has the operators, and no layers
    nodes = [] if graph is None else list(graph.nodes)
    if any(isinstance(module, nn.RNNBase) for module in model.modules()) or any("lstm" in str(n.target) for n in nodes):
        return _RECURRENT
    values = [node.meta.get("val") for node in nodes] + list(model.buffers())
    if any(isinstance(value, Tensor) and value.dtype == torch.float64 for value in values):
        return "float64 values"
    return ""


def _import(package: str) -> Any:
    """Import OpenVINO or NNCF without what tells their makers of each use: both go without it where it is missing."""
    sys.modules.setdefault("openvino_telemetry", cast("ModuleType", None))  # importing it fails from here on
    return import_module(package)


def _with_torch(model: nn.Module, precision: Precision) -> Answer:
    precise = precision != "bf16"
    own = model if precise else _with_bf16_weights(model)

    def answer(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        with torch.inference_mode(), autocast(_CPU, "fp32" if precise else "bf16"):
            probabilities: Tensor = own(torch.from_numpy(windows))
        result: npt.NDArray[np.float32] = probabilities.to(torch.float32).numpy()
        return result

    return answer


def _with_bf16_weights(model: nn.Module) -> nn.Module:
    """A copy whose matrices are rounded already, as autocast would round them again in each call."""
    rounded = deepcopy(model)
    for parameter in rounded.parameters():
        if parameter.ndim > 1:
            parameter.data = parameter.data.to(torch.bfloat16)
    return rounded


def _with_openvino(
    model: nn.Module, shape: tuple[int, int], precision: Precision, calibration: npt.NDArray[np.float32] | None
) -> Answer:
    converted = _convert(model, shape)
    if calibration is not None and precision == "int8":
        converted = _quantise(converted, calibration)
    compiled = (
        _import("openvino")
        .Core()
        .compile_model(
            converted,
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",  # one call at a time, on all threads
                "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                "INFERENCE_PRECISION_HINT": "f32" if precision == "fp32" or not has_bf16() else "bf16",
            },
        )
    )
    request = compiled.create_infer_request()

    def answer(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        request.infer({0: np.ascontiguousarray(windows)})
        probabilities: npt.NDArray[np.float32] = request.get_output_tensor().data.astype(np.float32)  # a copy
        return probabilities

    return answer


def _convert(model: nn.Module, shape: tuple[int, int]) -> Model:
    """As an OpenVINO model for any number of windows, by way of an exported graph."""
    # PyTorch's promise to pytree users and a tracer's remarks on shapes; neither says anything of the result.
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        windows = torch.zeros(2, *shape)
        exported = torch.export.export(model, (windows,), dynamic_shapes=({0: torch.export.Dim("N")},))
        converted: Model = _import("openvino").convert_model(exported)
    return converted


def _quantise(converted: Model, calibration: npt.NDArray[np.float32]) -> Model:
    """Matrix products of int8, the ranges of their values from ``calibration``.

    Not so what is multiplied or added one by one, as the depthwise convolution of ShuffleNet is: that cost up to 27
    points of macro-F1 (docs/results/performance.md).
    """
    nncf = _import("nncf")
    nncf.set_log_level(logging.ERROR)
    one_by_one = nncf.IgnoredScope(types=["Multiply", "Add"], validate=False)
    batches = [calibration[start : start + BATCH_SIZE] for start in range(0, len(calibration), BATCH_SIZE)]
    with redirect_stdout(StringIO()):  # it draws progress bars there
        quantised: Any = nncf.quantize(
            converted, nncf.Dataset(batches), subset_size=len(batches), ignored_scope=one_by_one
        )
    return quantised
