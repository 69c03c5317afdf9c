"""The model registry: what is logged as a model, under which name, and which version an alias names.

Models are exported graphs (pt2). Their archive holds JSON and raw tensor bytes, and one ``torch.save`` record of the
example input, which names tensor classes alone; nothing in it is code.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from typing import Any
from zipfile import BadZipFile

import mlflow.pyfunc
import mlflow.pytorch
import numpy as np
import numpy.typing as npt
import torch
from mlflow import MlflowException
from mlflow.artifacts import list_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from assets.resources.export import quick_export
from assets.resources.runs import TrackedRun
from assets.resources.tracking import Tracking
from har_core.base.errors import HarError, InputError, UnknownNameError
from har_core.datasets.dsads.layout import (
    ACTIVITIES,
    CHANNELS,
    NUM_ACTIVITIES,
    NUM_CHANNELS,
    SAMPLING_RATE_HZ,
    SENSOR_MEASURES,
)
from har_core.inference.classifier import weights_version

LoadedModel = mlflow.pyfunc.PyFuncModel
"""A model that answers: ``predict`` takes raw windows, ``metadata.metadata`` says what they are."""

CHALLENGER = "challenger"
CHAMPION_ALIAS = "champion"
OVERALL = "har"
"""The registered model that users load: the best of all architectures."""
ORIGIN_TAG = "har.origin"
COPIED_FROM_TAG = "har.copied_from"
"""The version of an architecture that a version of ``har`` is."""
ROUND_TRIP_BATCHES = (1, 2, 7)
ROUND_TRIP_TOLERANCE = 1e-4
_MODEL_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>[0-9]{1,9}))")
_EXAMPLE_URI = "models:/har@champion"
_EXAMPLE_BATCH = 2
"""An export from a batch of 1 would answer batches of 1 alone."""


class RoundTripError(HarError):
    """A logged model does not answer as the model in memory does."""


class DamagedModelError(HarError):
    """The files of a logged model are no model any more."""


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of a registered model."""

    name: str
    version: int
    aliases: tuple[str, ...]
    origin: str
    run_id: str
    run_url: str
    model_id: str
    """Of the logged model behind this version; copies share it."""
    tags: Mapping[str, str]


class Registry:
    """Registered models of one home."""

    def __init__(self, tracking: Tracking) -> None:
        self.tracking = tracking
        self._client = tracking.client

    def log(
        self, run: TrackedRun, name: str, model: torch.nn.Module, *, num_timepoints: int, join_segments: bool = False
    ) -> str:
        """Log ``model`` into ``run``, load it back, and compare the two.

        Args:
            run: the run that trained it.
            name: of the registered model that it will be a version of.
            model: raw float32 windows (N, ``num_timepoints``, 45) to probabilities (N, 19), on the CPU.
            num_timepoints: samples in a window.
            join_segments: whether the windows that it was fitted to go on from one segment into the next.

        Returns:
            The URI of the logged model; it is not registered yet.

        Raises:
            RoundTripError: the two differ by more than 1e-4 on batches of 1, 2 or 7.
        """
        logged = self._client.create_logged_model(self.tracking.experiment_id, name=name, source_run_id=run.run_id)
        with self.tracking.as_default(), quick_export():
            info = Model.log(
                artifact_path=None,
                flavor=mlflow.pytorch,
                model_id=logged.model_id,
                run_id=run.run_id,
                pytorch_model=model.eval(),
                serialization_format="pt2",
                input_example=_windows(_EXAMPLE_BATCH, num_timepoints),
                signature=_signature(num_timepoints),
                pip_requirements=[f"{name}=={_public_version(name)}" for name in ("mlflow", "torch", "numpy")],
                metadata=_metadata(num_timepoints, join_segments=join_segments),
            )
            self._check_round_trip(info.model_uri, model, num_timepoints)
        return info.model_uri

    def register(self, run: TrackedRun, name: str, model_uri: str, tags: Mapping[str, str]) -> RegisteredVersion:
        """Make a logged model a version of ``name``; no alias moves."""
        return self._create(name, model_uri.removeprefix("models:/"), run.run_id, tags)

    def copy(self, entry: RegisteredVersion, name: str) -> RegisteredVersion:
        """Make the model behind ``entry`` a version of ``name`` too, with its tags; no alias moves."""
        tags = {**entry.tags, COPIED_FROM_TAG: f"{entry.name}/{entry.version}"}
        return self._create(name, entry.model_id, entry.run_id, tags)

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Move ``alias`` of ``name`` to ``version``."""
        self._client.set_registered_model_alias(name, alias, str(version))

    def move_alias(self, alias: str, versions: Mapping[str, int]) -> None:
        """Move ``alias`` of each registered model to its version: all of them, or none where one cannot be moved."""
        before = {name: self.by_alias(name, alias) for name in versions}
        moved: list[str] = []
        try:
            for name, version in versions.items():
                moved.append(name)
                self.set_alias(name, alias, version)
        except BaseException:
            for name in moved:
                holder = before[name]
                if holder is None:
                    self._client.delete_registered_model_alias(name, alias)
                else:
                    self.set_alias(name, alias, holder.version)
            raise

    def get(self, name: str, version: int) -> RegisteredVersion:
        """One version of ``name``."""
        return self._entry(self._client.get_model_version(name, str(version)))

    def by_alias(self, name: str, alias: str) -> RegisteredVersion | None:
        """The version that ``alias`` names, None where it names none."""
        try:
            return self._entry(self._client.get_model_version_by_alias(name, alias))
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise

    def resolve(self, model_uri: str) -> RegisteredVersion:
        """The version that ``models:/name@alias`` or ``models:/name/version`` names.

        Raises:
            InputError: it is no such address, or there is no such alias or version; the text says which there are.
            UnknownNameError: no model of this name is registered; the text offers the nearest names.
        """
        parts = _MODEL_URI.fullmatch(model_uri)
        if parts is None:
            raise InputError(f"{model_uri}: expected models:/NAME@ALIAS or models:/NAME/VERSION, as {_EXAMPLE_URI}")
        name, alias, version = parts["name"], parts["alias"], parts["version"]
        registered = self.registered()
        own = [entry for entry in registered if entry.name == name]
        if not own:
            raise UnknownNameError(f"{model_uri}: {_unknown(name, sorted({entry.name for entry in registered}))}")
        for entry in own:
            if alias in entry.aliases or (version is not None and int(version) == entry.version):
                return entry
        aliases = sorted(f"{known} (version {entry.version})" for entry in own for known in entry.aliases)
        versions = ", ".join(str(entry.version) for entry in reversed(own))
        raise InputError(
            f"{model_uri}: {name} has no {f'alias {alias}' if alias else f'version {version}'}; "
            f"it has the aliases {', '.join(aliases) or '(none)'}, and the versions {versions}"
        )

    def recompute_weights_version(self, entry: RegisteredVersion) -> str | None:
        """What the weights in the files of the logged model come to; None where the files are gone.

        Raises:
            DamagedModelError: the files do not load.
        """
        model_uri = f"models:/{entry.name}/{entry.version}"
        location = self._client.get_model_version_download_uri(entry.name, str(entry.version))
        if not list_artifacts(artifact_uri=location):
            return None
        try:
            return weights_version(self.load(model_uri).get_raw_model())
        except FileNotFoundError:
            return None
        except (HarError, RuntimeError, ValueError, LookupError, EOFError, BadZipFile) as error:
            raise DamagedModelError(f"{model_uri}: its files do not load ({type(error).__name__})") from error

    def registered(self) -> list[RegisteredVersion]:
        """Every version of every registered model, by name, newest first."""
        names = sorted(model.name for model in self._client.search_registered_models(max_results=1000))
        found = []
        for name in names:
            aliases = self._client.get_registered_model(name).aliases
            versions = self._client.search_model_versions(f"name = '{name}'", max_results=1000)
            entries = [self._entry(version, aliases) for version in versions]
            found += sorted(entries, key=lambda entry: -entry.version)
        return found

    def load(self, model_uri: str) -> LoadedModel:
        """A registered model as users load it, without unpickling anything.

        Raises:
            InputError: there is no such model, or it holds pickled code; the text names the aliases that there are.
        """
        try:
            with self.tracking.as_default(), _without_pickle():
                return mlflow.pyfunc.load_model(model_uri, model_config={"device": "cpu"})
        except MlflowException as error:
            names = sorted({f"models:/{entry.name}@{alias}" for entry in self.registered() for alias in entry.aliases})
            known = f"; there are {', '.join(names)}" if names else "; nothing is registered yet"
            raise InputError(f"{model_uri}: {str(error).strip().splitlines()[0].rstrip('.')}{known}") from error

    def _check_round_trip(self, model_uri: str, model: torch.nn.Module, num_timepoints: int) -> None:
        loaded = self.load(model_uri)
        for size in ROUND_TRIP_BATCHES:
            windows = _windows(size, num_timepoints)
            with torch.inference_mode():
                expected = model(torch.from_numpy(windows)).numpy()
            answered = loaded.predict(windows)
            if answered.shape != expected.shape or not np.allclose(
                answered, expected, atol=ROUND_TRIP_TOLERANCE, rtol=0
            ):
                raise RoundTripError(
                    f"{model_uri} answers a batch of {size} with shape {answered.shape}, expected the probabilities "
                    f"of the model in memory, shape {expected.shape}, within {ROUND_TRIP_TOLERANCE}"
                )

    def _create(self, name: str, model_id: str, run_id: str, tags: Mapping[str, str]) -> RegisteredVersion:
        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        with self.tracking.as_default():  # the store looks the logged model up through MLflow's default
            created = self._client.create_model_version(
                name, f"models:/{model_id}", run_id=run_id, model_id=model_id, tags=dict(tags)
            )
        return self._entry(created)

    def _entry(self, version: ModelVersion, aliases: Mapping[str, str] | None = None) -> RegisteredVersion:
        aliases = self._client.get_registered_model(version.name).aliases if aliases is None else aliases
        return RegisteredVersion(
            name=version.name,
            version=int(version.version),
            aliases=tuple(sorted(alias for alias, number in aliases.items() if int(number) == int(version.version))),
            origin=version.tags.get(ORIGIN_TAG, "unknown"),
            run_id=version.run_id or "",
            run_url=self.tracking.run_url(version.run_id) if version.run_id else "",
            model_id=version.source.removeprefix("models:/"),
            tags=dict(version.tags),
        )


def _unknown(name: str, known: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(nearest)}?" if nearest else f"there are {', '.join(known) or 'none'}"
    return f"no model is registered as {name}; {hint}"


def _signature(num_timepoints: int) -> ModelSignature:
    float32 = np.dtype(np.float32)
    return ModelSignature(
        inputs=Schema([TensorSpec(float32, (-1, num_timepoints, NUM_CHANNELS))]),
        outputs=Schema([TensorSpec(float32, (-1, NUM_ACTIVITIES))]),
    )


def _metadata(num_timepoints: int, *, join_segments: bool) -> dict[str, Any]:
    return {
        "activities": list(ACTIVITIES),
        "channels": list(CHANNELS),
        "units": {name: SENSOR_MEASURES[name.rpartition("_")[2][1:]] for name in CHANNELS},
        "sampling_rate_hz": SAMPLING_RATE_HZ,
        "window_length": num_timepoints,
        "join_segments": join_segments,
    }


def _windows(size: int, num_timepoints: int) -> npt.NDArray[np.float32]:
    """Windows of random numbers (``size``, ``num_timepoints``, 45), the same each time."""
    generator = np.random.default_rng(size)
    return generator.normal(size=(size, num_timepoints, NUM_CHANNELS)).astype(np.float32)


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
