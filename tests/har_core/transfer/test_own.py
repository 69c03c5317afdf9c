"""One person's recordings become windows as those of the model were, with its class ids."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from card_examples import HEAD, PLAIN, as_text, card_at, rows_of, write
from data_sets import small_dsads
from window_examples import named_windows

from har_core.base.errors import InputError
from har_core.base.progress import silent
from har_core.datasets.catalogue import find_dataset
from har_core.datasets.dataset import Dataset
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.synthetic.writer import write_recordings
from har_core.experiment.loader import load_experiment
from har_core.settings.source import SourceSettings
from har_core.settings.windows import WindowSettings
from har_core.spec.dataset import DatasetSpec
from har_core.spec.selection import NoneRule, spec_of_windows
from har_core.transfer.own import Own, choose, read_own, read_window_settings
from har_core.windows.tensors import WindowTensors

LENGTH = 20
ACTIVITIES = ("sitting", "walking", "running")
THREE = PLAIN.replace('["sitting", "walking"]', '["sitting", "walking", "running"]')
FILES = {f"s01/{session}.csv": as_text(rows_of(seed=session, labels=ACTIVITIES)) for session in (1, 2)}
"""Two sessions of one person, each activity for 40 samples, which are two windows."""


def read(
    folder: Path, model: DatasetSpec, settings: WindowSettings, *, card: str = THREE, files: dict[str, str] = FILES
) -> Own:
    return read_from(card_at(folder, card), write(folder, files), model, settings)


def read_from(dataset: Dataset, data: Path, model: DatasetSpec, settings: WindowSettings, length: int = LENGTH) -> Own:
    with dataset.open(data) as source:
        return read_own(dataset, source, model, settings, length=length, join=False)


def spec(folder: Path, settings: WindowSettings | None = None) -> DatasetSpec:
    """Of the windows of a model of that data set."""
    how = settings or WindowSettings()
    return spec_of_windows(card_at(folder, THREE).spec, activities=how.activities, none=how.none)


def windows_of(num_windows: list[int], **changed: torch.Tensor) -> WindowTensors:
    """So many windows of each activity, a segment each, of one person."""
    labels = np.repeat(np.arange(len(num_windows)), num_windows)
    segments = [segment for number in num_windows for segment in range(1, number + 1)]
    named = named_windows(labels, [1] * len(labels), segments=segments, spec=small_dsads(3, 4))
    return WindowTensors(**{**{name: getattr(named, name) for name in WindowTensors.__slots__}, **changed})


# --- Reading ----------------------------------------------------------------------------------------------------------


def test_windows_are_cut_as_those_of_the_model(tmp_path: Path) -> None:
    own = read(tmp_path, spec(tmp_path), WindowSettings(length=LENGTH, overlap=0.5))
    assert own.windows.windows.shape == (2 * 3 * 3, LENGTH, 3)
    assert own.windows.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2] * 2
    first = np.array([row[1:4] for row in rows_of(seed=1, labels=ACTIVITIES)[10:30]], dtype=np.float32)
    np.testing.assert_allclose(own.windows.windows[1], first)
    assert own.unknown == ()
    assert own.ingested.subjects == (1,)


def test_activities_are_merged_and_left_out_as_those_of_the_model(tmp_path: Path) -> None:
    how = WindowSettings(length=LENGTH, activities={"moving": ("walking", "running")})
    own = read(tmp_path, spec(tmp_path, how), how)
    assert own.windows.labels.tolist() == [0, 0, 0, 0] * 2
    assert own.unknown == ("sitting",)


def test_class_ids_are_those_of_the_model_whatever_the_order(tmp_path: Path) -> None:
    """As of another data set, which calls some activities as this one does."""
    model = spec(tmp_path).replaced(activities=("running", "cycling", "sitting"))
    own = read(tmp_path, model, WindowSettings(length=LENGTH, activities=("running", "cycling", "sitting")))
    assert own.windows.labels.tolist() == [2, 2, 0, 0] * 2
    assert own.unknown == ("walking",)


def test_what_is_none_of_the_activities_is_a_class_where_the_model_has_one(tmp_path: Path) -> None:
    files = {"s01/1.csv": as_text(rows_of(labels=("sitting", "other", "walking")))}
    rules: dict[NoneRule, list[int]] = {"class": [0, 0, 3, 3, 1, 1], "drop": [0, 0, 1, 1], "test": [0, 0, 1, 1]}
    for none, expected in rules.items():
        how = WindowSettings(length=LENGTH, none=none)
        own = read(tmp_path, spec(tmp_path, how), how, files=files)
        assert own.windows.labels.tolist() == expected, none


def test_a_person_need_not_show_everything(tmp_path: Path) -> None:
    write_recordings(tmp_path / "made", SourceSettings(num_subjects=1, num_segments=2), silent)
    for activity in ("a03", "a18"):
        shutil.copytree(tmp_path / "made" / activity, tmp_path / "own" / activity)
    own = read_from(find_dataset("dsads", relative_to=tmp_path), tmp_path / "own", DSADS, WindowSettings(), length=125)
    assert own.windows.labels.tolist() == [2, 2, 17, 17]


def test_every_problem_is_told(tmp_path: Path) -> None:
    files = {name: text.replace("sitting", "siting", 1) for name, text in FILES.items()}
    with pytest.raises(InputError) as refused:
        read(tmp_path, spec(tmp_path), WindowSettings(length=LENGTH), files=files)
    assert {problem.path for problem in refused.value.problems} == {str(tmp_path / "data" / name) for name in files}


@pytest.mark.parametrize(
    ("labels", "card", "complaint"),
    [
        (ACTIVITIES[:2], THREE, "cycling"),
        (("other",), THREE, "no activity"),
        (ACTIVITIES, HEAD + PLAIN.removeprefix(HEAD).replace('"label"', '"what"'), "what"),
    ],
    ids=["activities of others", "no labels in the column", "no column of labels"],
)
def test_recordings_without_an_activity_of_the_model(
    tmp_path: Path, labels: tuple[str, ...], card: str, complaint: str
) -> None:
    model = spec(tmp_path).replaced(activities=("cycling", "rowing"))
    with pytest.raises(InputError, match=complaint):
        read(
            tmp_path,
            model,
            WindowSettings(length=LENGTH),
            card=card,
            files={"s01/1.csv": as_text(rows_of(labels=labels))},
        )


def test_recordings_shorter_than_a_window(tmp_path: Path) -> None:
    files = {"s01/1.csv": as_text(rows_of(30, labels=ACTIVITIES))}
    with pytest.raises(InputError) as refused:
        read(tmp_path, spec(tmp_path), WindowSettings(length=LENGTH), files=files)
    assert refused.value.problems[0].path == str(tmp_path / "data")


def test_settings_of_windows_come_back_from_the_record_of_a_run(tmp_path: Path) -> None:
    for written in (
        'activities = ["sitting", "jumping"]\nlength = 50\nstep = 20\nlabel_rule = "majority"\nlabel_share = 0.6',
        'length_s = 2.0\nstep_s = 0.5\nactivities = { still = ["sitting", "standing"], not = ["jumping"] }',
        'overlap = 0.25\njoin_segments = true\ndamaged = "fill"',
        "",
    ):
        path = tmp_path / "experiment.toml"
        path.write_text(f'[windows]\n{written}\n[models]\narchitectures = ["lda"]\n', encoding="utf-8")
        experiment = load_experiment(path)
        told = read_window_settings(json.dumps(experiment.resolved()).encode())
        assert told.model_dump() == experiment.windows.model_dump()


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"windows": {"breadth": 3}}', b'{"windows": {"length": "x"}}']
)
def test_other_records_are_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_window_settings(content)


# --- Choosing ---------------------------------------------------------------------------------------------------------


def test_the_first_half_is_learnt_and_the_rest_is_kept_back() -> None:
    shown = choose(windows_of([4, 5]))
    assert (shown.learnt.tolist(), shown.later.tolist()) == ([0, 1, 4, 5], [2, 3, 6, 7, 8])
    shown = choose(windows_of([4, 5]), 1)
    assert (shown.learnt.tolist(), shown.later.tolist()) == ([0, 4], [1, 2, 3, 5, 6, 7, 8])


def test_all_is_learnt_where_nothing_would_be() -> None:
    shown = choose(windows_of([1, 1, 1], damaged=torch.tensor([False, True, False])))
    assert (shown.learnt.tolist(), shown.later.tolist()) == ([0, 2], [])


@pytest.mark.parametrize("num_windows", [[6], [6, 1], [1]])
def test_one_activity_is_too_little(num_windows: list[int]) -> None:
    with pytest.raises(InputError, match="two activities or more"):
        choose(windows_of(num_windows))
