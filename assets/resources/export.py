"""How a model becomes one that MLflow keeps: exported to pt2, described, loaded back and compared with the original.

Models are exported graphs. Their archive holds JSON and raw tensor bytes, and one ``torch.save`` record of the example
input, which names tensor classes alone; nothing in it is code. Importing this module imports PyTorch and MLflow.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version as installed_version
from typing import Any

import mlflow.pyfunc
import mlflow.pytorch
import numpy as np
import numpy.typing as npt
import torch
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import PyFuncModel
from mlflow.types import Schema, TensorSpec
from torch import nn

from assets.resources.model_files import read_model_files, told_of
from assets.resources.runs import TrackedRun
from assets.resources.tracking import Tracking
from har_core.base.errors import HarError
from har_core.inference.exporting import quick_export
from har_core.inference.graph import load_graph
from har_core.inference.likeness import TrainingWindows
from har_core.spec.dataset import DatasetSpec

_ROUND_TRIP_BATCHES = (1, 2, 7)
ROUND_TRIP_TOLERANCE = 1e-4
"""How far probabilities after loading may be from those before."""
_EXAMPLE_BATCH = 2
"""An export from a batch of 1 would answer batches of 1 alone."""

Windows = npt.NDArray[np.float32]


class RoundTripError(HarError):
    """A logged model does not answer as the model in memory does."""

    def __init__(self, text: str, largest_difference: float | None = None) -> None:
        super().__init__(text)
        self.largest_difference = largest_difference
        """Between probabilities; None where there are more or fewer of them."""


def log_model(
    run: TrackedRun,
    name: str,
    model: nn.Module,
    *,
    num_timepoints: int,
    training: TrainingWindows,
    join_segments: bool = False,
) -> tuple[str, float]:
    """Log ``model`` into ``run``, load it back as users do and as ``har predict`` does, and compare the answers.

    Args:
        run: the run that trained it.
        name: of the registered model that it will be a version of.
        model: raw float32 windows (N, ``num_timepoints``, C) to probabilities (N, K), on the CPU.
        num_timepoints: samples in a window.
        training: what the windows held that it was fitted to, and what they are of.
        join_segments: whether the windows that it was fitted to go on from one segment into the next.

    Returns:
        The URI of the logged model, which is not registered yet, and how far its answers are, at most, from those of
        ``model``.

    Raises:
        RoundTripError: the answers differ by more than 1e-4 on batches of 1, 2 or 7.
    """
    tracking, spec = run.tracking, training.spec
    logged = tracking.client.create_logged_model(tracking.experiment_id, name=name, source_run_id=run.run_id)
    with tracking.as_default(), quick_export():
        uri: str = Model.log(
            artifact_path=None,
            flavor=mlflow.pytorch,
            model_id=logged.model_id,
            run_id=run.run_id,
            pytorch_model=model.eval(),
            serialization_format="pt2",
            input_example=_windows(_EXAMPLE_BATCH, num_timepoints, spec.num_channels),
            signature=_signature(num_timepoints, spec),
            pip_requirements=[f"{package}=={_public_version(package)}" for package in ("mlflow", "torch", "numpy")],
            metadata=_metadata(num_timepoints, training, join_segments=join_segments),
        ).model_uri
    graph = load_graph(read_model_files(tracking.folder_of(uri), uri).graph)
    shape = (num_timepoints, spec.num_channels)
    return uri, max(
        _round_trip(uri, partial(_answer, model), loaded, shape)
        for loaded in (load_model(tracking, uri).predict, partial(_answer, graph))
    )


def load_model(tracking: Tracking, model_uri: str) -> PyFuncModel:
    """A model as users load it, without unpickling: ``predict`` takes raw windows, ``metadata`` says what they are."""
    with tracking.as_default(), _without_pickle():
        model: PyFuncModel = mlflow.pyfunc.load_model(model_uri, model_config={"device": "cpu"})
    return model


def _round_trip(
    model_uri: str,
    original: Callable[[Windows], Windows],
    loaded: Callable[[Windows], Windows],
    shape: tuple[int, int],
) -> float:
    """The largest difference of any probability."""
    largest = 0.0
    for size in _ROUND_TRIP_BATCHES:
        windows = _windows(size, *shape)
        expected, answered = original(windows), loaded(windows)
        difference = float(np.abs(answered - expected).max()) if answered.shape == expected.shape else None
        if difference is None or not difference <= ROUND_TRIP_TOLERANCE:  # NaN is no answer either
            raise RoundTripError(
                f"{model_uri} answers a batch of {size} with shape {answered.shape}, expected the probabilities "
                f"of the model in memory, shape {expected.shape}, within {ROUND_TRIP_TOLERANCE}",
                difference,
            )
        largest = max(largest, difference)
    return largest


def _answer(model: nn.Module, windows: Windows) -> Windows:
    with torch.inference_mode():
        probabilities: Windows = model(torch.from_numpy(windows)).numpy()
    return probabilities


def _signature(num_timepoints: int, spec: DatasetSpec) -> ModelSignature:
    float32 = np.dtype(np.float32)
    return ModelSignature(
        inputs=Schema([TensorSpec(float32, (-1, num_timepoints, spec.num_channels))]),
        outputs=Schema([TensorSpec(float32, (-1, spec.num_activities))]),
    )


def _metadata(num_timepoints: int, training: TrainingWindows, *, join_segments: bool) -> dict[str, Any]:
    return {
        "dataset": training.spec.model_dump(mode="json"),
        **told_of(training.spec),
        "window_length": num_timepoints,
        "join_segments": join_segments,
        "training_windows": training.to_metadata(),
    }


def _windows(*shape: int) -> Windows:
    """Windows (N, T, C) of random numbers, the same each time."""
    return np.random.default_rng(shape[0]).normal(size=shape).astype(np.float32)


def _public_version(package: str) -> str:
    """Without the local part, which no package index has: ``2.13.0`` for ``2.13.0+cpu``."""
    return installed_version(package).partition("+")[0]


@contextmanager
def _without_pickle() -> Iterator[None]:
    name = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
