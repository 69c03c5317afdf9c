"""Which aliases the champion moves, and which it leaves; the rule itself is tested with the gate in the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from likeness_examples import some_training_windows
from narrowing import as_type, present

from assets.comparison.contenders import Contenders, read_validation_windows
from assets.machinery import materialisation
from assets.resources.export import log_model
from assets.resources.runs import TrackedRun
from assets.resources.store import CHAMPION_ALIAS as CHAMPION
from assets.resources.store import ORIGIN_TAG, OVERALL, RegisteredVersion
from assets.resources.tracking import Tracking
from har_core.base.errors import HarError, StorageError
from har_core.datasets.dsads.dataset import DSADS
from har_core.inference.classifier import RawWindowClassifier
from har_core.models import create_model

if TYPE_CHECKING:
    from tests.assets.conftest import Graph


@pytest.fixture
def real_champion(graph: Graph) -> RegisteredVersion:
    """A second version of cnn, of real recordings, holds both aliases."""
    first = present(graph.tracking.by_alias("har-cnn", CHAMPION))
    tags = {ORIGIN_TAG: "real", "har.data_version": "other"}
    entry = graph.tracking.register("har-cnn", f"models:/{first.model_id}", first.run_id, tags)
    graph.tracking.set_alias("har-cnn", CHAMPION, entry.version)
    copy = graph.tracking.copy(entry, OVERALL)
    graph.tracking.set_alias(OVERALL, CHAMPION, copy.version)
    return copy


def test_running_it_again_moves_nothing(graph: Graph) -> None:
    before, versions = graph.aliases(), len(graph.tracking.registered())
    assert graph.materialise("champion").success
    assert graph.aliases() == before
    assert len(graph.tracking.registered()) == versions
    assert graph.latest("champion").metadata["num_moved"].value == 0


def test_a_synthetic_model_never_replaces_a_real_one(graph: Graph, real_champion: RegisteredVersion) -> None:
    before = graph.aliases()
    assert graph.materialise("champion").success
    assert graph.aliases() == before
    assert "synthetic" in as_type(str, graph.latest("champion").metadata["decisions"].value)


def test_a_real_model_takes_the_place_of_a_synthetic_one(graph: Graph, real_champion: RegisteredVersion) -> None:
    """The real one stands for its architecture; the overall champion is still a synthetic model."""
    graph.tracking.set_alias(OVERALL, CHAMPION, 1)
    assert graph.materialise("champion").success
    holder = present(graph.tracking.by_alias(OVERALL, CHAMPION))
    assert holder.origin == "real"
    assert holder.tags["har.copied_from"] == "har-cnn/2"


def test_an_incumbent_for_windows_of_another_length_yields_and_the_reason_is_told(graph: Graph) -> None:
    started = graph.tracking.client.create_run(graph.tracking.experiment_id)
    run = TrackedRun(graph.tracking, started.info.run_id)
    candidate = present(graph.tracking.by_alias("har-cnn", CHAMPION))
    network = create_model("cnn", num_channels=45, num_timepoints=50, num_classes=19, base_width=1)
    classifier = RawWindowClassifier(network, DSADS, mean=torch.zeros(45), standard_deviation=torch.ones(45))
    model_uri, _ = log_model(run, "har-cnn", classifier, num_timepoints=50, training=some_training_windows(50))
    entry = graph.tracking.register("har-cnn", model_uri, run.run_id, {ORIGIN_TAG: "synthetic"})
    graph.tracking.set_alias("har-cnn", CHAMPION, entry.version)
    assert graph.materialise("champion").success
    assert present(graph.tracking.by_alias("har-cnn", CHAMPION)).version == candidate.version
    assert "windows of another length" in as_type(str, graph.latest("champion").metadata["decisions"].value)


@pytest.mark.parametrize("step", ["log_json", "_publish", "set_alias"])
def test_a_champion_that_fails_moves_no_alias(graph: Graph, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Whatever comes first: telling of the decision, or the second of the aliases."""
    for name in ("har-cnn", "har-lstm", OVERALL):
        graph.tracking.client.delete_registered_model_alias(name, CHAMPION)
    before = graph.aliases()
    moved = []

    def fail(*arguments: Any, **named: Any) -> None:
        moved.append(arguments)
        if step != "set_alias" or len(moved) == 2:
            raise StorageError("the disk is full")
        return set_alias(*arguments, **named)

    set_alias = Tracking.set_alias
    where = {"log_json": TrackedRun, "_publish": materialisation, "set_alias": Tracking}[step]
    if step == "log_json":
        log_json = TrackedRun.log_json
        monkeypatch.setattr(
            where, step, lambda run, name, value: (fail if name == "decisions.json" else log_json)(run, name, value)
        )
    else:
        monkeypatch.setattr(where, step, fail)
    assert not graph.materialise("champion").success
    assert moved
    monkeypatch.undo()
    assert graph.aliases() == before
    assert graph.materialise("champion").success
    assert graph.tracking.by_alias(OVERALL, CHAMPION) is not None


def test_the_gate_scores_the_validation_windows_of_the_split(graph: Graph) -> None:
    """Windows that left validation, as copies of test windows do, choose no champion."""
    path = graph.home.splits("holdout") / "validation.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(2), path)
    found = read_validation_windows(graph.home, graph.experiment)
    assert len(found.labels) == table.num_rows - 2
    np.testing.assert_array_equal(found.labels, table["activity"].to_numpy()[2:] - 1)
    np.testing.assert_array_equal(found.subjects, table["subject"].to_numpy()[2:])
    mean = found.windows.mean(axis=(0, 1))
    assert np.abs(mean).max() > 1, "raw, not normalised"

    pq.write_table(table.set_column(0, table.field(0), pa.array([99] * table.num_rows, table.field(0).type)), path)
    with pytest.raises(HarError, match="materialise splits first"):
        read_validation_windows(graph.home, graph.experiment)


def test_a_refused_attempt_with_other_settings_stops_no_alias(graph: Graph) -> None:
    """A mistyped subject, and the file as it was again: what stands passed its checks."""
    mistyped = graph.experiment.splits.model_copy(update={"test_subjects": (9,)})
    experiment = graph.experiment.model_copy(update={"splits": mistyped})
    assert not graph.materialise("splits", experiment=experiment).success
    refused = graph.materialise("champion", experiment=experiment)
    assert "splits: named_subjects_are_in_the_data" in str(present(refused.failure_data_for_node("champion")).error)
    assert graph.materialise("champion").success


@pytest.mark.parametrize("severity", dg.AssetCheckSeverity)
def test_warnings_stop_no_alias(graph: Graph, severity: dg.AssetCheckSeverity) -> None:
    """Where somebody did not do everything, as in most public sets, there is still a model to use."""
    check = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey("raw_recordings"),
        check_name="every_subject_has_every_activity",
        passed=False,
        metadata={},
        severity=severity,
    )
    graph.instance.report_runless_asset_event(check)
    assert graph.materialise("champion").success == (severity == dg.AssetCheckSeverity.WARN)


@pytest.mark.parametrize(("of_candidate", "moves"), [(0.4, False), (0.64, False), (0.7, True)])
def test_only_a_surely_better_model_takes_the_alias(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, of_candidate: float, moves: bool
) -> None:
    """The incumbent is another model, registered by hand; the candidate is what ``models/cnn`` registered."""
    candidate, other = (present(graph.tracking.by_alias(f"har-{name}", CHAMPION)) for name in ("cnn", "lstm"))
    incumbent = graph.tracking.register("har-cnn", f"models:/{other.model_id}", other.run_id, other.tags)
    graph.tracking.set_alias("har-cnn", CHAMPION, incumbent.version)
    scores = {candidate.model_id: {3: of_candidate}, other.model_id: {3: 0.6}}
    monkeypatch.setattr(Contenders, "_score", lambda self, version: scores[version.model_id])
    assert graph.materialise("champion").success
    assert present(graph.tracking.by_alias("har-cnn", CHAMPION)).version == (candidate if moves else incumbent).version
