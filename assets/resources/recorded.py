"""What MLflow keeps of a run, read for those who look back, and the names under which the tracker writes it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from assets.resources.addresses import run_url
from assets.resources.store import Store, local_path

RUN_TAG = "dagster.run_id"
ASSET_TAG = "dagster.asset_key"
EXPERIMENT_FILE = "experiment.toml"
"""Artifact: the experiment file as it was."""
EXPERIMENT_HASH_TAG = "har.experiment_sha256"
""":data:`EXPERIMENT_FILE`'s SHA-256."""

_RUN = "SELECT status, lifecycle_stage, experiment_id, artifact_uri FROM runs WHERE run_uuid = ?"
_TAGS = "SELECT key, value FROM tags WHERE run_uuid = ?"
_PARAMS = "SELECT key, value FROM params WHERE run_uuid = ?"
_METRICS = "SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ?"


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
    artifacts: str
    """URI of the folder of its artifacts."""

    @property
    def upstream(self) -> dict[str, str]:
        """Data version of what went in, by asset."""
        return dict(json.loads(self.tags.get("har.upstream_data_versions") or "{}"))

    def artifact(self, name: str) -> bytes | None:
        """The bytes of an artifact, None where it is not there (any more)."""
        folder = local_path(self.artifacts)
        try:
            return None if folder is None else (folder / name).read_bytes()
        except OSError:
            return None


def read_run(store: Store, run_id: str) -> RecordedRun | None:
    """The run of this id, None where there is none (any more)."""
    with store.open() as connection:
        run = connection.execute(_RUN, (run_id,)).fetchone()
        if run is None:
            return None
        status, lifecycle_stage, experiment_id, artifacts = run
        metrics = connection.execute(_METRICS, (run_id,))
        return RecordedRun(
            run_id=run_id,
            url=run_url(experiment_id, run_id),
            status=status if lifecycle_stage == "active" else "DELETED",
            tags=dict(connection.execute(_TAGS, (run_id,))),
            params=dict(connection.execute(_PARAMS, (run_id,))),
            metrics={name: math.nan if is_nan else value for name, value, is_nan in metrics},
            artifacts=artifacts,
        )
