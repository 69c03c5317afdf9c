"""Inner folds: who validates and trains in them, what a trial measures, and that nothing of a test subject counts."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from data_sets import dsads_recording

from har_core.base.errors import HarError, InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import Recordings, recordings_of
from har_core.search.folds import inner_folds
from har_core.search.space import check_space
from har_core.search.trial import InnerFolds
from har_core.settings.experiment import ModelSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.search import Dimension, Range
from har_core.settings.splits import SplitSettings
from har_core.settings.training import TrainingSettings
from har_core.splits import parts
from har_core.windows.dataset import open_windows, write_windows
from har_core.windows.schema import NO_GROUP, channels_of
from har_core.windows.segmentation import segment

SPLITS = SplitSettings(validation_subjects=(2,), test_subjects=(4, 5))
TEST = set(SPLITS.test_subjects)
LENGTH = 125


def recordings(poison: float | None = None) -> Recordings:
    """Of five subjects; ``poison`` takes the place of every sample of those that test."""
    rng = np.random.default_rng(3)
    made = []
    for subject, activity in itertools.product(range(1, 6), (1, 2)):
        samples = rng.normal(size=(2 * LENGTH, DSADS.num_channels)).astype(np.float32) + activity * subject
        if poison is not None and subject in TEST:
            samples[:] = poison
        made.append(dsads_recording(subject, activity, (1, 2), samples.T))
    return recordings_of(DSADS, made, origin="synthetic")


def objective(path: Path, architecture: str = "compact", **changes: Any) -> InnerFolds:
    options: dict[str, Any] = {"width": 4} if architecture == "compact" else {"num_trees": 3}
    return InnerFolds(
        architecture=architecture,
        base=ModelSettings(
            training=TrainingSettings(epochs=4, batch_size=4, learning_rate=0.02), architecture_options=options
        ),
        runtime=RuntimeSettings(device="cpu", num_threads=1),
        windows_path=path,
        folds=inner_folds(SPLITS, range(1, 6), 3),
        num_timepoints=LENGTH,
        **changes,
    )


@pytest.fixture(scope="module")
def windows_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("windows") / "windows.parquet"
    write_windows(segment(recordings(), length=LENGTH, overlap=0.0), path)
    return path


def measure(inner: InnerFolds, **values: Any) -> tuple[tuple[float, ...], list[tuple[int, float]]]:
    told: list[tuple[int, float]] = []
    inner.prepare()
    return inner(values, lambda step, score: told.append((step, score))).scores, told


def test_each_subject_that_does_not_test_validates_once_and_no_other_does() -> None:
    folds = inner_folds(SplitSettings(), range(1, 9), 3)
    assert sorted(subject for fold in folds for subject in fold.validation) == [1, 2, 3, 4, 5, 6]
    for fold in folds:
        assert sorted([*fold.training, *fold.validation]) == [1, 2, 3, 4, 5, 6]
        assert fold.test == (7, 8)


def test_subjects_without_a_role_take_no_part() -> None:
    settings = SplitSettings(training_subjects=(1, 3), validation_subjects=(2,), test_subjects=(4,))
    folds = inner_folds(settings, range(1, 9), 3)
    assert {subject for fold in folds for subject in (*fold.training, *fold.validation, *fold.test)} == {1, 2, 3, 4}


def test_more_folds_than_subjects_are_refused() -> None:
    with pytest.raises(InputError, match="found '7 for subjects 1, 2, 3, 4, 5, 6'"):
        inner_folds(SplitSettings(), range(1, 9), 7)


def test_no_sample_of_a_test_subject_is_kept(windows_path: Path) -> None:
    inner = objective(windows_path)
    inner.prepare()
    for windows in inner._windows:
        assert len(windows.roles["test"].labels) == 0
        assert len(windows.roles["training"].labels) == 8
        assert len(windows.roles["validation"].labels) == 4


@pytest.mark.parametrize("architecture", ["compact", "random_forest"])
@pytest.mark.parametrize("poison", [np.nan, 1e30])
def test_whatever_stands_in_windows_of_test_subjects_changes_nothing(
    windows_path: Path, tmp_path: Path, architecture: str, poison: float
) -> None:
    poisoned = tmp_path / "windows.parquet"
    write_windows(segment(recordings(poison), length=LENGTH, overlap=0.0), poisoned)
    with open_windows(poisoned) as file, open_windows(windows_path) as original:
        rows = file.read()
        taken = np.isin(rows["subject"].to_numpy(), list(TEST))
        flags = {name: rows[name].to_pylist() for name in ("damaged", "duplicate_group")}
        assert flags == {name: original.read()[name].to_pylist() for name in flags}
        is_poisoned = ~(np.abs(channels_of(rows).reshape(DSADS.num_channels, len(rows), -1)) < 1e20).any(axis=(0, 2))
    assert (is_poisoned == taken).all()
    scores, told = measure(objective(windows_path, architecture))
    assert measure(objective(poisoned, architecture)) == (scores, told)
    assert len({score for _, score in told}) > 1, "there must be something that could change"


def test_only_windows_of_other_subjects_pass_the_reader(windows_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: set[int] = set()
    read = parts.parts_of

    def spy(*arguments: Any, **options: Any) -> Any:
        for part in read(*arguments, **options):
            passed.update(part.named["subject"].tolist())
            yield part

    monkeypatch.setattr(parts, "parts_of", spy)
    objective(windows_path).prepare()
    assert passed == {1, 2, 3}


def test_a_window_that_copies_one_of_a_test_subject_takes_no_part(
    windows_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = parts.read_named

    def with_a_copy(file: Any) -> pa.Table:
        """The first window of subject 1 holds rows of one of subject 4."""
        named = read(file)
        subjects = named["subject"].to_pylist()
        groups = [NO_GROUP] * len(subjects)
        groups[subjects.index(1)] = groups[subjects.index(4)] = 0
        index = named.schema.get_field_index("duplicate_group")
        return named.set_column(index, named.schema.field(index), pa.array(groups, named.schema.field(index).type))

    monkeypatch.setattr("har_core.splits.build.read_named", with_a_copy)
    inner = objective(windows_path)
    inner.prepare()
    assert [len(windows.roles["training"].labels) for windows in inner._windows] == [8, 7, 7]
    assert [len(windows.roles["validation"].labels) for windows in inner._windows] == [3, 4, 4]


def test_a_network_tells_of_each_epoch_of_each_fold(windows_path: Path) -> None:
    inner = objective(windows_path)
    scores, told = measure(inner, learning_rate=0.01)
    assert [step for step, _ in told] == list(range(1, 13))
    assert inner.last_step == 12
    assert told[-1][1] == pytest.approx(np.mean(scores))
    assert told[3][1] == pytest.approx(scores[0])
    assert scores != measure(inner, learning_rate=1e-6)[0]


def test_a_classical_model_tells_of_each_fold(windows_path: Path) -> None:
    scores, told = measure(objective(windows_path, "random_forest"), max_depth=2)
    assert [step for step, _ in told] == [1, 2, 3]
    assert told[-1][1] == pytest.approx(np.mean(scores))
    assert max(scores) > 2 / DSADS.num_activities, "the mean is over the two activities of these recordings"


def test_cost_is_that_of_the_values(windows_path: Path) -> None:
    inner = objective(windows_path, weighs_cost=True)
    inner.prepare()
    costs = [inner({"width": width}, lambda step, score: None).macs for width in (4, 8)]
    assert costs[0] is not None
    assert costs[1] is not None
    assert costs[0] < costs[1]


def test_values_that_the_architecture_refuses_fail_one_trial(windows_path: Path) -> None:
    inner = objective(windows_path)
    inner.prepare()
    with pytest.raises(HarError, match="an even number"):
        inner({"width": 5}, lambda step, score: None)


def test_a_device_that_is_not_there_ends_the_search_and_fails_no_trial(
    windows_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    network, classical = objective(windows_path), objective(windows_path, "random_forest")
    network.runtime = classical.runtime = RuntimeSettings(device="cuda", num_threads=1)
    with pytest.raises(InputError, match=r"runtime\.device"):
        network.prepare()
    classical.prepare()  # fitted on the CPU whatever the device


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"),
    ],
)
def test_too_little_memory_fails_one_trial(
    windows_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with pytest.raises(HarError, match="not enough memory for these settings"):
        fit_into(error, windows_path, monkeypatch)


def test_a_fault_of_the_code_ends_the_search(windows_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="wrong shapes"):
        fit_into(RuntimeError("wrong shapes"), windows_path, monkeypatch)


def fit_into(error: Exception, windows_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure settings whose first fit raises ``error``."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("har_core.search.trial.fit_architecture", fail)
    measure(objective(windows_path))


def test_values_that_cannot_be_are_refused_before_anything_is_tried() -> None:
    base = ModelSettings(architecture_options={"width": 64, "kernel_size": 5})
    space: dict[str, Dimension] = {"width": Range(low=2, high=8, step=1), "kernel_size": (3, 5), "epochs": (1, 2)}
    with pytest.raises(
        InputError, match=r"search\.compact\.space\.width: found '3', expected an even number"
    ) as caught:
        check_space("compact", base, space, num_channels=45, num_timepoints=125, num_classes=19)
    assert len(caught.value.problems) == 1
