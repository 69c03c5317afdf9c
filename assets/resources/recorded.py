"""What MLflow keeps of a run: read for who looks back. What is written is the business of the tracker."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowException

from assets.resources.tracking import Tracking


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One MLflow run as it was recorded."""

    run_id: str
    url: str
    status: str
    """``FINISHED``, ``FAILED`` …; ``DELETED`` where it lies in MLflow's bin."""
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    """The last value of each."""

    @property
    def upstream(self) -> dict[str, str]:
        """Data version of what went in, by asset."""
        return json.loads(self.tags.get("har.upstream_data_versions") or "{}")


def read_run(tracking: Tracking, run_id: str) -> RecordedRun | None:
    """The run of this id, None where there is none (any more)."""
    try:
        run = tracking.client.get_run(run_id)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise
    return RecordedRun(
        run_id=run_id,
        url=tracking.run_url(run_id),
        status=run.info.status if run.info.lifecycle_stage == "active" else "DELETED",
        tags=dict(run.data.tags),
        params=dict(run.data.params),
        metrics=dict(run.data.metrics),
    )


def read_artifact(tracking: Tracking, run_id: str, name: str) -> bytes | None:
    """The bytes of an artifact of a run, None where it is not there (any more)."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return Path(tracking.client.download_artifacts(run_id, name, folder)).read_bytes()
        except (MlflowException, OSError):
            return None
