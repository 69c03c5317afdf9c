"""``[compressed]`` and ``[recipes]`` in an experiment file: what is accepted, and how everything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from har_core.base.errors import InputError, Problem
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment
from har_core.settings.recipes import DistilledSettings, Int8Settings

MODELS = '[models]\narchitectures = ["cnn", "lda"]\n'


def load(folder: Path, text: str, models: str = MODELS) -> Experiment:
    path = folder / "mine.toml"
    path.write_text(models + text, encoding="utf-8")
    return load_experiment(path)


def refused(folder: Path, text: str, models: str = MODELS) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        load(folder, text, models)
    return caught.value.problems


def test_a_recipe_makes_another_model_of_each_parent(tmp_path: Path) -> None:
    experiment = load(
        tmp_path,
        '[compressed]\ncnn = ["int8", "coarse"]\nlda = ["distilled"]\n'
        '[recipes.coarse]\nkind = "int8"\nwindows_per_activity = 1\n',
    )
    assert experiment.model_names == ("cnn", "lda", "cnn-int8", "cnn-coarse", "lda-distilled")
    assert experiment.recipes == {
        "coarse": Int8Settings(windows_per_activity=1),
        "distilled": DistilledSettings(),
        "int8": Int8Settings(),
    }
    assert experiment.resolved()["recipes"]["coarse"] == {
        "kind": "int8",
        "most_lost": 0.005,
        "windows_per_activity": 1,
        "first_layer": "int8",
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


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ('lda = ["int8"]', 4, "applied to lda: lda has no products"),
        ('cnn = ["dynamic"]', 4, "applied to cnn: cnn has no recurrent layers; these have: attend_discriminate, "),
        ('capsnet = ["binary"]', 4, "capsnet has no layer between its first and its last"),
        ('vit = ["weights", "filters"]', 4, "vit has no filters or units that can be removed whole"),
        ('vit = ["half"]\n[recipes.half]\nkind = "filters"', 4, "vit has no filters"),
        ('cnn = ["int8"]\ncnn-int8 = ["dynamic"]', 5, "applied to cnn-int8: cnn has no recurrent layers"),
        ('gru = ["distilled"]\ngru-distilled = ["dynamic"]', 5, "compact has no recurrent layers"),
        ('gru = ["dynamic"]\ngru-dynamic = ["filters"]', 5, "applied to gru-dynamic: filters changes a network itself"),
        ('lda = ["binary"]', 4, "applied to lda: binary changes a network itself"),
        (
            'extra_trees = ["deep"]\n[recipes.deep]\nkind = "distilled"\nfeature_weight = 0.5',
            4,
            "feature_weight needs a model",
        ),
        ('capsnet = ["deep"]\n[recipes.deep]\nkind = "distilled"\nfeature_weight = 0.5', 4, "feature_weight needs"),
        (
            'lda = ["deep"]\n[recipes.deep]\nkind = "distilled"\nfeature_weight = 0.5\nstudent = "adaptive"',
            8,
            "one linear layer at its end, because of feature_weight",
        ),
        ('both = ["filters"]\n[ensembles.both]\nmembers = ["cnn", "gru"]', 4, "filters changes a network itself"),
    ],
)
def test_what_a_model_cannot_take_is_refused_before_anything_is_trained(
    tmp_path: Path, text: str, line: int, expected: str
) -> None:
    models = '[models]\narchitectures = ["capsnet", "cnn", "extra_trees", "gru", "lda", "vit"]\n'
    (problem,) = refused(tmp_path, f"[compressed]\n{text}", models)
    assert (problem.line, expected in problem.expected) == (line, True), problem


def test_what_a_model_can_take_is_let_pass(tmp_path: Path) -> None:
    text = (
        '[compressed]\nlda = ["wide", "deep"]\nlda-wide = ["dynamic"]\nboth = ["int8", "dynamic"]\nlstm = ["dynamic"]\n'
        'lstm-dynamic = ["int8", "deep"]\n[recipes.deep]\nkind = "distilled"\nfeature_weight = 0.5\n'
        '[recipes.wide]\nkind = "distilled"\nstudent = "lstm"\n'
        '[ensembles.both]\nmembers = ["lda", "lstm"]\n'
    )
    experiment = load(tmp_path, text, '[models]\narchitectures = ["lda", "lstm"]\n')
    assert {"lda-wide-dynamic", "both-dynamic", "lstm-dynamic-int8"} <= set(experiment.model_names)


def test_a_recipe_with_a_mistake_is_told_of_once(tmp_path: Path) -> None:
    text = '[compressed]\nlda = ["distilled"]\nlda-distilled = ["dynamic"]\n[recipes.distilled]\nepochs = 0\n'
    assert [problem.line for problem in refused(tmp_path, text)] == [7]


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
