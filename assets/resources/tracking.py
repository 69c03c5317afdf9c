"""The run tracker: one MLflow run for each Dagster materialisation, in a SQLite store below the home.

Several trainings in one materialisation are runs of their own, nested below it.

Models and their aliases are in :mod:`assets.resources.registry`; what a killed process leaves behind is closed by
:mod:`assets.resources.interrupted`. Nothing here is imported by the core.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import mlflow
from dagster import AssetExecutionContext, ConfigurableResource
from filelock import FileLock
from mlflow import MlflowClient, MlflowException
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunStatus, RunTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from mlflow.utils.time import get_current_time_millis

from assets.machinery.code_versions import INGREDIENTS, flatten
from assets.machinery.commits import git_commit
from assets.machinery.lineage import upstream_versions
from assets.resources.addresses import dagster_url, run_url
from assets.resources.home import Home
from assets.resources.processes import PROCESS_TAG, current_process
from assets.resources.recorded import ASSET_TAG, EXPERIMENT_FILE, EXPERIMENT_HASH_TAG, RUN_TAG
from assets.resources.retries import retrying_what_can_pass
from har_core.base.errors import InputError
from har_core.settings.experiment import Experiment
from har_core.training.events import EpochFinished, EpochRecord, TrainingEvent, TrainingListener, TrainingStarted

EXPERIMENT_NAME = "har"
_MAX_PARAMS = 100
_MAX_PARAM_LENGTH = 6000


class Tracking:
    """The MLflow store of one home, always named by its absolute address, whatever the working directory is."""

    def __init__(self, home: Home) -> None:
        self.home = home

    @property
    def uri(self) -> str:
        """Tracking and registry URI."""
        return f"sqlite:///{self.home.mlruns / 'mlflow.db'}"

    @cached_property
    def client(self) -> MlflowClient:
        """A client of a store that exists."""
        self.prepare()
        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    @cached_property
    def experiment_id(self) -> str:
        """The one experiment of this home."""
        return self.client.get_experiment_by_name(EXPERIMENT_NAME).experiment_id

    def prepare(self) -> None:
        """Create the store and its experiment where they are missing; safe to call from several processes at once.

        MLflow's own migration is not: of four processes on a fresh store three fail, hence the lock.
        """
        self.home.mlruns.mkdir(parents=True, exist_ok=True)
        artifacts = (self.home.mlruns / "artifacts").as_uri()
        with FileLock(self.home.mlruns / ".prepare.lock"):
            if not (self.home.mlruns / "mlflow.db").exists():
                # A store that a client makes puts MLflow's own experiment, Default, into the working directory.
                SqlAlchemyStore(self.uri, artifacts)
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
        before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
        mlflow.set_tracking_uri(self.uri)
        try:
            yield
        finally:
            mlflow.set_tracking_uri(before)

    @contextmanager
    def materialisation(self, context: AssetExecutionContext, experiment: Experiment) -> Iterator["TrackedRun"]:
        """One MLflow run around the body of an asset; FINISHED where the body ends, FAILED where it raises.

        The whole list of problems of a refused input goes to the home's ``problems.txt``.
        """
        with retrying_what_can_pass():
            context.instance.add_run_tags(context.run.run_id, {PROCESS_TAG: current_process()})
            run = self._start(context, experiment)
            with self._open(run):
                yield run

    @contextmanager
    def _open(self, run: "TrackedRun") -> Iterator[None]:
        """Close ``run`` with the work: FINISHED, or FAILED with the error."""
        try:
            yield
        except BaseException as error:
            if isinstance(error, InputError):
                error.write(self.home.problems)
            self.client.set_tag(run.run_id, "har.error", f"{type(error).__name__}: {error}"[:5000])
            self.client.set_terminated(run.run_id, RunStatus.to_string(RunStatus.FAILED))
            raise
        self.client.set_terminated(run.run_id, RunStatus.to_string(RunStatus.FINISHED))

    @contextmanager
    def nested(self, parent: "TrackedRun", name: str) -> Iterator["TrackedRun"]:
        """One MLflow run below ``parent``, with its tags: one of several trainings of a materialisation."""
        tags = {**parent.tags, MLFLOW_PARENT_RUN_ID: parent.run_id}
        started = self.client.create_run(self.experiment_id, run_name=f"{parent.name} {name}", tags=tags)
        run = TrackedRun(self, started.info.run_id, name=f"{parent.name} {name}", tags=tags)
        with self._open(run):
            yield run

    def _start(self, context: AssetExecutionContext, experiment: Experiment) -> "TrackedRun":
        asset = context.asset_key.to_user_string()
        partition = context.partition_key if context.has_partition_key else None
        spec = context.assets_def.get_asset_spec(context.asset_key)
        experiment_file = experiment.path.read_bytes() if experiment.path.is_file() else None
        tags = {
            RUN_TAG: context.run.run_id,
            "dagster.run_url": f"{dagster_url()}/runs/{context.run.run_id}",
            ASSET_TAG: asset,
            "dagster.partition": partition or "",
            "har.code_version": spec.code_version or "",
            "har.upstream_data_versions": json.dumps(upstream_versions(context)),
            "har.git_commit": git_commit(),
            "har.experiment": experiment.name,
            EXPERIMENT_HASH_TAG: "" if experiment_file is None else hashlib.sha256(experiment_file).hexdigest(),
            PROCESS_TAG: current_process(),
        }
        name = asset if partition is None else f"{asset}[{partition}]"
        started = self.client.create_run(self.experiment_id, run_name=name, tags=tags)
        run = TrackedRun(self, started.info.run_id, name=name, tags=tags, ingredients=spec.metadata.get(INGREDIENTS))
        resolved = experiment.resolved()
        run.log_params(flatten(resolved))
        run.log_json("experiment.json", resolved)
        if experiment_file is not None:
            run.log_bytes(EXPERIMENT_FILE, experiment_file)
        return run


class TrackedRun:
    """One MLflow run in progress, named by its id rather than by MLflow's global state."""

    def __init__(
        self,
        tracking: Tracking,
        run_id: str,
        *,
        name: str = "",
        tags: Mapping[str, str] | None = None,
        ingredients: Mapping[str, Any] | None = None,
    ) -> None:
        self.tracking = tracking
        self.run_id = run_id
        self.name = name
        self.tags = tags or {}
        """Those that the run was opened with."""
        self.ingredients = ingredients
        """What the definition of the asset says it is made with (:mod:`assets.machinery.code_versions`)."""
        self._client = tracking.client

    @property
    def url(self) -> str:
        """Where MLflow's UI shows this run."""
        return self.tracking.run_url(self.run_id)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags in one write."""
        self._client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log parameters, in writes of the size that the store takes."""
        entries = [Param(key, str(value)[:_MAX_PARAM_LENGTH]) for key, value in params.items()]
        for first in range(0, len(entries), _MAX_PARAMS):
            self._client.log_batch(self.run_id, params=entries[first : first + _MAX_PARAMS])

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log metrics in one write: writers of SQLite queue."""
        now = get_current_time_millis()
        self._client.log_batch(self.run_id, metrics=[Metric(key, value, now, step) for key, value in metrics.items()])

    def log_input(self, name: str, version: str, source: Path) -> None:
        """Record a data set that went in: its digest is its data version."""
        dataset = Dataset(
            name=name,
            digest=version[:36],
            source_type="local",
            source=json.dumps({"uri": str(source)}),
            profile=json.dumps({"data_version": version}),
        )
        self._client.log_inputs(self.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", name)])])

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Copy a file into the run."""
        self._client.log_artifact(self.run_id, str(path), folder)

    def log_bytes(self, name: str, content: bytes) -> None:
        """Write an artifact; ``name`` may start with a folder."""
        folder, _, file_name = name.rpartition("/")
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / file_name
            path.write_bytes(content)
            self.log_file(path, folder or None)

    def log_json(self, name: str, value: Any) -> None:
        """Write a JSON artifact."""
        self.log_bytes(name, json.dumps(value, indent=2, ensure_ascii=False).encode())

    def log_table(self, name: str, columns: Mapping[str, list[Any]]) -> None:
        """Write a table that MLflow's UI shows as one; ``name`` ends in ``.json``."""
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        self.log_json(name, {"columns": list(columns), "data": rows})

    def listener(self, then: TrainingListener) -> TrainingListener:
        """Logs once an epoch, and passes every event on; epochs of an interrupted run are logged at the start."""

        def listen(event: TrainingEvent) -> None:
            if isinstance(event, TrainingStarted):
                for record in event.resumed:
                    self._log_epoch(record)
            elif isinstance(event, EpochFinished):
                self._log_epoch(event.record)
            then(event)

        return listen

    def _log_epoch(self, record: EpochRecord) -> None:
        self.log_metrics(
            {
                "training_loss": record.training_loss,
                "validation_loss": record.validation_loss,
                "validation_macro_f1": record.validation_macro_f1,
                "validation_accuracy": record.validation_accuracy,
                "learning_rate": record.learning_rate,
                "epoch_seconds": record.seconds,
            },
            step=record.epoch,
        )


class TrackingResource(ConfigurableResource):
    """Gives assets the tracker of their home. Runs are opened in asset bodies: each step process has its own."""

    root: str

    def tracking(self) -> Tracking:
        """The tracker of the home at ``root``."""
        return Tracking(Home(Path(self.root)))
