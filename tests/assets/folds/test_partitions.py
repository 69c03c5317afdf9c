"""Which folds there are: as many as protocols and subjects give, and never more than Dagster keeps track of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.folds.partitions import MAX_FOLDS, planned_folds, subjects_of, sync_folds
from assets.machinery.keys import RAW_RECORDINGS
from assets.machinery.lineage import SUBJECTS, fold_partitions
from har_core.base.errors import InputError
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Experiment]:
    def make(*protocols: str) -> Experiment:
        path = tmp_path / "mine.toml"
        path.write_text(f'[models]\narchitectures = ["cnn"]\n[evaluation]\nprotocols = {list(protocols)}\n')
        return load_experiment(path)

    return make


def record(instance: dg.DagsterInstance, *subjects: int) -> None:
    event = dg.AssetMaterialization(RAW_RECORDINGS, metadata={SUBJECTS: str(list(subjects))})
    instance.report_runless_asset_event(event)


def test_folds_of_all_protocols_in_order(make: Callable[..., Experiment]) -> None:
    assert planned_folds(make("pairs", "leaky", "loso"), (1, 2, 4, 7, 8)) == [
        "pairs-p1-p2",
        "pairs-p4-p7",
        "pairs-p8",
        *(f"leaky-{number}" for number in range(1, 6)),
        "loso-p1",
        "loso-p2",
        "loso-p4",
        "loso-p7",
        "loso-p8",
    ]
    assert planned_folds(make(), (1, 2, 3)) == []


@pytest.mark.parametrize(("num_subjects", "fits"), [(94, True), (95, False)])
def test_as_many_folds_as_dagster_keeps_track_of(
    make: Callable[..., Experiment], num_subjects: int, fits: bool
) -> None:
    experiment = make("loso", "leaky")
    assert MAX_FOLDS == 99
    if fits:
        assert len(planned_folds(experiment, range(1, num_subjects + 1))) == 99
        return
    with pytest.raises(InputError, match=r"100 folds for 95 subjects \(loso 95, leaky 5\).*at most 99") as caught:
        planned_folds(experiment, range(1, num_subjects + 1))
    assert caught.value.exit_code == 2
    assert "mine.toml: [evaluation] protocols" in str(caught.value)


def test_too_few_subjects_are_refused(make: Callable[..., Experiment]) -> None:
    with pytest.raises(InputError, match="at least 4"):
        planned_folds(make("pairs"), (1, 2, 3))


def test_partitions_follow_the_subjects(instance: dg.DagsterInstance, make: Callable[..., Experiment]) -> None:
    experiment = make("loso")
    record(instance, 1, 2, 3)
    assert subjects_of(instance, RAW_RECORDINGS) == (1, 2, 3)
    sync_folds(instance, experiment)
    assert fold_partitions(instance) == ["loso-p1", "loso-p2", "loso-p3"]
    record(instance, 2, 3, 9)
    sync_folds(instance, experiment)
    assert fold_partitions(instance) == ["loso-p2", "loso-p3", "loso-p9"]
    sync_folds(instance, experiment, [1, 2, 3])
    assert set(fold_partitions(instance)) == {"loso-p1", "loso-p2", "loso-p3"}


def test_partitions_follow_the_protocols(instance: dg.DagsterInstance, make: Callable[..., Experiment]) -> None:
    record(instance, 1, 2, 3)
    sync_folds(instance, make("loso"))
    sync_folds(instance, make("leaky"))
    assert fold_partitions(instance) == [f"leaky-{number}" for number in range(1, 6)]
    sync_folds(instance, make())
    assert fold_partitions(instance) == []


def test_nothing_happens_before_the_subjects_are_known(
    instance: dg.DagsterInstance, make: Callable[..., Experiment]
) -> None:
    sync_folds(instance, make("loso"))
    assert fold_partitions(instance) == []


def test_what_is_refused_changes_no_partition(instance: dg.DagsterInstance, make: Callable[..., Experiment]) -> None:
    record(instance, 1, 2, 3)
    sync_folds(instance, make("loso"))
    with pytest.raises(InputError):
        sync_folds(instance, make("loso"), range(1, 200))
    assert fold_partitions(instance) == ["loso-p1", "loso-p2", "loso-p3"]
