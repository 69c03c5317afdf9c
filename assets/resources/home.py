"""Where everything lies below ``HAR_HOME``. Paths only: who may write when is said in :mod:`.occupation`."""

import os
from pathlib import Path


class Home:
    """The folders and files of one home; nothing is created by asking."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 - links stay links
        self.problems = self.root / "problems.txt"
        """Every problem of the last input that was refused, one a line."""
        self.failures = self.root / "failures"
        """A page for each run that failed while the sensor for it was on."""

        self.data = self.root / "data"
        """Every output of an asset."""
        self.raw = self.data / "raw"
        """Acquired sources: a downloaded archive, or recordings that were made."""
        self.manifest = self.raw / "manifest.parquet"
        """One row a segment file."""
        self.recordings = self.raw / "recordings.arrow"
        """All samples, parsed."""
        self.findings = self.data / "audit" / "findings.parquet"
        """What the audit found in the recordings."""
        self.windows = self.data / "windows" / "windows.parquet"
        """All windows."""
        self.report_folder = self.data / "reports" / "latest"
        """The newest comparison report."""
        self.scratch = self.data / "scratch"
        """Samples that training maps from files rather than holds in memory; the files have no names."""

        self.mlruns = self.root / "mlruns"
        """MLflow's store and artifacts."""
        self.mlflow_store = self.mlruns / "mlflow.db"
        """Runs, models and aliases, in SQLite."""
        self.artifacts = self.mlruns / "artifacts"
        """The files of runs and models."""
        self.dagster = self.root / ".dagster"
        """``DAGSTER_HOME``."""
        self.log = self.dagster / "har.log"
        """What Dagster and MLflow say while ``har`` works."""
        self.memory = self.dagster / "har.json"
        """What this home serves, and where its recordings lie, as JSON (:mod:`.memory`)."""
        self.lock = self.dagster / "har.lock"
        """Held by the process at work in this home."""
        self.holder = self.dagster / "har.holder.json"
        """Who that is; not in the lock itself, which whoever tries for it truncates."""

    def __repr__(self) -> str:
        return f"Home({str(self.root)!r})"

    def splits(self, protocol: str) -> Path:
        """Folder of the normalised roles and their statistics."""
        return self.data / "splits" / protocol

    def record(self, architecture: str) -> Path:
        """Recipe, history and cost of one trained architecture."""
        return self.data / "models" / architecture / "result.json"

    def fold_record(self, architecture: str, fold: str) -> Path:
        """Recipe and roles of one architecture in one fold, over all seeds."""
        return self.data / "folds" / architecture / f"{fold}.json"

    def transfer_record(self, model: str) -> Path:
        """How one model was fitted on to each person who tests."""
        return self.data / "transferred" / model / "result.json"

    def predictions(self, asset_key: str, partition: str) -> Path:
        """Probabilities of every validation and test window; ``asset_key`` as in ``models/lstm``."""
        return self.data / "predictions" / asset_key / f"{partition}.parquet"

    def checkpoint(self, asset_key: str) -> Path:
        """State of an unfinished training; removed once its model is published."""
        return self.data / "checkpoints" / f"{asset_key}.pt"

    def checkpoints(self, asset_key: str, partition: str) -> Path:
        """Folder of the states of the trainings of one partition; removed once it is published."""
        return self.data / "checkpoints" / asset_key / partition

    def search(self, architecture: str) -> Path:
        """Folder of what the latest search found."""
        return self.data / "search" / architecture

    def study(self, architecture: str, key: str) -> Path:
        """The trials of a search, in SQLite, finished or not; ``key`` stands for all that makes trials comparable."""
        return self.data / "studies" / architecture / f"{key}.db"
