"""One MLflow run in progress: what is logged to it, and how it is opened and closed."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from mlflow.utils.time import get_current_time_millis

from assets.resources.addresses import run_url
from assets.resources.tracking import Tracking
from har_core.base.text import printable_lines, to_json
from har_core.training.events import (
    EpochFinished,
    EpochRecord,
    Pretraining,
    TrainingEvent,
    TrainingListener,
    TrainingStarted,
)

_MAX_PARAMS = 100
_MAX_PARAM_LENGTH = 6000


@contextmanager
def start_run(tracking: Tracking, name: str, tags: Mapping[str, str]) -> Iterator["TrackedRun"]:
    """A new MLflow run around the work: FINISHED at its end, or FAILED with the error."""
    started = tracking.client.create_run(tracking.experiment_id, run_name=name, tags=dict(tags))
    run = TrackedRun(tracking, started.info.run_id, name, tags)
    try:
        yield run
    except BaseException as error:
        tracking.client.set_tag(run.run_id, "har.error", printable_lines(f"{type(error).__name__}: {error}")[:5000])
        tracking.client.set_terminated(run.run_id, "FAILED")
        raise
    tracking.client.set_terminated(run.run_id, "FINISHED")


@dataclass(frozen=True, slots=True, eq=False)
class TrackedRun:
    """One MLflow run in progress, named by its id rather than by MLflow's global state."""

    tracking: Tracking
    run_id: str
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Those that the run was opened with."""

    def nested(self, name: str) -> AbstractContextManager["TrackedRun"]:
        """One MLflow run below this one, with its tags: one of several trainings of a materialisation."""
        return start_run(self.tracking, f"{self.name} {name}", {**self.tags, MLFLOW_PARENT_RUN_ID: self.run_id})

    @property
    def url(self) -> str:
        """Where MLflow's UI shows this run."""
        return run_url(self.tracking.experiment_id, self.run_id)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags in one write."""
        self.tracking.client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log parameters, in writes of the size that the store takes."""
        entries = [Param(key, str(value)[:_MAX_PARAM_LENGTH]) for key, value in params.items()]
        for first in range(0, len(entries), _MAX_PARAMS):
            self.tracking.client.log_batch(self.run_id, params=entries[first : first + _MAX_PARAMS])

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log metrics in one write: writers of SQLite queue."""
        now = get_current_time_millis()  # type: ignore[no-untyped-call]
        self.tracking.client.log_batch(
            self.run_id, metrics=[Metric(key, value, now, step) for key, value in metrics.items()]
        )

    def log_input(self, name: str, version: str, source: Path) -> None:
        """Record a data set that went in: its digest is its data version."""
        dataset = Dataset(
            name=name,
            digest=version[:36],
            source_type="local",
            source=json.dumps({"uri": str(source)}),
            profile=json.dumps({"data_version": version}),
        )
        self.tracking.client.log_inputs(self.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", name)])])

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Copy a file into the run."""
        self.tracking.client.log_artifact(self.run_id, str(path), folder)

    def log_bytes(self, name: str, content: bytes) -> None:
        """Write an artifact; ``name`` may start with a folder."""
        folder, _, file_name = name.rpartition("/")
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / file_name
            path.write_bytes(content)
            self.log_file(path, folder or None)

    def log_json(self, name: str, value: Any) -> None:
        """Write a JSON artifact."""
        self.log_bytes(name, to_json(value).encode())

    def log_table(self, name: str, columns: Mapping[str, list[Any]]) -> None:
        """Write a table that MLflow's UI shows as one; ``name`` ends in ``.json``."""
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        self.log_json(name, {"columns": list(columns), "data": rows})

    def listener(self, then: TrainingListener) -> TrainingListener:
        """Logs once an epoch, and passes every event on; epochs of an interrupted run are logged at the start.

        Their metrics have ``epoch/`` before their names, those of a pretraining its own name: what counts of a model is
        said once, by role, when it is made.
        """

        def log(event: TrainingEvent, prefix: str = "epoch/") -> None:
            if isinstance(event, Pretraining):
                log(event.event, "pretraining/")
            elif isinstance(event, TrainingStarted):
                for record in event.resumed:
                    self._log_epoch(record, prefix)
            elif isinstance(event, EpochFinished):
                self._log_epoch(event.record, prefix)

        def listen(event: TrainingEvent) -> None:
            log(event)
            then(event)

        return listen

    def _log_epoch(self, record: EpochRecord, prefix: str) -> None:
        metrics = {name: value for name, value in asdict(record).items() if value is not None}
        step = metrics.pop("epoch")
        ordered = sorted(metrics, key=lambda name: name != "validation_macro_f1")  # MLflow's table keeps the order
        self.log_metrics({f"{prefix}{name}": metrics[name] for name in ordered}, step)
