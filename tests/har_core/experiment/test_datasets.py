"""The data set of an experiment is asked for the activities that windows use, and for no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from har_core.experiment.datasets import dataset_of
from har_core.experiment.loader import load_experiment

CARD = """
name = "own"
title = "Own"
sampling_rate_hz = 50
none = "sleeping"
activities = ["walking", "running", "sleeping"]

[files]
pattern = "{subject}_{activity}.csv"

[[channels]]
columns = [1, 2, 3]
place = "wrist"
sensor = "acc"
"""


@pytest.mark.parametrize(
    ("windows", "asked_for", "activities"),
    [
        ("", None, 19),
        ('[windows]\nactivities = ["rowing", "sitting"]', ("sitting", "rowing"), 2),
        (
            '[windows.activities]\nstairs = ["ascending stairs", "descending stairs"]\nrowing = ["rowing"]',
            ("ascending stairs", "descending stairs", "rowing"),
            2,
        ),
    ],
)
def test_only_what_windows_use_is_asked_for(
    tmp_path: Path, windows: str, asked_for: tuple[str, ...] | None, activities: int
) -> None:
    path = tmp_path / "a.toml"
    path.write_text(f'{windows}\n[models]\narchitectures = ["cnn"]\n', encoding="utf-8")
    experiment = load_experiment(path)
    assert dataset_of(experiment).asked_for == asked_for
    assert (experiment.dataset.num_activities, experiment.windowed.num_activities) == (19, activities)
    assert experiment.window_length == 125


@pytest.mark.parametrize(("none", "asked_for"), [("drop", 2), ("class", 3), ("test", 3)])
def test_the_label_for_none_is_asked_for_where_it_is_used(tmp_path: Path, none: str, asked_for: int) -> None:
    (tmp_path / "own.toml").write_text(CARD, encoding="utf-8")
    windows = f'[windows]\nactivities = ["walking", "running"]\nnone = "{none}"\n'
    path = tmp_path / "a.toml"
    path.write_text(f'[source]\ndataset = "own.toml"\n{windows}[models]\narchitectures = ["lda"]\n', encoding="utf-8")
    wanted = ("walking", "running", "sleeping")[:asked_for]
    assert dataset_of(load_experiment(path)).asked_for == wanted
    assert load_experiment(path).windowed.activities == wanted
