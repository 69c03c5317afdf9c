"""Where everything lies below ``HAR_HOME``. Paths only: who may write when is said in :mod:`.occupation`."""

import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The folders and files of one home; nothing is created by asking."""

    root: Path
    """Absolute."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(os.path.abspath(self.root)))  # noqa: PTH100 - links stay links

    @property
    def data(self) -> Path:
        """Every output of an asset."""
        return self.root / "data"

    @property
    def manifest(self) -> Path:
        """One row a segment file."""
        return self.data / "raw" / "manifest.parquet"

    @property
    def recordings(self) -> Path:
        """All samples, parsed."""
        return self.data / "raw" / "recordings.arrow"

    @property
    def raw(self) -> Path:
        """Acquired sources: a downloaded archive, or recordings that were made."""
        return self.data / "raw"

    @property
    def findings(self) -> Path:
        """What the audit found in the recordings."""
        return self.data / "audit" / "findings.parquet"

    @property
    def windows(self) -> Path:
        """All windows."""
        return self.data / "windows" / "windows.parquet"

    def splits(self, protocol: str) -> Path:
        """Folder of the normalised roles and their statistics."""
        return self.data / "splits" / protocol

    def record(self, architecture: str) -> Path:
        """Recipe, history and cost of one trained architecture."""
        return self.data / "models" / architecture / "result.json"

    def fold_record(self, architecture: str, fold: str) -> Path:
        """Recipe and roles of one architecture in one fold, over all seeds."""
        return self.data / "folds" / architecture / f"{fold}.json"

    def predictions(self, asset_key: str, partition: str) -> Path:
        """Probabilities of every validation and test window; ``asset_key`` as in ``models/lstm``."""
        return self.data / "predictions" / asset_key / f"{partition}.parquet"

    def checkpoint(self, asset_key: str, partition: str | None = None) -> Path:
        """State of an unfinished training; removed once its model is published."""
        name = asset_key if partition is None else f"{asset_key}/{partition}"
        return self.data / "checkpoints" / f"{name}.pt"

    def checkpoints(self, asset_key: str, partition: str) -> Path:
        """Folder of the states of the trainings of one partition; removed once it is published."""
        return self.checkpoint(asset_key, partition).with_suffix("")

    @property
    def scratch(self) -> Path:
        """Samples that training maps from files rather than holds in memory; the files have no names."""
        return self.data / "scratch"

    @property
    def report_folder(self) -> Path:
        """The newest comparison report."""
        return self.data / "reports" / "latest"

    @property
    def mlruns(self) -> Path:
        """MLflow's store and artifacts."""
        return self.root / "mlruns"

    @property
    def dagster(self) -> Path:
        """``DAGSTER_HOME``."""
        return self.root / ".dagster"

    @property
    def log(self) -> Path:
        """What Dagster and MLflow say while ``har`` works."""
        return self.dagster / "har.log"

    @property
    def memory(self) -> Path:
        """JSON ``{"experiment": path, "data": path or null}``: what this home serves, and its copy of the data."""
        return self.dagster / "har.json"

    @property
    def lock(self) -> Path:
        """Held by the process at work in this home."""
        return self.dagster / "har.lock"

    @property
    def problems(self) -> Path:
        """Every problem of the last input that was refused, one a line."""
        return self.root / "problems.txt"

    @property
    def failures(self) -> Path:
        """A page for each run that failed while the sensor for it was on."""
        return self.root / "failures"

    def data_location(self) -> Path | None:
        """The recordings that ``--data`` named, as remembered; None where the experiment file decides."""
        if not self.memory.is_file():
            return None
        location = json.loads(self.memory.read_text(encoding="utf-8")).get("data")
        return None if location is None else Path(location)
