"""The model registry of a home, written through MLflow: what becomes a version of which model, and moves which alias.

What is registered is read without MLflow (:mod:`assets.resources.store`); how a model is exported and loaded is in
:mod:`assets.resources.export`, which imports PyTorch and MLflow when it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from assets.resources.store import COPIED_FROM_TAG, RegisteredVersion, Store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.pyfunc import PyFuncModel
    from torch import nn

    from assets.resources.runs import TrackedRun
    from assets.resources.tracking import Tracking


class Registry(Store):
    """Registered models of one home."""

    def __init__(self, tracking: Tracking) -> None:
        super().__init__(tracking.home)
        self.tracking = tracking

    @property
    def _client(self) -> MlflowClient:
        return self.tracking.client

    def log(
        self, run: TrackedRun, name: str, model: nn.Module, *, num_timepoints: int, join_segments: bool = False
    ) -> str:
        """:func:`assets.resources.export.log_model` in this home."""
        from assets.resources.export import log_model

        return log_model(self.tracking, run, name, model, num_timepoints=num_timepoints, join_segments=join_segments)

    def load(self, model_uri: str) -> PyFuncModel:
        """:func:`assets.resources.export.load_model` from this home."""
        from assets.resources.export import load_model

        return load_model(self.tracking, model_uri)

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

    def _create(self, name: str, model_id: str, run_id: str, tags: Mapping[str, str]) -> RegisteredVersion:
        from mlflow import MlflowException

        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        with self.tracking.as_default():  # the store looks the logged model up through MLflow's default
            created = self._client.create_model_version(
                name, f"models:/{model_id}", run_id=run_id, model_id=model_id, tags=dict(tags)
            )
        return self.get(name, int(created.version))
