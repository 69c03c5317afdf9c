"""Quicker answers of a finished model on the processor: lower precision, and OpenVINO where it is installed.

What a model says hardly changes, and how fast it says it does; docs/results/performance.md has the figures of both. A
model is a module from raw windows (N, T, C) to probabilities (N, K): a
:class:`~har_core.inference.classifier.RawWindowClassifier`, or what ``torch.export`` or a registry made of one.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from har_core.base.errors import InputError, Problem
from har_core.inference.likeness import TrainingWindows
from har_core.inference.openvino_engine import Answer, prepare_openvino
from har_core.training.devices import autocast, has_bf16

Engine = Literal["auto", "torch", "openvino"]
Precision = Literal["auto", "fp32", "bf16", "int8"]

BATCH_SIZE = 16
"""Windows in one call: enough to keep all cores busy, few enough that what lies between two layers stays in cache."""
RECURRENT_BATCH_SIZE = 128
"""The same for recurrent layers, which read all their weights at each timepoint, however many windows there are."""
_RECURRENT = (torch.ops.aten.lstm.input, torch.ops.aten.gru.input, torch.ops.aten.rnn_tanh.input)
_CPU = torch.device("cpu")
_NUM_EXAMPLES = 24
"""Random windows that an engine answers before it is trusted with int8."""
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
    batch_size: int

    def __call__(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Probabilities of any number of windows.

        Raises:
            InputError: there are none, or one holds a value that is not finite: no engine refuses it by itself.
        """
        if not len(windows):
            raise InputError("there are no windows to predict")
        if not np.isfinite(windows).all():
            place = dict(zip(("window", "row", "channel"), np.argwhere(~np.isfinite(windows))[0].tolist(), strict=True))
            where = ", ".join(f"{name} {index}" for name, index in place.items())
            raise InputError("The windows cannot be predicted", [Problem(path=where, expected="a finite number")])
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
    training: TrainingWindows | None = None,
) -> Accelerated:
    """Prepare ``model``, on the CPU and in evaluation mode, for quicker answers on this machine's processor.

    Args:
        model: raw windows (N, T, C) to probabilities (N, K), for any N; it is not changed.
        num_timepoints: T.
        num_channels: C.
        engine: ``auto`` takes OpenVINO where it is installed and suits the model (no float64 values); else PyTorch.
        precision: of products; sums are float32. ``auto`` is bf16 where the processor computes in it, else fp32.
            ``int8`` needs OpenVINO, NNCF and ``calibration``.
        calibration: windows (N, T, C) like those to come, a few of every activity, from which int8 takes the range of
            values between layers. Never test windows, if their scores are to be told.
        training: what the model was trained on; where it is of int8 itself, OpenVINO must answer random windows like
            those as PyTorch does, and noise of several sizes if absent.

    Raises:
        InputError: the engine is not installed, cannot take the model, or cannot compute in ``precision``.
    """
    is_float64 = _is_float64(model)
    problems = _problems(engine, precision, is_float64=is_float64, is_calibrated=calibration is not None)
    if problems:
        raise InputError("The model cannot be made faster so", problems)
    if engine == "auto":
        engine = "torch" if is_float64 or not _is_installed("openvino") else "openvino"
    if precision == "auto":
        precision = "bf16" if has_bf16() else "fp32"
    is_recurrent = _is_recurrent(model)
    if engine == "torch":
        answer = _with_torch(model, precision)
    else:
        answer = prepare_openvino(
            model,
            num_timepoints=num_timepoints,
            num_channels=num_channels,
            is_recurrent=is_recurrent,
            precision=precision,
            calibration=calibration,
            examples=random_windows(training, num_timepoints, num_channels),
        )
    batch_size = RECURRENT_BATCH_SIZE if is_recurrent else BATCH_SIZE
    return Accelerated(engine=engine, precision=precision, answer=answer, batch_size=batch_size)


def random_windows(training: TrainingWindows | None, num_timepoints: int, num_channels: int) -> npt.NDArray[np.float32]:
    """Noise (N, T, C), the same in each call, of levels and movements that the windows of ``training`` had.

    Channels that the model does not see are noise of several sizes, as all are where nobody knows the training.
    """
    generator = np.random.default_rng(0)
    windows = generator.normal(size=(_NUM_EXAMPLES, num_timepoints, num_channels))
    sizes = np.resize([0.01, 1.0, 10.0], (_NUM_EXAMPLES, 1))
    for channel in range(num_channels):
        of = None if training is None else training.channels.get(training.spec.channel_names[channel])
        if of is None:
            windows[:, :, channel] *= sizes
        else:
            level, movement = (_drawn(generator, *of[key]) for key in ("level", "movement"))
            windows[:, :, channel] = level + movement * windows[:, :, channel]
    return windows.astype(np.float32)


def _drawn(generator: np.random.Generator, low: float, high: float) -> npt.NDArray[np.float64]:
    """For each window a number (N, 1) between the least and the greatest that there were."""
    return low + (high - low) * generator.random((_NUM_EXAMPLES, 1))


def _problems(engine: Engine, precision: Precision, *, is_float64: bool, is_calibrated: bool) -> list[Problem]:
    problems = []
    if engine == "openvino" or precision == "int8":
        if not _is_installed("openvino"):
            problems.append(Problem(path="engine", value="no OpenVINO", expected=f"it installed: {_INSTALL}"))
        if is_float64:
            problems.append(Problem(path="engine", value="openvino", expected="torch for a model with float64 values"))
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


def _is_recurrent(model: nn.Module) -> bool:
    return any(isinstance(module, nn.RNNBase) for module in model.modules()) or any(
        node.target in _RECURRENT for node in _nodes(model)
    )


def _is_float64(model: nn.Module) -> bool:
    """Whether it computes in float64, as classical models do that take features of windows; OpenVINO would round."""
    values = [node.meta.get("val") for node in _nodes(model)] + list(model.buffers())
    return any(isinstance(value, Tensor) and value.dtype == torch.float64 for value in values)


def _nodes(model: nn.Module) -> list[Any]:
    """Of an exported model, which has operators and no layers."""
    graph = getattr(model, "graph", None)
    return [] if graph is None else list(graph.nodes)


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
