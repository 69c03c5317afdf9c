"""``[transferred]`` in an experiment file: what is accepted, and how everything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from har_core.base.errors import InputError, Problem
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment
from har_core.settings.transfer import TransferSettings

MODELS = """\
[models]
architectures = ["cnn", "lstm", "lda", "extra_trees", "adaptive"]
[ensembles.both]
members = ["cnn", "lstm"]
[ensembles.stacked]
members = ["cnn", "lda"]
combine = "stack"
[compressed]
cnn = ["int8"]
[transferred]
"""
FIRST = 11
"""Line of the first key."""


def load(folder: Path, text: str) -> Experiment:
    path = folder / "mine.toml"
    path.write_text(MODELS + text, encoding="utf-8")
    return load_experiment(path)


def refused(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        load(folder, text)
    return caught.value.problems


def test_models_of_every_kind_are_taken(tmp_path: Path) -> None:
    own = load(tmp_path, 'models = ["cnn", "stacked", "cnn-int8"]\nwindows_per_activity = [5, 1]\n').transferred
    assert own == TransferSettings(models=("cnn", "stacked", "cnn-int8"), windows_per_activity=(1, 5))
    assert own.windows_per_activity == (1, 5)
    assert load(tmp_path, 'models = ["both"]\nways = ["adapters", "all"]').transferred.models == ("both",)
    assert load(tmp_path, 'models = ["lda"]\nways = ["last_layer"]').transferred.models == ("lda",)
    assert load(tmp_path, 'models = ["adaptive"]\nways = ["all"]').transferred.models == ("adaptive",)
    assert load(tmp_path, "").transferred.models == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('models = ["cnm"]', "a model of this file; did you mean 'cnn'?"),
        ('models = ["cnn-int9"]', "a model of this file; did you mean 'cnn-int8'?"),
        ('models = ["cnn", "cnn"]', "each model once"),
        ('models = ["lda"]', 'lda is classical, so ways = ["last_layer"] at most'),
        ('models = ["extra_trees"]', "extra_trees has no last layer"),
        ('models = ["adaptive"]', "adaptive has no last layer"),
        ('models = ["both"]', "both is a vote, which has no last layer"),
        ('ways = ["all", "all"]', "each once; repeated: all"),
        ("models = 3", "a list, [...]"),
        ("ways = []", "at least 1 in the list"),
        ('ways = ["al"]', "did you mean 'all'?"),
        ("windows_per_activity = [2, 1, 2]", "each once; repeated: 2"),
        ("windows_per_activity = [0]", "at least 1"),
        ("windows_per_activity = []", "at least 1 in the list"),
        ("all_rate = 0.0", "more than 0"),
        ("from_nothing = 3", "from_nothing_epochs"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    (problem,) = refused(tmp_path, text)
    assert (problem.line, expected in problem.expected) == (FIRST, True), problem


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    found = refused(tmp_path, 'models = ["cnm", 3, "cnn", "cnn"]\nrank = 0\n')
    assert [problem.line for problem in found] == [FIRST, FIRST, FIRST, FIRST + 1]
    found = refused(tmp_path, 'models = ["cnm", "lda"]\n[splits]\nvalidation_subjects = [0]\n')
    assert [problem.line for problem in found] == [FIRST, FIRST, FIRST + 2]
