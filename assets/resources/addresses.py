"""Where Dagster and MLflow show what: ``HAR_DAGSTER_URL``, ``HAR_MLFLOW_URL``, or where ``har ui`` serves them.

MLflow 3 opens on pages for chat programs unless an address, behind its ``#``, says otherwise.
"""

import os

_VIEW = "?workflowType=machine_learning"
MLFLOW_START = f"#/experiments{_VIEW}"
"""What MLflow's address ends with where its list of experiments is meant."""


def dagster_url() -> str:
    """Of Dagster's UI, without a slash at its end."""
    return os.environ.get("HAR_DAGSTER_URL", "http://127.0.0.1:3000").rstrip("/")


def mlflow_url() -> str:
    """Of MLflow's UI, without a slash at its end."""
    return os.environ.get("HAR_MLFLOW_URL", "http://127.0.0.1:5000").rstrip("/")


def mlflow_start_url() -> str:
    """Where MLflow's UI lists experiments."""
    return f"{mlflow_url()}/{MLFLOW_START}"


def run_url(experiment_id: str | int, run_id: str) -> str:
    """Where MLflow's UI shows a run."""
    return f"{mlflow_url()}/#/experiments/{experiment_id}/runs/{run_id}{_VIEW}"


def model_url(name: str, version: int) -> str:
    """Where MLflow's UI shows a version of a registered model."""
    return f"{mlflow_url()}/#/models/{name}/versions/{version}{_VIEW}"


def asset_url(asset: str) -> str:
    """Where Dagster's UI shows an asset, named as in ``models/cnn``."""
    return f"{dagster_url()}/assets/{asset}"
