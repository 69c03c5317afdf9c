"""Windows, splits and folds of a set with segments of any length and labels that change within them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from data_sets import POCKET_AND_WRIST

from har_core.base.errors import InputError
from har_core.datasets.recordings import Outline, Recording, Recordings, label_runs, recordings_of
from har_core.settings.splits import SplitSettings
from har_core.splits.build import cut_fold, read_splits, write_splits
from har_core.splits.protocols import folds
from har_core.splits.roles import ROLES
from har_core.windows.checks import WindowChecks
from har_core.windows.dataset import WindowsSummary, write_windows
from har_core.windows.schema import KEY_COLUMNS
from har_core.windows.segmentation import segment
from har_core.windows.tensors import count_by_subject_and_activity, read_tensors

if TYPE_CHECKING:
    import pyarrow as pa

    from tests.har_core.conftest import FindingsOf

SUBJECTS = (1, 2, 5, 6, 7, 9)
LENGTHS = (130, 700, 61)
OTHER = POCKET_AND_WRIST.num_activities + 1
"""Activity number of what is none of the activities, where it is a class."""
SETTINGS = SplitSettings(validation_subjects=(7,), test_subjects=(9,))
ZERO_AT_THE_WRIST = ("zero_run", 2, 1, 2, 300, 30, "wrist")
COPY = ("duplicate_rows", 1, 1, 2, 100, 80, "all", (9, 2, 2, 130))


@pytest.fixture
def recordings() -> Recordings:
    """Each subject in two sessions of three segments; one activity after another, and none in between."""
    rng, made = np.random.default_rng(0), []
    labels = np.resize(np.repeat([1, 2, 0, 3, 4, 0], 60), sum(LENGTHS))
    for subject in SUBJECTS:
        for session in (1, 2):
            samples = rng.normal(labels + subject / 10, 1, (POCKET_AND_WRIST.num_channels, len(labels)))
            outline = Outline(segments=(1, 2, 4), lengths=LENGTHS, labels=label_runs(np.roll(labels, 17 * session)))
            made.append(
                Recording(subject=subject, session=session, outline=outline, samples=samples.astype(np.float32))
            )
    made[2].samples[6:, 130 + 300 : 130 + 330] = 0
    return recordings_of(POCKET_AND_WRIST, made)


def write(recordings: Recordings, path: Path, findings: pa.Table, **how: Any) -> WindowsSummary:
    ways: dict[str, Any] = {name: how[name] for name in ("damaged", "join", "longest_repair") if name in how}
    ways.setdefault("damaged", "flag")
    checks = WindowChecks(findings, recordings.outlines, **ways)
    return write_windows(segment(recordings, findings=findings, **({"length": 40} | how)), path, checks=checks)


@pytest.mark.parametrize("join", [False, True])
@pytest.mark.parametrize(
    ("damaged", "num_damaged", "num_repaired"),
    [("flag", 3, 0), ("keep", 0, 0), ("fill", 0, 3), ("repair", 3, 0), ("drop", 0, 0)],
)
def test_windows_of_a_place_that_was_lost(
    recordings: Recordings,
    findings_of: FindingsOf,
    tmp_path: Path,
    *,
    join: bool,
    damaged: str,
    num_damaged: int,
    num_repaired: int,
) -> None:
    findings = findings_of(ZERO_AT_THE_WRIST, COPY, spec=POCKET_AND_WRIST)
    how = {"damaged": damaged, "join": join, "longest_repair": 29, "label_rule": "majority", "none": "class"}
    summary = write(recordings, tmp_path / "windows.parquet", findings, step=20, **how)
    assert (summary.num_damaged, summary.num_repaired) == (num_damaged, num_repaired)
    assert summary.num_in_duplicate_groups
    tensors = read_tensors(tmp_path / "windows.parquet")
    is_lost = (tensors.windows[..., 6:] == 0).all(dim=2).any(dim=1)
    assert int(is_lost.sum()) == (3 if damaged in {"flag", "keep", "repair"} else 0)
    assert tensors.spec.activities == (*POCKET_AND_WRIST.activities, "other")


def test_no_segment_is_joined_to_another(recordings: Recordings, findings_of: FindingsOf, tmp_path: Path) -> None:
    findings = findings_of(spec=POCKET_AND_WRIST)
    write(recordings, tmp_path / "windows.parquet", findings, step=1, join=True, label_rule="majority", none="class")
    keys = read_tensors(tmp_path / "windows.parquet").keys
    for number, num_rows in zip((1, 2, 4), LENGTHS, strict=True):
        starts = keys["start"].to_numpy()[keys["segment"].to_numpy() == number]
        assert starts.max() + 40 <= num_rows


@pytest.mark.parametrize("protocol", ["loso", "pairs", "group", "inner", "leaky"])
def test_folds_of_every_protocol(
    recordings: Recordings, findings_of: FindingsOf, tmp_path: Path, protocol: str
) -> None:
    findings = findings_of(ZERO_AT_THE_WRIST, COPY, spec=POCKET_AND_WRIST)
    path = tmp_path / "windows.parquet"
    summary = write(recordings, path, findings, step=20)
    tested = 0
    for fold in folds(protocol, SUBJECTS, num_groups=3, test_subjects=[9]):
        made = cut_fold(path, fold)
        assert made.spec == POCKET_AND_WRIST
        assert all(check.passed for check in made.checks)
        samples = []
        for role in ROLES:
            keys = zip(*(made.roles[role].keys[name].to_pylist() for name in KEY_COLUMNS), strict=True)
            samples.append({(*key, start + i) for *key, start in keys for i in range(40)})
        assert not samples[0] & samples[1]
        assert not (samples[0] | samples[1]) & samples[2]
        tested += len(made.roles["test"].labels)
    assert protocol == "inner" or tested == summary.num_windows


def test_what_is_none_of_the_activities_stands_in_test_alone(
    recordings: Recordings, findings_of: FindingsOf, tmp_path: Path
) -> None:
    path, folder = tmp_path / "windows.parquet", tmp_path / "splits"
    as_class = write(recordings, path, findings_of(spec=POCKET_AND_WRIST), none="class")
    for_test = write(recordings, path, findings_of(spec=POCKET_AND_WRIST), none="test")
    assert for_test.content_version != as_class.content_version, "else the splits would seem fresh"
    number = count_by_subject_and_activity(path).to_pylist()
    of_none = {row["subject"]: row["num_windows"] for row in number if row["activity"] == OTHER}
    summary = write_splits(path, SETTINGS, folder)
    assert summary.num_dropped["none_training"] == sum(of_none[subject] for subject in SUBJECTS if subject < 7)
    assert summary.num_dropped["none_validation"] == of_none[7]
    split = read_splits(folder)
    for made in (split, cut_fold(path, folds("loso", SUBJECTS)[-1]), cut_fold(path, folds("leaky", SUBJECTS)[0])):
        assert made.spec.none_is_class
        for role in ROLES:
            assert bool((made.roles[role].labels == OTHER - 1).any()) == (role == "test")
    assert split.num_dropped == summary.num_dropped


def test_a_split_carries_the_description(recordings: Recordings, findings_of: FindingsOf, tmp_path: Path) -> None:
    path, folder = tmp_path / "windows.parquet", tmp_path / "splits"
    how = {"activities": {"on foot": ["walking", "stairs"], "sitting": ["sitting"]}}
    write(recordings, path, findings_of(spec=POCKET_AND_WRIST), **how)
    write_splits(path, SETTINGS, folder)
    raw, split = read_splits(folder, raw_from=path), read_splits(folder)
    for made in (raw, split):
        assert made.spec.activities == ("on foot", "sitting")
        assert all(windows.spec == made.spec for windows in made.roles.values())
        assert set(made.roles["training"].labels.tolist()) == {0, 1}
    assert split.statistics is not None
    assert split.statistics.channels == POCKET_AND_WRIST.channel_names


def test_who_alone_did_an_activity_tests_too(tmp_path: Path, findings_of: FindingsOf) -> None:
    """Nobody is left to train on it: its windows count as mistakes, and a named split is refused."""
    done = {1: (1, 2, 3), 2: (1, 2), 3: (1, 2), 4: (1, 2)}
    made = [
        Recording(subject=subject, session=1, outline=outline, samples=samples)
        for subject, numbers in done.items()
        for runs in [label_runs(np.repeat(numbers, 600 // len(numbers)))]
        for outline in [Outline(segments=(1,), lengths=(600,), labels=runs)]
        for samples in [np.random.default_rng(subject).normal(size=(10, 600)).astype(np.float32)]
    ]
    path = tmp_path / "windows.parquet"
    write(recordings_of(POCKET_AND_WRIST, made), path, findings_of(spec=POCKET_AND_WRIST))
    fold = cut_fold(path, folds("loso", done)[0])
    assert set(fold.roles["test"].labels.tolist()) == {0, 1, 2}
    assert set(fold.roles["training"].labels.tolist()) == {0, 1}
    [check] = [check for check in fold.checks if check.name == "every_role_has_every_activity"]
    assert "no training subject has 3" in check.detail
    with pytest.raises(InputError, match="training lacks 3"):
        write_splits(path, SplitSettings(validation_subjects=(2,), test_subjects=(1,)), tmp_path / "splits")
