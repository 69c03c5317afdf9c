"""A finished model in OpenVINO: converted, perhaps quantised, compiled. It is an extra, and imported here alone.

Shapes: raw windows (N, T, C) to probabilities (N, K), for any number N of windows.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from copy import deepcopy
from importlib import import_module
from io import StringIO
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, fx, nn

from har_core.base.errors import InputError, Problem
from har_core.inference.exporting import quick_export
from har_core.training.devices import has_bf16

if TYPE_CHECKING:
    from openvino import InferRequest, Model

Answer = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]

_CALIBRATION_BATCH_SIZE = 16
_LARGEST_ERROR = 0.1
"""Of the mean difference between the answers for different windows: a wrong engine is off by more than all of it."""
_SMALLEST_PROBABILITY = 1e-6
_BY_METHOD = {torch.ops.aten.sym_size.int: Tensor.size, torch.ops.aten.new_zeros.default: Tensor.new_zeros}


def prepare_openvino(
    model: nn.Module,
    *,
    num_timepoints: int,
    num_channels: int,
    is_recurrent: bool,
    precision: str,
    calibration: npt.NDArray[np.float32] | None,
    examples: npt.NDArray[np.float32],
) -> Answer:
    """What answers for ``model`` on this processor in fp32, bf16, or int8, which needs windows to calibrate with.

    A model that is of int8 itself is asked for ``examples`` (N, T, C) first, beside PyTorch; where OpenVINO is wrong in
    8 bits, it computes in float32, with the same roundings.

    Raises:
        InputError: OpenVINO cannot take the model.
    """
    try:
        converted = convert(model, num_timepoints=num_timepoints, num_channels=num_channels, is_recurrent=is_recurrent)
        if precision == "int8" and calibration is not None:
            converted = quantise(converted, calibration)
            return _compile(converted, is_bf16=has_bf16())
        is_bf16 = precision != "fp32" and has_bf16()
        answer = _compile(converted, is_bf16=is_bf16)
        if _is_int8(converted) and not _agrees(answer, model, examples):
            answer = _compile(converted, is_bf16=is_bf16, in_int8=False)
            if not _agrees(answer, model, examples):
                raise RuntimeError("it answers otherwise than PyTorch")
        return answer
    except Exception as error:  # what OpenVINO and NNCF raise has no class in common
        value = f"openvino, {precision}: {_reason(error)}"
        problem = Problem(path="engine", value=value, expected="another engine or precision")
        raise InputError("OpenVINO cannot take the model", [problem]) from error


def _reason(error: BaseException) -> str:
    """The line that says it, of what stands between places in source files, logs and advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip().removeprefix("-- ") for line in str(error).splitlines() if line.strip()]
    if "Summary:" in lines:
        return "; ".join(lines[lines.index("Summary:") + 1 :])
    return lines[-1] if lines else type(error).__name__


def convert(model: nn.Module, *, num_timepoints: int, num_channels: int, is_recurrent: bool) -> Model:
    """As an OpenVINO model, by way of an exported graph; of recurrent layers by way of a trace.

    From a trace OpenVINO takes a recurrent layer as one operator, from an exported graph each timepoint by itself.

    Raises:
        RuntimeError: it would take one number of windows alone; OpenVINO raises more.
    """
    # PyTorch's promise to pytree users, a tracer's remarks on shapes, and that tracing goes out of use: none of it says
    # anything of the result.
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        windows, from_torch = torch.zeros(2, num_timepoints, num_channels), _import("openvino").convert_model
        converted: Model
        if is_recurrent:
            converted = from_torch(_Traceable(model), example_input=windows, input=[(-1, *windows.shape[1:])])
        else:
            with quick_export():
                program = torch.export.export(model, (windows,), dynamic_shapes=({0: torch.export.Dim("N")},))
            converted = from_torch(program)
    if converted.output(0).get_partial_shape()[0].is_static:
        raise RuntimeError("it would be fixed to one number of windows")
    _keep_pooled_apart(converted)
    return converted


def _keep_pooled_apart(converted: Model) -> None:
    """Round what was pooled over time and put together in a shape of its own.

    Else OpenVINO 2026.4 moves the rounding before the pooling, and of a mean beside a maximum it makes wrong numbers.
    """
    operators = _import("openvino.opset13")
    for rounding in converted.get_ordered_ops():
        source = rounding.input_value(0).get_node() if rounding.get_type_name() == "FakeQuantize" else None
        if source is None or source.get_type_name() != "Concat":
            continue
        if not any(part.get_node().get_type_name().startswith("Reduce") for part in source.input_values()):
            continue
        consumers, axis = rounding.output(0).get_target_inputs(), operators.constant(np.array([1]))
        rounding.input(0).replace_source_output(operators.unsqueeze(source, axis).output(0))
        rounding.validate_and_infer_types()
        as_before = operators.squeeze(rounding, axis).output(0)
        for consumer in consumers:
            consumer.replace_source_output(as_before)
    converted.validate_nodes_and_infer_types()


class _Traceable(nn.Module):
    """A model, in memory or exported, as a tracer can take it: an exported one cannot be told to evaluate."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        own = deepcopy(model).requires_grad_(requires_grad=False)
        self._call = _ByMethods(own).run if isinstance(own, fx.GraphModule) else own.forward

    def forward(self, windows: Tensor) -> Tensor:
        probabilities: Tensor = self._call(windows)
        return probabilities


class _ByMethods(fx.Interpreter):
    """Runs an exported graph with sizes that a tracer can follow; those of operators are constants to it."""

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """One node of the graph."""
        return super().call_function(_BY_METHOD.get(target, target), args, kwargs)


def quantise(converted: Model, calibration: npt.NDArray[np.float32]) -> Model:
    """Matrix products of int8, those of recurrent layers too, the ranges of their values from ``calibration``.

    Not so what is multiplied or added one by one, as the depthwise convolution of ShuffleNet is: that cost up to 27
    points of macro-F1 (docs/results/performance.md).
    """
    nncf, size = _import("nncf"), _CALIBRATION_BATCH_SIZE
    nncf.set_log_level(logging.ERROR)
    one_by_one = nncf.IgnoredScope(types=["Multiply", "Add"], validate=False)
    batches = [calibration[start : start + size] for start in range(0, len(calibration), size)]
    with redirect_stdout(StringIO()):  # it draws progress bars there
        quantised: Any = nncf.quantize(
            converted, nncf.Dataset(batches), subset_size=len(batches), ignored_scope=one_by_one
        )
    return quantised


def _is_int8(converted: Model) -> bool:
    return any(operator.get_type_name() == "FakeQuantize" for operator in converted.get_ops())


def _agrees(answer: Answer, model: nn.Module, windows: npt.NDArray[np.float32]) -> bool:
    """Whether both answer alike, one window and several: as the answers differ, hardly."""
    with torch.inference_mode():
        expected = model(torch.from_numpy(windows)).numpy()
    spread = np.abs(expected - expected.mean(axis=0)).mean()
    single = np.concatenate([answer(window[None]) for window in windows])
    errors = [np.abs(given - expected).mean() for given in (answer(windows), single)]
    return bool(max(errors) <= _LARGEST_ERROR * spread + _SMALLEST_PROBABILITY)


def _compile(converted: Model, *, is_bf16: bool, in_int8: bool = True) -> Answer:
    """What answers with it, one call at a time and on all of PyTorch's threads.

    Compiled twice: where the number of windows is known, here one, nothing is decided anew in each call.
    """
    single = converted.clone()
    single.reshape([1, *list(converted.input(0).get_partial_shape())[1:]])
    of_one, of_many = (_request(own, is_bf16=is_bf16, in_int8=in_int8) for own in (single, converted))
    lock = Lock()  # a request holds its answer until the next one overwrites it

    def answer(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        request = of_one if len(windows) == 1 else of_many
        with lock:
            request.infer({0: np.ascontiguousarray(windows)})
            probabilities: npt.NDArray[np.float32] = request.get_output_tensor().data.astype(np.float32)  # a copy
        return probabilities

    return answer


def _request(model: Model, *, is_bf16: bool, in_int8: bool) -> InferRequest:
    options = {
        **({} if in_int8 else {"LP_TRANSFORMS_MODE": False}),
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": "bf16" if is_bf16 else "f32",
    }
    request: InferRequest = _import("openvino").Core().compile_model(model, "CPU", options).create_infer_request()
    return request


def _import(package: str) -> Any:
    """Import OpenVINO or NNCF without what tells their makers of each use: both go without it where it is missing."""
    sys.modules.setdefault("openvino_telemetry", cast("ModuleType", None))  # importing it fails from here on
    return import_module(package)
