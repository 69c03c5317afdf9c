"""``[ensembles]`` in an experiment file: what is accepted, and how everything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from har_core.base.errors import InputError, Problem
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment

MODELS = '[models]\narchitectures = ["cnn", "lstm", "compact"]\n'


def load(folder: Path, text: str) -> Experiment:
    path = folder / "mine.toml"
    path.write_text(MODELS + text, encoding="utf-8")
    return load_experiment(path)


def refused(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        load(folder, text)
    return caught.value.problems


def test_ensembles_stand_beside_the_architectures(tmp_path: Path) -> None:
    experiment = load(
        tmp_path,
        '[ensembles.both]\nmembers = ["cnn", "lstm"]\n[ensembles.all]\nmembers = ["cnn", "lstm", "compact"]\n'
        'combine = "stack"\n[evaluation]\nprotocols = ["loso"]\narchitectures = ["cnn", "lstm"]\n',
    )
    assert experiment.model_names == ("cnn", "lstm", "compact", "both", "all")
    assert experiment.fold_names == ("cnn", "lstm", "both")  # compact is not scored over folds
    assert not experiment.ensembles["both"].is_fitted
    assert experiment.ensembles["all"].is_fitted
    assert experiment.resolved()["ensembles"]["both"]["members"] == ["cnn", "lstm"]


def test_no_ensemble_is_none(tmp_path: Path) -> None:
    assert load(tmp_path, "").ensembles == {}


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ('[ensembles.both]\nmembers = ["cnn", "lstn"]', 4, "an architecture of [models]; did you mean 'lstm'?"),
        ('[ensembles.both]\nmembers = ["cnn", "resnet"]', 4, "an architecture of [models]"),
        ('[ensembles.both]\nmembers = ["cnn"]', 4, "at least 2"),
        ('[ensembles.both]\nmembers = ["cnn", "cnn"]', 4, "each member once"),
        ("[ensembles.both]\n", None, "members"),
        ('[ensembles.both]\npreset = "vgg+resnet"', 4, "did you mean 'vgg+resnet18'?"),
        ('[ensembles.both]\npreset = "vgg+resnet18"', 4, "an architecture of [models]"),
        ('[ensembles.cnn]\nmembers = ["cnn", "lstm"]', 3, "of no architecture"),
        ('[ensembles."a b"]\nmembers = ["cnn", "lstm"]', 3, "small letters"),
        ('[ensembles.both]\nmembers = ["cnn", "lstm"]\nweight = "equal"', 5, "did you mean 'weights'?"),
        (
            '[ensembles.both]\nmembers = ["cnn", "lstm"]\ncombine = "stack"\nweights = "fitted"',
            None,
            "a stack is always",
        ),
        ('[ensembles.both]\nmembers = ["cnn", "lstm"]\npenalty = 2.0', None, 'penalty belongs to combine = "stack"'),
        ("[ensembles]\nboth = 1", 4, "a section, [ensembles.both]"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, line: int | None, expected: str) -> None:
    problems = refused(tmp_path, text)
    assert any(expected in problem.expected for problem in problems), problems
    if line is not None:
        assert problems[0].line == line


@pytest.mark.parametrize("kind", ['combine = "stack"', 'weights = "fitted"'])
def test_what_is_fitted_needs_subjects_that_validate(tmp_path: Path, kind: str) -> None:
    text = f"""
[ensembles.both]
members = ["cnn", "lstm"]
{kind}
[training]
keep = "last"
[splits]
validation_subjects = []
[evaluation]
protocols = ["loso"]
validation_subjects = 0
"""
    problems = refused(tmp_path, text)
    assert [(problem.line, problem.expected.partition(",")[0]) for problem in problems] == [
        (10, "at least one subject"),
        (13, "1 or 2"),
    ]
    assert all("(both)" in problem.expected for problem in problems)
    elsewhere = text.replace("subjects = 0", 'subjects = 0\narchitectures = ["cnn"]').replace("= []", "= [6]")
    assert load(tmp_path, elsewhere).fold_names == ("cnn",)
    assert load(tmp_path, text.replace(kind, "")).fold_names == ("cnn", "lstm", "compact", "both")
