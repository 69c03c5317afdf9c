"""The MLflow store of one home, in SQLite below it: its address and its client.

Importing this module does not import MLflow, which takes seconds; asking for the client does. Runs in progress are in
:mod:`assets.resources.runs`, models and their aliases in :mod:`assets.resources.registry`; what a killed process leaves
behind is closed by :mod:`assets.resources.interrupted`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from filelock import FileLock

from assets.resources.addresses import run_url
from assets.resources.home import Home

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT_NAME = "har"


class Tracking:
    """The MLflow store of one home, always named by its absolute address, whatever the working directory is."""

    def __init__(self, home: Home) -> None:
        self.home = home

    @property
    def uri(self) -> str:
        """Tracking and registry URI."""
        return f"sqlite:///{self.home.mlruns / 'mlflow.db'}"

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

        MLflow's own migration is not: of four processes on a fresh store three fail, hence the lock.
        """
        from mlflow import MlflowClient, MlflowException
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        self.home.mlruns.mkdir(parents=True, exist_ok=True)
        artifacts = (self.home.mlruns / "artifacts").as_uri()
        with FileLock(self.home.mlruns / ".prepare.lock"):
            if not (self.home.mlruns / "mlflow.db").exists():
                # A store that a client makes puts MLflow's own experiment, Default, into the working directory.
                SqlAlchemyStore(self.uri, artifacts)  # type: ignore[no-untyped-call]
            client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            if client.get_experiment_by_name(EXPERIMENT_NAME) is not None:
                return
            try:
                client.create_experiment(EXPERIMENT_NAME, artifact_location=artifacts)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise

    def run_url(self, run_id: str) -> str:
        """Where MLflow's UI shows a run."""
        return run_url(self.experiment_id, run_id)

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
