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

from assets.resources.sqlite import MLFLOW, SECONDS_TO_WAIT, plain_path, trouble_of
from assets.resources.store import (
    COPIED_FROM_TAG,
    EXPERIMENT_NAME,
    FILES_TAG,
    MADE_BY_TAG,
    RegisteredVersion,
    Store,
    recorded_artifacts,
)
from har_core.base.errors import HarError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SECONDS_TO_PREPARE = 60
"""For another process that makes or migrates the store."""
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
        return f"sqlite:///{plain_path(self.home.mlruns) / self.path.name}"

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
        moved or copied since, the store's addresses follow it. An experiment that was deleted is restored.

        Raises:
            HarError: the store is damaged, another MLflow wrote it, or another process keeps it.
        """
        from mlflow import MlflowClient
        from mlflow.entities import LifecycleStage

        self.home.mlruns.mkdir(parents=True, exist_ok=True)
        artifacts = self.home.artifacts.as_uri()
        with FileLock(self.home.mlruns / ".prepare.lock", timeout=_SECONDS_TO_PREPARE):
            if (trouble := trouble_of(self.path, MLFLOW)) is not None:  # MLflow tries it again for minutes
                raise HarError(str(trouble))
            if not self.path.exists() or self.path.stat().st_size == 0:
                self._make(artifacts)
            self.follow_home()
            client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            experiment = client.get_experiment_by_name(EXPERIMENT_NAME)
            if experiment is None:
                client.create_experiment(EXPERIMENT_NAME, artifact_location=artifacts)
            elif experiment.lifecycle_stage == LifecycleStage.DELETED:
                client.restore_experiment(experiment.experiment_id)

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
        with closing(sqlite3.connect(self.path, timeout=SECONDS_TO_WAIT)) as connection, connection:
            for table, column in _ADDRESSES:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 - names of ours
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (now, len(before) + 1, before, len(before) + 1, f"{before}/"),
                )

    @contextmanager
    def as_default(self) -> Iterator[None]:
        """Make this store MLflow's default for calls that take no client, and restore what was before.

        MLflow's default registry is then this store too.
        """
        import mlflow

        before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None  # type: ignore[no-untyped-call]
        mlflow.set_tracking_uri(self.uri)
        try:
            yield
        finally:
            mlflow.set_tracking_uri(before)  # type: ignore[arg-type]

    def register(self, name: str, model_uri: str, run_id: str, tags: Mapping[str, str]) -> RegisteredVersion:
        """Make a logged model, ``models:/m-…`` of the run ``run_id``, a version of ``name``; no alias moves.

        The hashes of its files are among the tags, or become one of them.
        """
        from mlflow import MlflowException

        from assets.resources.model_files import hash_model_files

        tags = {FILES_TAG: hash_model_files(self.folder_of(model_uri)), **tags}

        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        model_id = model_uri.removeprefix("models:/")
        with self.as_default():  # the store looks the logged model up through MLflow's default
            created = self.client.create_model_version(name, model_uri, run_id=run_id, model_id=model_id, tags=tags)
        return self.get(name, int(created.version))

    def restore_run(self, run_id: str) -> None:
        """Take a run out of MLflow's bin."""
        if run_id not in self.contents().runs:  # its experiment may have brought it back
            self.client.restore_run(run_id)

    def copy(self, entry: RegisteredVersion, name: str) -> RegisteredVersion:
        """The model behind ``entry`` as a version of ``name`` too, with its tags; made where there is none yet."""
        for known in self.registered():
            if known.name == name and known.model_id == entry.model_id:
                return known
        tags = {**entry.tags, COPIED_FROM_TAG: f"{entry.name}/{entry.version}"}
        return self.register(name, f"models:/{entry.model_id}", entry.run_id, tags)

    def describe(self, entry: RegisteredVersion, text: str) -> None:
        """Make Markdown the description of a version."""
        self.client.update_model_version(entry.name, str(entry.version), text)

    def describe_model(self, name: str, text: str, made_by_url: str) -> None:
        """Make Markdown the description of a registered model, and a tag of it the way back to what made it."""
        self.client.update_registered_model(name, text)
        self.client.set_registered_model_tag(name, MADE_BY_TAG, made_by_url)

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Move ``alias`` of ``name`` to ``version``."""
        self.client.set_registered_model_alias(name, alias, str(version))

    @contextmanager
    def moved_alias(self, alias: str, versions: Mapping[str, int]) -> Iterator[None]:
        """Move ``alias`` of each registered model to its version, and back where one cannot be moved or the body fails.

        So aliases move together with what is done in the body, or not at all.
        """
        before = {name: self.by_alias(name, alias) for name in versions}
        moved: list[str] = []
        try:
            for name, version in versions.items():
                moved.append(name)
                self.set_alias(name, alias, version)
            yield
        except BaseException:
            for name in moved:
                holder = before[name]
                if holder is None:
                    self.client.delete_registered_model_alias(name, alias)
                else:
                    self.set_alias(name, alias, holder.version)
            raise
