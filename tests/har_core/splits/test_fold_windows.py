"""Splits and folds of recordings with planted defects: what leaves which role, and what every protocol refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from data_sets import dsads_recording
from narrowing import present

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import recordings_of
from har_core.settings.splits import SplitSettings
from har_core.splits import build as splits
from har_core.splits.build import SplitWindows, cut_fold, read_splits, write_splits
from har_core.splits.names import DROPS, SPLIT_CHECKS, STATISTICS_FILE_NAME
from har_core.splits.protocols import Fold, fold_named
from har_core.splits.roles import ROLES, TEST, TRAINING, VALIDATION, Separated, assign_roles, roles_of_windows
from har_core.windows.dataset import open_windows, write_windows
from har_core.windows.schema import KEY_COLUMNS
from har_core.windows.segmentation import segment
from har_core.windows.store import SampleStore
from har_core.windows.tensors import read_tensors, rows_of

if TYPE_CHECKING:
    from tests.har_core.conftest import FindingsOf

SUBJECTS, ACTIVITIES, SEGMENTS = (1, 2, 3, 4, 5, 6), (1, 2), (1, 2, 3, 4, 5, 6)
HOLDOUT = SplitSettings(validation_subjects=(5,), test_subjects=(6,))
AS_HOLDOUT = Fold(name="loso-p6", protocol="loso", index=5, training=(1, 2, 3, 4), validation=(5,), test=(6,))
FOLDS = ("loso-p1", "pairs-p1-p2", "leaky-2")

COPY = ("duplicate_rows", 1, 1, 1, 0, 740, "all", (6, 1, 1, 10))
"""Activity 1 of subject 1 is that of subject 6, ten rows later: no multiple of a segment, so that all windows link."""
DAMAGE = tuple(("zero_run", subject, 2, 2, 30, 40, "RA") for subject in SUBJECTS)


@pytest.fixture
def windows_of(tmp_path: Path, findings_of: FindingsOf) -> Callable[..., Path]:
    """Writes windows of random recordings with the findings given."""

    def write(*findings: tuple[Any, ...], **cut: Any) -> Path:
        rng = np.random.default_rng(3)
        recordings = [
            dsads_recording(
                subject, activity, SEGMENTS, rng.normal(subject, 2, (len(SEGMENTS) * 125, 45)).astype(np.float32).T
            )
            for subject in SUBJECTS
            for activity in ACTIVITIES
        ]
        path = tmp_path / "windows.parquet"
        how = {"length": 125, "overlap": 0.0, "findings": findings_of(*findings)} | cut
        write_windows(segment(recordings_of(DSADS, recordings), **how), path)
        return path

    return write


def split(name: str, windows: Path) -> SplitWindows:
    """The split or fold of a name, whichever way it is made."""
    if name == "holdout":
        folder = windows.parent / "splits"
        summary = write_splits(windows, HOLDOUT, folder)
        assert summary.num_dropped == read_splits(folder).num_dropped
        return SplitWindows(
            spec=DSADS,
            roles=read_splits(folder).roles,
            statistics=read_splits(folder).statistics,
            num_dropped=summary.num_dropped,
            checks=summary.checks,
        )
    return cut_fold(windows, fold_named(name, SUBJECTS))


def keys(made: SplitWindows, role: str) -> set[tuple[int, ...]]:
    return set(zip(*(made.roles[role].keys[name].to_pylist() for name in KEY_COLUMNS), strict=True))


@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_a_fold_in_memory_is_what_would_be_written(
    windows_of: Callable[..., Path], tmp_path: Path, overlap: float
) -> None:
    windows = windows_of(COPY, *DAMAGE, length=50, overlap=overlap)
    write_splits(windows, HOLDOUT, tmp_path / "splits")
    read, cut = read_splits(tmp_path / "splits"), cut_fold(windows, AS_HOLDOUT)
    assert present(cut.statistics).to_json() == present(read.statistics).to_json()
    assert cut.num_dropped == read.num_dropped
    assert tuple(check.name for check in cut.checks) == tuple(SPLIT_CHECKS)
    for role in ROLES:
        assert cut.roles[role].keys.equals(read.roles[role].keys)
        for name in ("windows", "labels", "damaged", "duplicate_groups"):
            one, other = getattr(cut.roles[role], name), getattr(read.roles[role], name)
            assert one.dtype == other.dtype
            assert torch.equal(one, other)
        assert cut.roles[role].windows.is_contiguous()


@pytest.mark.parametrize("name", FOLDS)
def test_a_mapped_fold_is_the_one_in_memory(windows_of: Callable[..., Path], tmp_path: Path, name: str) -> None:
    windows, fold = windows_of(COPY, *DAMAGE), fold_named(name, SUBJECTS)
    one, other = cut_fold(windows, fold), cut_fold(windows, fold, store=SampleStore(tmp_path / "scratch", max_mib=0))
    assert str(tmp_path / "scratch") in Path("/proc/self/maps").read_text(encoding="utf-8")
    assert present(one.statistics).to_json() == present(other.statistics).to_json()
    assert (one.checks, one.num_dropped) == (other.checks, other.num_dropped)
    for role in ROLES:
        assert one.roles[role].keys.equals(other.roles[role].keys)
        assert torch.equal(one.roles[role].windows, other.roles[role].windows)
        assert torch.equal(one.roles[role].labels, other.roles[role].labels)


def test_a_mapped_split_is_the_one_in_memory(windows_of: Callable[..., Path], tmp_path: Path) -> None:
    write_splits(windows_of(COPY, *DAMAGE), HOLDOUT, tmp_path / "splits")
    one = read_splits(tmp_path / "splits")
    other = read_splits(tmp_path / "splits", SampleStore(tmp_path / "scratch", max_mib=0))
    assert str(tmp_path / "scratch") in Path("/proc/self/maps").read_text(encoding="utf-8")
    for role in ROLES:
        assert torch.equal(one.roles[role].windows, other.roles[role].windows)


def test_copies_of_a_test_subject_all_leave_training(windows_of: Callable[..., Path]) -> None:
    made = split("holdout", windows_of(COPY))
    assert made.num_dropped == dict.fromkeys(DROPS, 0) | {"duplicate_training": len(SEGMENTS)}
    assert len(keys(made, "test")) == len(ACTIVITIES) * len(SEGMENTS)
    assert {key[:2] for key in keys(made, "training")} == {
        (subject, activity) for subject in range(1, 5) for activity in ACTIVITIES
    } - {(1, 1)}


def test_copies_of_a_test_subject_leave_validation_too(windows_of: Callable[..., Path]) -> None:
    copy = ("duplicate_rows", 5, 1, 2, 0, 125, "all", (6, 1, 2, 0))
    made = split("holdout", windows_of(copy))
    assert made.num_dropped == dict.fromkeys(DROPS, 0) | {"duplicate_validation": 1}


@pytest.mark.parametrize("name", ["holdout", *FOLDS])
def test_damage_leaves_training_and_nothing_else(windows_of: Callable[..., Path], name: str) -> None:
    made = split(name, windows_of(*DAMAGE))
    assert not made.roles["training"].damaged.any()
    num_left = made.num_dropped["damaged_training"]
    assert sum(made.num_dropped.values()) == num_left
    assert num_left + sum(int(windows.damaged.sum()) for windows in made.roles.values()) == len(DAMAGE)


@pytest.mark.parametrize("name", ["holdout", *FOLDS])
@pytest.mark.parametrize("cut", [{}, {"length": 60, "overlap": 0.5}, {"length": 200, "overlap": 0.5, "join": True}])
def test_whatever_the_protocol_roles_share_nothing(
    windows_of: Callable[..., Path], name: str, cut: dict[str, Any]
) -> None:
    made = split(name, windows_of(COPY, *DAMAGE, **cut))
    length = cut.get("length", 125)
    samples, groups = [], []
    for role in ROLES:
        first = np.array([(s, a, n * 125 + start) for s, a, n, start in sorted(keys(made, role))])
        samples.append({(s, a, row + i) for s, a, row in first.tolist() for i in range(length)})
        groups.append(set(made.roles[role].duplicate_groups.tolist()) - {-1})
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not samples[one] & samples[other]
        assert not groups[one] & groups[other]
    assert groups[TEST]


def test_leaky_tests_every_window_once_although_joined_windows_overlap(windows_of: Callable[..., Path]) -> None:
    windows = windows_of(COPY, *DAMAGE, length=200, overlap=0.5, join=True)
    made = [cut_fold(windows, fold_named(f"leaky-{number}", [])) for number in range(1, 6)]
    tested = [key for fold in made for key in keys(fold, "test")]
    assert len(tested) == len(set(tested))
    with open_windows(windows) as file:
        assert len(tested) == file.metadata.num_rows
    assert any(fold.num_dropped["overlapping_training"] for fold in made)
    assert any(fold.num_dropped["overlapping_validation"] for fold in made)


def test_training_that_loses_an_activity_is_refused(windows_of: Callable[..., Path]) -> None:
    copies = [("duplicate_rows", subject, 1, 1, 0, 750, "all", (6, 1, 1, 0)) for subject in range(1, 5)]
    with pytest.raises(InputError, match=r"training lost every window of 1 because of copies"):
        split("holdout", windows_of(*copies))


def test_validation_that_loses_an_activity_says_so(windows_of: Callable[..., Path]) -> None:
    made = split("holdout", windows_of(("duplicate_rows", 5, 1, 1, 0, 750, "all", (6, 1, 1, 0))))
    detail = next(check.detail for check in made.checks if check.name == "every_role_has_every_activity")
    assert detail == "validation lost every window of 1 because of copies, overlaps or damage"


def test_a_fold_without_validation(windows_of: Callable[..., Path]) -> None:
    fold = fold_named("loso-p1", SUBJECTS, num_validation_subjects=0)
    made = cut_fold(windows_of(), fold)
    assert made.roles["validation"].windows.shape == (0, 125, DSADS.num_channels)
    assert len(made.roles["validation"].labels) == len(made.roles["validation"].damaged) == 0
    assert made.roles["validation"].keys.num_rows == 0
    assert len(made.roles["training"].labels) == 5 * len(ACTIVITIES) * len(SEGMENTS)


def test_a_fold_of_a_subject_that_has_gone_is_refused(windows_of: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"no subject 9 \(loso-p1\); the data has 1, 2"):
        cut_fold(windows_of(), fold_named("loso-p1", (*SUBJECTS, 9)))


# What every protocol refuses. Roles are separated before they are checked, so the separation is taken away here: the
# checks have to see for themselves.


@pytest.fixture
def without_separation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        splits, "separate", lambda named, assigned, grid, **_: Separated(roles=assigned, num_dropped={})
    )


@pytest.fixture
def misassign(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Moves windows to another role after the protocol has assigned them."""

    def patch(change: Callable[[pa.Table, np.ndarray], np.ndarray]) -> None:
        monkeypatch.setattr(
            splits, "assign_roles", lambda fold, named, grid: change(named, assign_roles(fold, named, grid))
        )
        monkeypatch.setattr(splits, "roles_of_windows", lambda named, who: change(named, roles_of_windows(named, who)))

    return patch


def refused(name: str, windows: Path) -> set[str]:
    with pytest.raises(InputError) as caught:
        split(name, windows)
    assert not (windows.parent / "splits").exists()
    return {problem.path for problem in caught.value.problems}


def move_a_segment(named: pa.Table, roles: np.ndarray) -> np.ndarray:
    """One whole segment of a training subject goes to test."""
    chosen = np.flatnonzero(roles == TRAINING)[0]
    own = np.ones(len(roles), dtype=np.bool_)
    for column in ("subject", "session", "segment"):
        own &= named[column].to_numpy() == named[column].to_numpy()[chosen]
    return np.where(own, np.int8(TEST), roles)


def move_a_window(named: pa.Table, roles: np.ndarray) -> np.ndarray:
    """One window, the first of a validation segment, goes to training."""
    moved = roles.copy()
    moved[np.flatnonzero(roles == VALIDATION)[0]] = TRAINING
    return moved


@pytest.mark.parametrize("name", ["holdout", "loso-p1", "pairs-p1-p2"])
def test_a_subject_in_two_roles_is_refused(
    windows_of: Callable[..., Path], misassign: Callable[..., None], name: str
) -> None:
    misassign(move_a_segment)
    assert refused(name, windows_of()) == {"roles_share_no_subject"}


def test_leaky_has_subjects_in_several_roles_by_its_nature(windows_of: Callable[..., Path]) -> None:
    made = split("leaky-2", windows_of())
    training, test = ({subject for subject, *_ in keys(made, role)} for role in ("training", "test"))
    assert training & test
    assert [check.name for check in made.checks] == [name for name in SPLIT_CHECKS if name != "roles_share_no_subject"]


@pytest.mark.parametrize("name", ["holdout", *FOLDS])
def test_a_sample_in_two_roles_is_refused(
    windows_of: Callable[..., Path], misassign: Callable[..., None], without_separation: None, name: str
) -> None:
    misassign(move_a_window)
    assert "roles_share_no_window" in refused(name, windows_of(length=50, overlap=0.5))


@pytest.mark.parametrize("name", ["holdout", *FOLDS])
def test_a_duplicate_group_in_two_roles_is_refused(
    windows_of: Callable[..., Path], without_separation: None, name: str
) -> None:
    assert refused(name, windows_of(COPY)) == {"roles_share_no_duplicate"}


@pytest.mark.parametrize("name", ["holdout", *FOLDS])
def test_damage_in_training_is_refused(windows_of: Callable[..., Path], without_separation: None, name: str) -> None:
    assert refused(name, windows_of(*DAMAGE)) == {"training_has_no_damage"}


@pytest.mark.parametrize("name", ["holdout", *FOLDS])
def test_an_empty_role_is_refused(windows_of: Callable[..., Path], misassign: Callable[..., None], name: str) -> None:
    misassign(lambda named, roles: np.where(roles == TEST, np.int8(-1), roles))
    assert refused(name, windows_of()) == {"no_role_is_empty"}


@pytest.mark.parametrize("damage", ["absent", "no JSON"])
def test_a_split_without_statistics_is_refused(windows_of: Callable[..., Path], tmp_path: Path, damage: str) -> None:
    write_splits(windows_of(), HOLDOUT, tmp_path / "splits")
    path = tmp_path / "splits" / STATISTICS_FILE_NAME
    path.unlink() if damage == "absent" else path.write_text(damage)
    with pytest.raises(InputError, match="cannot be read"):
        read_splits(tmp_path / "splits")


def test_raw_windows_are_those_of_the_file_to_the_bit(windows_of: Callable[..., Path], tmp_path: Path) -> None:
    windows = windows_of(COPY, *DAMAGE)
    write_splits(windows, HOLDOUT, tmp_path / "splits")
    everything = read_tensors(windows)
    split = read_splits(tmp_path / "splits", raw_from=windows)
    normalised = read_splits(tmp_path / "splits")
    fold = cut_fold(windows, AS_HOLDOUT, normalise=False)
    for made in (split, fold):
        assert made.statistics is None
        for role in ROLES:
            own = made.roles[role]
            rows = rows_of(own.keys, everything.keys)
            assert own.keys.equals(normalised.roles[role].keys)
            assert torch.equal(own.windows, everything.windows[rows])
            assert torch.equal(own.labels, normalised.roles[role].labels)
            assert torch.equal(own.damaged, normalised.roles[role].damaged)
    assert split.num_dropped == normalised.num_dropped
    assert "every_value_is_finite" in {check.name for check in fold.checks}


def test_raw_windows_of_another_file_are_refused(windows_of: Callable[..., Path], tmp_path: Path) -> None:
    write_splits(windows_of(), HOLDOUT, tmp_path / "splits")
    with pytest.raises(InputError, match="not of these windows"):
        read_splits(tmp_path / "splits", raw_from=windows_of(*DAMAGE, damaged="drop"))
