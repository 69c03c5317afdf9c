"""A small experiment with folds, and a home in which they are materialised."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from mlflow.entities import Run

from assets.graph import build_assets, build_resources
from assets.machinery.keys import fold_key
from assets.machinery.lineage import Latest, latest_of_partition
from assets.resources.display import Display
from assets.resources.home import Home
from assets.resources.tracking import Tracking
from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.records import FoldRecord, read_record
from har_core.evaluation.results import FoldResult, score_fold
from har_core.experiment.loader import load_experiment
from har_core.inference.predictions import read_predictions
from har_core.settings.experiment import Experiment

EXPERIMENT = """
[source]
num_subjects = 3
num_segments = 2

[training]
epochs = 2
batch_size = 16
seed = 9

[models]
architectures = ["cnn", "logistic_regression"]
[models.cnn]
base_width = 2

[evaluation]
protocols = ["loso", "leaky"]
seeds = [3, 4]

[runtime]
device = "cpu"
num_threads = 1
"""
FOLDS = ["loso-p1", "loso-p2", "loso-p3", *(f"leaky-{number}" for number in range(1, 6))]
WINDOWS_PER_SUBJECT = DSADS.num_activities * 2


class Place:
    """A home with its instance."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        self.home, self.instance, self.tracking = Home(root), instance, Tracking(Home(root))
        self.experiment = load_experiment(root / "tiny.toml")

    def with_changes(self, before: str, after: str) -> Experiment:
        """The experiment file with other text in it."""
        path = self.home.root / "changed.toml"
        assert before in EXPERIMENT
        path.write_text(EXPERIMENT.replace(before, after), encoding="utf-8")
        return load_experiment(path)

    def graph(self, experiment: Experiment) -> AssetGraph:
        resources = build_resources(self.home)
        return dg.Definitions(assets=build_assets(experiment), resources=resources).resolve_asset_graph()

    def materialise(
        self, *names: str, fold: str | None = None, experiment: Experiment | None = None, display: Display | None = None
    ) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            build_assets(experiment or self.experiment),
            instance=self.instance,
            resources=build_resources(self.home, display),
            selection=[dg.AssetKey.from_user_string(name) for name in names],
            partition_key=fold,
            raise_on_error=False,
        )

    def latest(self, architecture: str, fold: str) -> Latest | None:
        return latest_of_partition(self.instance, fold_key(architecture), fold)

    def result(self, architecture: str, fold: str) -> FoldResult:
        record = read_record(self.home.fold_record(architecture, fold), FoldRecord)
        return score_fold(record, read_predictions(self.home.predictions(f"folds/{architecture}", fold)))

    def runs(self, name: str) -> list[Run]:
        """MLflow runs whose name begins so, oldest first."""
        found = self.tracking.client.search_runs([self.tracking.experiment_id], max_results=1000)
        return [run for run in reversed(found) if run.info.run_name.startswith(name)]
