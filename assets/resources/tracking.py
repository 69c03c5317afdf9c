"""The MLflow store of one home, in SQLite below it, as it is written: through MLflow's own client.

Importing this module does not import MLflow, which takes seconds; asking for the client does. Reading goes without it
(:mod:`assets.resources.store`). Runs in progress are in :mod:`assets.resources.runs`, the export and loading of models
is in :mod:`assets.resources.export`; :mod:`assets.resources.interrupted` closes what a killed process left open.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from filelock import FileLock

from assets.resources.store import COPIED_FROM_TAG, EXPERIMENT_NAME, RegisteredVersion, Store, recorded_artifacts

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
"""Tables and columns in which MLflow keeps where artifacts are."""


class Tracking(Store):
    """The MLflow store of one home, always named by its absolute address, whatever the working directory is."""

    @property
    def uri(self) -> str:
        """Tracking and registry URI."""
        return f"sqlite:///{self.path}"

    @cached_property
    def client(self) -> "MlflowClient":
        """A client of a store that exists."""
        from mlflow import MlflowClient

        self.prepare()
        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    @cached_property
    def experiment_id(self) -> str:
        """The one experiment of this home."""
        found = self.client.get_experiment_by_name(EXPERIMENT_NAME)
        return "" if found is None else str(found.experiment_id)

    def prepare(self) -> None:
        """Create the store and its experiment where they are missing; safe to call from several processes at once.

        MLflow's own migration is not: of four processes on a fresh store three fail, hence the lock. Where the home was
        moved or copied since, the store's addresses follow it.
        """
        from mlflow import MlflowClient

        self.home.mlruns.mkdir(parents=True, exist_ok=True)
        artifacts = self.home.artifacts.as_uri()
        with FileLock(self.home.mlruns / ".prepare.lock"):
            if not self.path.exists():
                self._make(artifacts)
            self.follow_home()
            client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            if client.get_experiment_by_name(EXPERIMENT_NAME) is None:
                client.create_experiment(EXPERIMENT_NAME, artifact_location=artifacts)

    def _make(self, artifacts: str) -> None:
        """Make the store whole or not at all: a process that is killed meanwhile would leave tables half-made for good.

        Only under the lock.
        """
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        folder = self.home.mlruns / ".new"
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
        folder.mkdir()
        # A store that a client makes puts MLflow's own experiment, Default, into the working directory.
        uri = f"{self.uri.removesuffix(self.path.name)}{folder.name}/{self.path.name}"
        SqlAlchemyStore(uri, artifacts).engine.dispose()  # type: ignore[no-untyped-call]
        (folder / self.path.name).replace(self.path)
        folder.rmdir()

    def follow_home(self) -> None:
        """Have MLflow find artifacts where they are, in one step, where the home was moved; imports no MLflow."""
        if not self.path.is_file():
            return
        with self.open() as connection:
            before, now = recorded_artifacts(connection), self.home.artifacts.as_uri()
        if before is None or before == now:
            return
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for table, column in _ADDRESSES:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 - names of ours
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (now, len(before) + 1, before, len(before) + 1, f"{before}/"),
                )

    @contextmanager
    def as_default(self) -> Iterator[None]:
        """Make this store MLflow's default for calls that take no client, and restore what was before."""
        import mlflow

        before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None  # type: ignore[no-untyped-call]
        mlflow.set_tracking_uri(self.uri)
        try:
            yield
        finally:
            mlflow.set_tracking_uri(before)  # type: ignore[arg-type]

    def register(self, name: str, model_uri: str, run_id: str, tags: Mapping[str, str]) -> RegisteredVersion:
        """Make a logged model, ``models:/m-…`` of the run ``run_id``, a version of ``name``; no alias moves."""
        from mlflow import MlflowException

        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        model_id = model_uri.removeprefix("models:/")
        with self.as_default():  # the store looks the logged model up through MLflow's default
            created = self.client.create_model_version(
                name, model_uri, run_id=run_id, model_id=model_id, tags=dict(tags)
            )
        return self.get(name, int(created.version))

    def copy(self, entry: RegisteredVersion, name: str) -> RegisteredVersion:
        """Make the model behind ``entry`` a version of ``name`` too, with its tags; no alias moves."""
        tags = {**entry.tags, COPIED_FROM_TAG: f"{entry.name}/{entry.version}"}
        return self.register(name, f"models:/{entry.model_id}", entry.run_id, tags)

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Move ``alias`` of ``name`` to ``version``."""
        self.client.set_registered_model_alias(name, alias, str(version))

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
                    self.client.delete_registered_model_alias(name, alias)
                else:
                    self.set_alias(name, alias, holder.version)
            raise
