"""Splits as they are written: normalised, checked, whole or not at all."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from data_sets import dsads_recording

from har_core.base.errors import InputError, StorageError
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import Recording, recordings_of
from har_core.settings.splits import SplitSettings
from har_core.splits import parts as split_parts
from har_core.splits.build import cut_fold, read_splits, write_splits
from har_core.splits.names import FILE_NAMES, SPLIT_CHECKS, STATISTICS_FILE_NAME
from har_core.splits.normalization import Statistics, apply
from har_core.splits.protocols import fold_named
from har_core.splits.role_checks import check_roles
from har_core.splits.roles import ROLES, Grid
from har_core.windows.dataset import open_windows, write_windows
from har_core.windows.segmentation import segment
from har_core.windows.tensors import read_tensors

SETTINGS = SplitSettings(validation_subjects=(3,), test_subjects=(4,))


def random_recordings(
    subjects: Iterable[int] = (1, 2, 3, 4),
    activities: Iterable[int] = (1, 2),
    *,
    num_segments: int = 3,
    edit: Callable[[int, int, np.ndarray], None] | None = None,
) -> list[Recording]:
    rng = np.random.default_rng(7)
    made = []
    for subject, activity in itertools.product(subjects, activities):
        shape = (num_segments, 125, DSADS.num_channels)
        scale, offset = np.linspace(0.1, 20, DSADS.num_channels), np.linspace(-30, 30, DSADS.num_channels) + subject
        samples = (rng.normal(size=shape) * scale + offset).astype(np.float32)
        if edit is not None:
            edit(subject, activity, samples)
        of_channels = samples.reshape(-1, DSADS.num_channels).T
        made.append(dsads_recording(subject, activity, range(1, num_segments + 1), of_channels))
    return made


def cut(path: Path, recordings: list[Recording], *, length: int = 125, overlap: float = 0.0) -> Path:
    write_windows(segment(recordings_of(DSADS, recordings), length=length, overlap=overlap), path)
    return path


@pytest.fixture
def windows_path(tmp_path: Path) -> Path:
    return cut(tmp_path / "windows.parquet", random_recordings())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "splits" / "holdout"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_each_role_holds_its_subjects_normalised_with_training_statistics(windows_path: Path, folder: Path) -> None:
    write_splits(windows_path, SETTINGS, folder)
    raw = read_tensors(windows_path)
    subject = raw.keys["subject"].to_numpy()
    training = raw.windows.numpy()[np.isin(subject, [1, 2])].astype(np.float64)
    mean, deviation = training.mean(axis=(0, 1)), training.std(axis=(0, 1))
    for role, subjects in {"training": [1, 2], "validation": [3], "test": [4]}.items():
        tensors = read_tensors(folder / FILE_NAMES[role])
        mask = np.isin(subject, subjects)
        assert tensors.keys.equals(raw.keys.filter(mask))
        expected = (raw.windows.numpy()[mask] - mean) / deviation
        np.testing.assert_allclose(tensors.windows.numpy(), expected, rtol=1e-4, atol=1e-4)


def test_statistics_beside_the_files_are_those_that_were_applied(windows_path: Path, folder: Path) -> None:
    write_splits(windows_path, SETTINGS, folder)
    statistics = Statistics.from_json((folder / STATISTICS_FILE_NAME).read_text())
    assert statistics.channels == DSADS.channel_names
    raw = read_tensors(windows_path)
    test = raw.windows.numpy()[raw.keys["subject"].to_numpy() == 4]
    normalised = apply(statistics, test.transpose(2, 0, 1)).transpose(1, 2, 0)
    np.testing.assert_array_equal(normalised, read_tensors(folder / FILE_NAMES["test"]).windows.numpy())


def test_test_subjects_do_not_touch_the_statistics(tmp_path: Path, folder: Path) -> None:
    def shout(subject: int, activity: int, samples: np.ndarray) -> None:
        if subject in (3, 4):
            samples *= 1000

    write_splits(cut(tmp_path / "quiet.parquet", random_recordings()), SETTINGS, folder)
    quiet = contents(folder)
    write_splits(cut(tmp_path / "loud.parquet", random_recordings(edit=shout)), SETTINGS, folder)
    loud = contents(folder)
    assert loud[STATISTICS_FILE_NAME] == quiet[STATISTICS_FILE_NAME]
    assert loud["train.parquet"] == quiet["train.parquet"]
    assert loud["test.parquet"] != quiet["test.parquet"]


def test_summary(windows_path: Path, folder: Path) -> None:
    summary = write_splits(windows_path, SETTINGS, folder)
    assert summary.num_windows == {"training": 12, "validation": 6, "test": 6}
    assert summary.subjects == {"training": (1, 2), "validation": (3,), "test": (4,)}
    assert tuple(check.name for check in summary.checks) == tuple(SPLIT_CHECKS)
    assert all(check.passed and check.detail for check in summary.checks)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILE_NAMES.values(), STATISTICS_FILE_NAME])


def test_files_say_where_they_come_from(windows_path: Path, folder: Path) -> None:
    write_splits(windows_path, SETTINGS, folder)
    metadata = pq.read_metadata(folder / "train.parquet").metadata
    assert metadata[b"har.role"] == b"training"
    assert json.loads(metadata[b"har.subjects"]) == [1, 2]
    assert metadata[b"har.protocol"] == b"holdout"
    assert metadata[b"har.window_length"] == b"125"
    assert metadata[b"har.content_version"] != pq.read_metadata(windows_path).metadata[b"har.content_version"]
    assert pq.read_schema(folder / "train.parquet").equals(pq.read_schema(windows_path))
    assert b"standard deviations" in pq.read_schema(folder / "train.parquet").field("T_xacc").metadata[b"unit"]


def test_content_version_follows_content_alone(windows_path: Path, tmp_path: Path, folder: Path) -> None:
    def nudge(subject: int, activity: int, samples: np.ndarray) -> None:
        if (subject, activity) == (4, 2):
            samples[0, 0, 0] += 1

    version = write_splits(windows_path, SETTINGS, folder).content_version
    assert write_splits(windows_path, SETTINGS, tmp_path / "elsewhere").content_version == version
    other = cut(tmp_path / "other.parquet", random_recordings(edit=nudge))
    assert write_splits(other, SETTINGS, folder).content_version != version
    swapped = SplitSettings(validation_subjects=(4,), test_subjects=(3,))
    assert write_splits(windows_path, swapped, folder).content_version != version


def test_many_row_groups_and_subjects_in_one_row_group(tmp_path: Path, folder: Path) -> None:
    windows = cut(tmp_path / "windows.parquet", random_recordings(num_segments=40), length=64, overlap=0.9)
    assert pq.read_metadata(windows).num_row_groups > 1
    summary = write_splits(windows, SETTINGS, folder)
    assert sum(summary.num_windows.values()) == pq.read_metadata(windows).num_rows


def test_subjects_without_a_role_are_left_out(windows_path: Path, folder: Path) -> None:
    settings = SplitSettings(training_subjects=(1,), validation_subjects=(3,), test_subjects=(4,))
    assert write_splits(windows_path, settings, folder).num_windows["training"] == 6
    assert set(read_tensors(folder / "train.parquet").keys["subject"].to_pylist()) == {1}


def test_constant_channels_are_zero_and_named(tmp_path: Path, folder: Path) -> None:
    def still(subject: int, activity: int, samples: np.ndarray) -> None:
        samples[:, :, 5] = 9.81

    summary = write_splits(cut(tmp_path / "windows.parquet", random_recordings(edit=still)), SETTINGS, folder)
    assert not read_tensors(folder / "test.parquet").windows[:, :, 5].any()
    details = {check.name: check.detail for check in summary.checks}
    assert DSADS.channel_names[5] in details["training_deviations_are_1"]


def test_progress_is_told(windows_path: Path, folder: Path) -> None:
    told = []
    write_splits(windows_path, SETTINGS, folder, lambda *args: told.append(args))
    assert told[-1] == ("windows normalised", 24, 24)
    assert ("training windows measured", 12, 12) in told


def not_a_number(subject: int, activity: int, samples: np.ndarray) -> None:
    if subject == 4:
        samples[0, 3, 7] = np.nan


def infinite(subject: int, activity: int, samples: np.ndarray) -> None:
    if subject == 1:
        samples[0, 3, 7] = np.inf


@pytest.mark.parametrize(
    ("settings", "recordings", "names"),
    [
        pytest.param(
            SplitSettings(), {}, {"named_subjects_are_in_the_data", "no_role_is_empty"}, id="no such subjects"
        ),
        pytest.param(
            SplitSettings(validation_subjects=(1, 2, 3), test_subjects=(4,)),
            {},
            {"no_role_is_empty"},
            id="empty training",
        ),
        pytest.param(
            SplitSettings(validation_subjects=(3, 9), test_subjects=(4,)),
            {},
            {"named_subjects_are_in_the_data"},
            id="one subject too many",
        ),
        pytest.param(SETTINGS, {"edit": not_a_number}, {"every_value_is_finite"}, id="NaN in test"),
        pytest.param(
            SETTINGS,
            {"edit": infinite},
            {"every_value_is_finite", "training_means_are_0", "training_deviations_are_1"},
            id="infinity in training",
        ),
    ],
)
def test_a_failed_check_replaces_nothing(
    windows_path: Path, folder: Path, settings: SplitSettings, recordings: dict[str, Any], names: set[str]
) -> None:
    write_splits(windows_path, SETTINGS, folder)
    before = contents(folder)
    wrong = cut(windows_path.with_name("wrong.parquet"), random_recordings(**recordings))
    with pytest.raises(InputError, match="nothing was replaced") as caught:
        write_splits(wrong, settings, folder)
    assert names <= {problem.path for problem in caught.value.problems} <= {*names, "every_role_has_every_activity"}
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"validation_subjects": (3,), "test_subjects": (9,)},
            {
                "named_subjects_are_in_the_data": "no subject 9 (splits.test_subjects); the data has 1, 2, 3, 4",
                "no_role_is_empty": "18 training windows, 6 validation windows, 0 test windows; "
                "splits.test_subjects = [9]; the data has subjects 1, 2, 3, 4",
            },
        ),
        (
            {"validation_subjects": (1, 2, 3), "test_subjects": (4,)},
            {
                "no_role_is_empty": "0 training windows, 18 validation windows, 6 test windows; "
                "splits.training_subjects is absent, which means every subject without another role; "
                "the data has subjects 1, 2, 3, 4",
            },
        ),
    ],
    ids=["a subject that is not there", "nobody is left to train"],
)
def test_a_role_without_windows_names_the_setting_and_the_subjects_there_are(
    windows_path: Path, folder: Path, settings: dict[str, Any], told: dict[str, str]
) -> None:
    with pytest.raises(InputError) as caught:
        write_splits(windows_path, SplitSettings(**settings), folder)
    found = {problem.path: problem.value for problem in caught.value.problems}
    assert {name: found.get(name) for name in told} == told


def test_the_first_value_that_is_no_number_is_named(tmp_path: Path, folder: Path) -> None:
    windows = cut(tmp_path / "windows.parquet", random_recordings(edit=not_a_number), length=25)
    place = f"{DSADS.channel_names[7]} of subject 4, session 1, segment 1, start 0"
    with pytest.raises(InputError, match=f"2 values that are NaN or infinite, first in {place}"):
        write_splits(windows, SETTINGS, folder)


def test_training_without_an_activity_is_refused(tmp_path: Path, folder: Path) -> None:
    recordings = [r for r in random_recordings() if r.subject > 2 or r.session != 2]
    with pytest.raises(InputError, match="training lacks 2"):
        write_splits(cut(tmp_path / "windows.parquet", recordings), SETTINGS, folder)
    assert not folder.exists() or not list(folder.iterdir())


def test_an_activity_that_a_validation_subject_never_did_is_told(tmp_path: Path, folder: Path) -> None:
    recordings = [r for r in random_recordings() if r.key != (3, 2)]
    summary = write_splits(cut(tmp_path / "windows.parquet", recordings), SETTINGS, folder)
    details = {check.name: check.detail for check in summary.checks}
    assert details["every_role_has_every_activity"] == "no validation subject has 2"


def test_one_subject_cannot_be_split_and_what_is_left_is_told(tmp_path: Path, folder: Path) -> None:
    windows = cut(tmp_path / "windows.parquet", random_recordings([3], num_segments=10))
    with pytest.raises(InputError, match="one subject, 3, who cannot both train and test: only the protocol leaky"):
        write_splits(windows, SETTINGS, folder)
    assert all(check.passed for check in cut_fold(windows, fold_named("leaky-1", [3])).checks)


def test_a_full_disk_replaces_nothing(windows_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_splits(windows_path, SETTINGS, folder)
    before = contents(folder)

    def fail(self: Statistics) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Statistics, "to_json", fail)  # the last of the four files
    with pytest.raises(StorageError, match="disk is full"):
        write_splits(windows_path, SplitSettings(validation_subjects=(4,), test_subjects=(3,)), folder)
    assert contents(folder) == before


def test_missing_windows_are_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        write_splits(tmp_path / "absent.parquet", SETTINGS, folder)


def test_normalised_windows_that_are_off_are_caught(
    windows_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check looks at what was written, not at what ought to have been."""
    monkeypatch.setattr(split_parts, "apply", lambda statistics, samples: samples * np.float32(2))
    with pytest.raises(InputError) as caught:
        write_splits(windows_path, SETTINGS, folder)
    assert {problem.path for problem in caught.value.problems} == {"training_means_are_0", "training_deviations_are_1"}


def test_the_names_of_the_checks_are_those_of_the_checks(windows_path: Path) -> None:
    with open_windows(windows_path) as file:
        named = split_parts.read_named(file)
    names = [check.name for check in check_roles(named, np.zeros(named.num_rows, dtype=np.int8), Grid(125, 125))]
    assert tuple(names) == tuple(SPLIT_CHECKS)[1:7]
    assert len(ROLES) == len(FILE_NAMES) == 3


@pytest.mark.parametrize("is_raw", [False, True])
def test_a_split_in_which_nobody_validates(windows_path: Path, folder: Path, is_raw: bool) -> None:
    settings = SplitSettings(validation_subjects=(), test_subjects=(4,))
    summary = write_splits(windows_path, settings, folder)
    assert summary.subjects == {"training": (1, 2, 3), "validation": (), "test": (4,)}
    split = read_splits(folder, raw_from=windows_path if is_raw else None)
    assert {role: len(own.labels) for role, own in split.roles.items()} == summary.num_windows
    assert summary.num_windows["validation"] == 0
    assert split.roles["validation"].windows.shape == (0, 125, 45)
