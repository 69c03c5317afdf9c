"""A student in a home where its teacher ran: how it is registered, and what makes it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from assets.graph import build_assets, build_resources
from har_core.evaluation.records import ModelRecord, read_record
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment
from pipelines.staleness import ask

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

STUDENT = """
[compressed]
lstm = ["small"]
[recipes.small]
kind = "distilled"
student = "cnn"
options = { base_width = 1 }
"""


def extended(graph: Graph, text: str, before: str = "", after: str = "") -> Experiment:
    path = graph.home.root / "extended.toml"
    path.write_text((graph.home.root / "tiny.toml").read_text(encoding="utf-8").replace(before, after) + text)
    return load_experiment(path)


def causes(graph: Graph, experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """Of the student and its teacher, where they are stale by themselves."""
    definitions = dg.Definitions(assets=build_assets(experiment), resources=build_resources(graph.home))
    statuses = ask(definitions.resolve_asset_graph(), graph.instance, graph.home.root)
    return {str(item): status.causes for item, status in statuses.items() if "lstm" in str(item) and status.causes}


def test_a_student_is_a_model_below_its_teacher(graph: Graph) -> None:
    experiment = extended(graph, STUDENT)
    assert graph.materialise("compressed/lstm-small", experiment=experiment).success
    record, of_cnn = (read_record(graph.home.record(name), ModelRecord) for name in ("lstm-small", "cnn"))
    assert graph.aliases()["har-lstm-small"] == {"challenger": 1}
    assert record.training_settings["models.cnn"]["base_width"] == 1
    assert record.complexity.num_parameters < of_cnn.complexity.num_parameters
    assert [epoch["epoch"] for epoch in record.history] == [1, 2]
    assert record.best_epoch in {1, 2}
    assert causes(graph, experiment) == {}
    slower = extended(graph, STUDENT, "base_width = 2", "learning_rate = 0.25")
    [cause] = causes(graph, slower)["compressed/lstm-small"]
    assert cause.startswith("setting models.cnn.learning_rate changed")
