"""``[compressed]`` and ``[recipes]`` in an experiment file: what is accepted, and how everything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from har_core.base.errors import InputError, Problem
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment
from har_core.settings.recipes import Int8Settings

MODELS = '[models]\narchitectures = ["cnn", "lda"]\n'


def load(folder: Path, text: str) -> Experiment:
    path = folder / "mine.toml"
    path.write_text(MODELS + text, encoding="utf-8")
    return load_experiment(path)


def refused(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        load(folder, text)
    return caught.value.problems


def test_a_recipe_makes_another_model_of_each_parent(tmp_path: Path) -> None:
    experiment = load(
        tmp_path,
        '[compressed]\ncnn = ["int8", "coarse"]\nlda = ["int8"]\n'
        '[recipes.coarse]\nkind = "int8"\nwindows_per_activity = 1\n',
    )
    assert experiment.model_names == ("cnn", "lda", "cnn-int8", "cnn-coarse", "lda-int8")
    assert experiment.recipes == {"int8": Int8Settings(), "coarse": Int8Settings(windows_per_activity=1)}
    assert experiment.resolved()["recipes"]["coarse"] == {
        "kind": "int8",
        "most_lost": 0.005,
        "windows_per_activity": 1,
    }
    assert experiment.fold_names == ()


def test_what_is_made_may_be_a_parent_itself(tmp_path: Path) -> None:
    experiment = load(
        tmp_path,
        '[compressed]\ncnn = ["coarse"]\ncnn-coarse = ["int8"]\n[recipes.coarse]\nkind = "int8"\nmost_lost = 1.0\n',
    )
    assert experiment.parents == {"cnn-coarse": ("cnn", "coarse"), "cnn-coarse-int8": ("cnn-coarse", "int8")}


def test_a_recipe_that_nobody_uses_counts_for_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "[recipes.int8]\nwindows_per_activity = 3\n").recipes == {}


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ('[compressed]\ncnm = ["int8"]', 4, "a model of this file; did you mean 'cnn'?"),
        ('[compressed]\ncnn = ["int9"]', 4, "a recipe; did you mean 'int8'?"),
        ('[compressed]\ncnn = ["int8", "int8"]', 4, "each recipe once"),
        ("[compressed]\ncnn = []", 4, "a list of recipes"),
        ('[compressed]\ncnn = "int8"', 4, "a list of recipes"),
        ("[compressed]\ncnn = [8]", 4, "a recipe"),
        ("[recipes.int8]\nwindows_per_activity = 0", 4, "at least 1"),
        ("[recipes.int8]\nwindows = 3", 4, "windows_per_activity"),
        ("[recipes.mine]\nmost_lost = 0.1", 3, "kind = one of"),
        ('[recipes.mine]\nkind = "int4"', 4, "kind = one of"),
        ('[recipes.my-own]\nkind = "int8"', 3, "a name of small letters, digits and _"),
        ("[recipes]\nint8 = 3", 4, "a section, [recipes.int8]"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, line: int, expected: str) -> None:
    (problem,) = refused(tmp_path, text)
    assert (problem.line, expected in problem.expected) == (line, True), problem


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    found = refused(tmp_path, '[compressed]\ncnm = ["int8"]\ncnn = ["int9"]\n[recipes.int8]\nmost_lost = 2.0\n')
    assert [problem.line for problem in found] == [4, 5, 7]


def test_compressed_is_a_section(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"compressed = 3\n{MODELS}", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_experiment(path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.expected) == (1, "a section, [compressed]")
