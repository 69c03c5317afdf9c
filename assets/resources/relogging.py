"""Logs a model to MLflow again, from the files that an earlier run left: nothing is trained, exported or loaded."""

import shutil
import tempfile
from pathlib import Path

from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.models import Model

from assets.resources.runs import TrackedRun


def log_again(run: TrackedRun, name: str, folder: Path) -> str:
    """Make the files of a logged model in ``folder``, copied, a logged model of ``run``.

    Returns:
        The URI of the logged model; it is not registered yet.
    """
    tracking = run.tracking
    logged = tracking.client.create_logged_model(tracking.experiment_id, name=name, source_run_id=run.run_id)
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(shutil.copytree(folder, Path(temporary) / "model"))
        description = Model.load(str(copy))
        description.model_uuid = description.model_id = logged.model_id
        description.run_id, description.artifact_path = run.run_id, logged.artifact_location
        description.save(str(copy / "MLmodel"))
        tracking.client.log_model_artifacts(logged.model_id, str(copy))
    tracking.client.log_outputs(run.run_id, [LoggedModelOutput(logged.model_id, step=0)])
    tracking.client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    return f"models:/{logged.model_id}"
