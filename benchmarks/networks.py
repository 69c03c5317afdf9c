"""Training and answering of networks, beside the plain way: eager float32 and a DataLoader."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache, partial
from typing import Literal

import limits
import plain
import torch
from measure import LIMIT, Case, Once, Options, Way
from plain_networks import CONVOLUTIONAL
from torch import Tensor

from har_core.base.memory import freed_memory_kept
from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.complexity import measure_complexity
from har_core.inference.acceleration import Accelerated, Engine, Precision, accelerate
from har_core.inference.classifier import RawWindowClassifier
from har_core.models import create_model
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.training.data import LabelledWindows
from har_core.training.loop import train

QUICK_ARCHITECTURES = ("cnn", "resnet", "lstm", "shufflenet")
ARCHITECTURES = (*QUICK_ARCHITECTURES, *sorted({*CONVOLUTIONAL} - {*QUICK_ARCHITECTURES}))
T, C, K = 125, DSADS.num_channels, DSADS.num_activities
BATCH_SIZE = 128
SMALL_BATCH_SIZE = 32
"""Of the networks whose training keeps most: of 24 GB, a larger batch of ``resnest`` left nothing."""
LARGE = ("resnest", "sknet")
RUNTIME = RuntimeSettings(device="cpu")
ENGINES: tuple[tuple[Engine, Precision], ...] = (
    ("torch", "fp32"),
    ("torch", "auto"),
    ("openvino", "fp32"),
    ("openvino", "auto"),
    ("openvino", "int8"),
)
QUICK_ENGINES: tuple[tuple[Engine, Precision], ...] = (("torch", "auto"), ("openvino", "auto"))


def cases(options: Options) -> list[Case]:
    """Each of training, answering many windows, and answering one, for each architecture."""
    architectures = QUICK_ARCHITECTURES if options.quick else ARCHITECTURES
    return [make(name, options) for make in (_training, _throughput, _latency) for name in architectures]


def _training(name: str, options: Options) -> Case:
    batch_size = 8 if options.quick else SMALL_BATCH_SIZE if name in LARGE else BATCH_SIZE
    num_windows = 2 * batch_size
    return Case(
        name=f"training {name}",
        unit="windows/s",
        ways=(
            Way(name="plain", prepare=partial(_train_plainly, name, num_windows, batch_size), process="plain"),
            Way(name="fp32", prepare=partial(_Epochs, name, num_windows, batch_size, "off")),
            Way(name="auto", prepare=partial(_Epochs, name, num_windows, batch_size, "auto")),
            _limit(name, options, passes=3),
        ),
        reference="plain",
    )


def _throughput(name: str, options: Options) -> Case:
    num_windows = 16 if options.quick else 256
    return _answering(f"answers {name}", "windows/s", name, options, num_windows=num_windows, num_calls=1)


def _latency(name: str, options: Options) -> Case:
    num_calls = 2 if options.quick else 50
    return _answering(f"one window {name}", "ms", name, options, num_windows=1, num_calls=num_calls)


def _answering(case: str, unit: str, name: str, options: Options, *, num_windows: int, num_calls: int) -> Case:
    return Case(
        name=case,
        unit=unit,
        ways=(
            Way(name="plain", prepare=partial(_answer_plainly, name, num_windows, num_calls), process="plain"),
            *(
                Way(
                    name=f"{engine} {precision}",
                    prepare=partial(_answer, name, engine, precision, num_windows, num_calls),
                    process=engine,
                )
                for engine, precision in (QUICK_ENGINES if options.quick else ENGINES)
            ),
            *([_limit(name, options, passes=1)] if num_windows > 1 else []),
        ),
        reference="plain",
    )


def _limit(name: str, options: Options, *, passes: int) -> Way:
    """What bf16 products of large matrices would make of it, were there nothing else to do.

    Answering is one pass of two operations a multiply-accumulate; a step of training is three: values, gradients of
    values, gradients of weights.
    """
    return Way(name=LIMIT, prepare=partial(_products, name, options, passes), process="plain")


def _products(name: str, options: Options, passes: int) -> Once:
    macs = measure_complexity(create_model(name, num_channels=C, num_timepoints=T, num_classes=K), T, C).macs
    multiply = limits.gemm(limits.width(options), torch.bfloat16)
    return lambda: multiply() / (passes * 2 * macs)


def _windows(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, T, C, generator=generator), torch.randint(0, K, (count,), generator=generator)


def _train_plainly(name: str, num_windows: int, batch_size: int) -> Once:
    epoch = plain.training_epoch(name, *_windows(num_windows), batch_size)

    def once() -> float:
        epoch()
        return float(num_windows)

    return once


class _Epochs:
    """Trainings of one epoch each, as epochs of one long training are: what was freed is kept from one to the next.

    They validate with one window, since the plain way does not validate.
    """

    def __init__(self, name: str, num_windows: int, batch_size: int, mixed_precision: Literal["off", "auto"]) -> None:
        self._model = create_model(name, num_channels=C, num_timepoints=T, num_classes=K)
        self._training = LabelledWindows(*_windows(num_windows))
        self._settings = TrainingSettings(epochs=1, batch_size=batch_size, mixed_precision=mixed_precision)
        self._memory = ExitStack()
        self._memory.enter_context(freed_memory_kept())

    def __call__(self) -> float:
        validation = self._training.select(torch.tensor([0]))
        train(self._model, self._training, validation, self._settings, RUNTIME, num_classes=K)
        return float(len(self._training))

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()


def _answer_plainly(name: str, num_windows: int, num_calls: int) -> Once:
    answer, (windows, _) = plain.answering(name, C), _windows(num_windows)
    return lambda: _repeat(lambda: answer(windows), num_windows, num_calls)


def _answer(name: str, engine: Engine, precision: Precision, num_windows: int, num_calls: int) -> Once:
    fast, windows = _accelerated(name, engine, precision), _windows(num_windows)[0].numpy()
    return lambda: _repeat(lambda: fast(windows), num_windows, num_calls)


@cache
def _accelerated(name: str, engine: Engine, precision: Precision) -> Accelerated:
    """Made once for the cases of a process: converting takes seconds."""
    network = create_model(name, num_channels=C, num_timepoints=T, num_classes=K)
    model = RawWindowClassifier(network, DSADS, mean=torch.zeros(C), standard_deviation=torch.ones(C)).eval()
    calibration = _windows(64)[0].numpy() if precision == "int8" else None
    return accelerate(
        model, num_timepoints=T, num_channels=C, engine=engine, precision=precision, calibration=calibration
    )


def _repeat(call: Callable[[], object], num_windows: int, num_calls: int) -> float:
    for _ in range(num_calls):
        call()
    return float(num_windows * num_calls)
