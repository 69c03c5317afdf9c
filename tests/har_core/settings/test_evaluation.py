"""``[evaluation]``: which architectures are scored over folds, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from har_core.base.errors import InputError
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment

MODELS = '[models]\narchitectures = ["cnn", "logistic_regression"]\n[evaluation]\n'


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Experiment]:
    def load(text: str) -> Experiment:
        path = tmp_path / "mine.toml"
        path.write_text(MODELS + text, encoding="utf-8")
        return load_experiment(path)

    return load


def test_nothing_is_scored_over_folds_unless_asked_for(load: Callable[[str], Experiment]) -> None:
    experiment = load("")
    assert experiment.evaluation.protocols == experiment.fold_architectures == ()
    assert (experiment.evaluation.seeds, experiment.evaluation.validation_subjects) == ((0,), 1)


def test_all_architectures_or_those_that_are_named(load: Callable[[str], Experiment]) -> None:
    assert load('protocols = ["loso"]').fold_architectures == ("cnn", "logistic_regression")
    chosen = load('protocols = ["loso"]\narchitectures = ["logistic_regression"]')
    assert chosen.fold_architectures == ("logistic_regression",)
    assert load('architectures = ["logistic_regression"]').fold_architectures == ()


@pytest.mark.parametrize(
    ("protocols", "leading"),
    [((), None), (("inner", "leaky"), None), (("leaky", "pairs", "loso"), "loso"), (("group", "pairs"), "pairs")],
)
def test_the_protocol_that_leads(load: Callable[[str], Experiment], protocols: tuple[str, ...], leading: str) -> None:
    assert load(f"protocols = {list(protocols)}").evaluation.leading == leading


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ('protocols = ["loso"]', True),
        ('protocols = ["loso", "leaky"]\nvalidation_subjects = 0', False),
        ('protocols = ["leaky"]', False),
        ('protocols = ["inner"]\nvalidation_subjects = 0', True),
    ],
)
def test_who_validates_may_be_in_folds(load: Callable[[str], Experiment], text: str, expected: bool) -> None:
    nobody = '\n[training]\nkeep = "last"\n[splits]\nvalidation_subjects = []\n'
    assert load(text + nobody).has_validation is expected
    assert load(text if "= 0" not in text else "").has_validation


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ('protocols = ["losso"]', 4, '"loso"'),
        ('protocols = ["loso", "pairs", "loso"]', 4, "each entry once; repeated: loso"),
        ('protocols = ["loso"]\nseeds = [1, 2, 1]', 5, "each entry once; repeated: 1"),
        ("seeds = []", 4, "at least 1"),
        ("seeds = [1, -1]", 4, "at least 0"),
        ("validation_subjects = 3", 4, "at most 2"),
        ('architectures = ["lstm"]', 4, "an architecture of [models]"),
        ('architectures = ["logistic_regresion"]', 4, "'logistic_regression'"),
        ('protocols = ["loso"]\nsensors = ["cn"]', 5, "'cnn'"),
        ('protocols = ["loso"]\nsensors = ["cnn", "cnn"]', 5, "each entry once; repeated: cnn"),
        ('protocols = ["leaky", "inner"]\nsensors = ["cnn"]', 4, "one of loso, pairs, group"),
        (
            'protocols = ["loso"]\narchitectures = ["logistic_regression"]\nsensors = ["cnn"]\nvalidation_subjects = 0',
            7,
            "1 or 2, because validation chooses the epoch of networks (cnn)",
        ),
        (
            'protocols = ["pairs"]\nvalidation_subjects = 0',
            5,
            "1 or 2, because validation chooses the epoch of networks",
        ),
    ],
)
def test_a_problem_is_reported_with_its_line(
    load: Callable[[str], Experiment], text: str, line: int, expected: str
) -> None:
    with pytest.raises(InputError) as caught:
        load(text)
    (problem,) = caught.value.problems
    assert problem.line == line
    assert expected in problem.expected


@pytest.mark.parametrize(
    "text",
    [
        'protocols = ["loso"]\narchitectures = ["logistic_regression"]',
        'protocols = ["leaky"]',
    ],
)
def test_no_validation_subjects_where_no_network_needs_them(load: Callable[[str], Experiment], text: str) -> None:
    assert load(f"{text}\nvalidation_subjects = 0").evaluation.validation_subjects == 0


def test_no_validation_subjects_where_networks_keep_their_last_epoch(load: Callable[[str], Experiment]) -> None:
    text = 'protocols = ["loso"]\nvalidation_subjects = 0\n[models.cnn]\nkeep = "last"\n'
    assert load(text).fold_architectures == ("cnn", "logistic_regression")
