"""A model that is pretrained: what is shown and logged of it, and what an interruption leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
from narrowing import as_type

from assets.graph import build_assets
from assets.machinery.lineage import RUN_ID
from assets.resources.display import LogDisplay
from har_core.settings.experiment import Experiment
from har_core.settings.pretraining import PretrainingSettings
from har_core.training.events import EpochFinished, Pretraining, TrainingEvent
from har_core.training.unfinished import of_pretraining

if TYPE_CHECKING:
    from tests.assets.conftest import Graph


def pretrained(experiment: Experiment) -> Experiment:
    """The same with two epochs of pretraining for the network ``cnn``."""
    own, models = experiment.model_settings("cnn"), experiment.models
    training = own.training.model_copy(update={"pretraining": PretrainingSettings(task="masked", epochs=2)})
    settings = {**models.settings, "cnn": own.model_copy(update={"training": training})}
    return experiment.model_copy(update={"models": models.model_copy(update={"settings": settings})})


class Recorder(LogDisplay):
    def __init__(self, *, stops_at: int | None = None) -> None:
        self.stops_at = stops_at
        self.events: list[TrainingEvent] = []

    def training(self, asset: str, event: TrainingEvent) -> None:
        super().training(asset, event)
        self.events.append(event)
        if len(self.pretraining) == self.stops_at:
            raise KeyboardInterrupt

    @property
    def pretraining(self) -> list[int]:
        events = [event.event for event in self.events if isinstance(event, Pretraining)]
        return [event.record.epoch for event in events if isinstance(event, EpochFinished)]


def test_a_pretraining_is_logged_beside_the_training_and_goes_on_after_an_interruption(graph: Graph) -> None:
    experiment = pretrained(graph.experiment)
    checkpoint = graph.home.checkpoint("models/cnn")
    stopped = Recorder(stops_at=1)
    assert not graph.materialise("models/cnn", experiment=experiment, display=stopped).success
    assert of_pretraining(checkpoint).is_file()
    assert not checkpoint.exists()

    recorder = Recorder()
    assert graph.materialise("models/cnn", experiment=experiment, display=recorder).success
    assert recorder.pretraining == [2]
    assert not list(graph.home.data.glob("checkpoints/**/*.pt"))
    run_id = as_type(str, graph.latest("models/cnn").metadata[RUN_ID].value)
    histories = {
        name: [metric.step for metric in graph.tracking.client.get_metric_history(run_id, name)]
        for name in ("pretraining/training_loss", "epoch/training_loss", "pretraining/validation_loss")
    }
    assert histories == {
        "pretraining/training_loss": [1, 2],
        "epoch/training_loss": [1, 2],
        "pretraining/validation_loss": [],
    }
    assert [record["epoch"] for record in graph.result("cnn").history] == [1, 2]
    run = graph.tracking.client.get_run(run_id)
    assert run.data.params["pretraining.task"] == "masked"


def test_a_pretraining_makes_its_own_model_stale_and_no_other(graph: Graph) -> None:
    def versions(experiment: Experiment) -> dict[str, str | None]:
        made = [asset for asset in build_assets(experiment) if isinstance(asset, dg.AssetsDefinition)]
        return {spec.key.to_user_string(): spec.code_version for asset in made for spec in asset.specs}

    before, after = versions(graph.experiment), versions(pretrained(graph.experiment))
    assert {name for name in before if before[name] != after[name]} == {"models/cnn", "comparison_report"}
