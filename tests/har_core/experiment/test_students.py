"""The recipe ``distilled`` in an experiment file: how its student is trained, and which students are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from narrowing import present
from torch.nn.functional import cross_entropy

from assets.models.compressed import build_compressed
from har_core.base.errors import InputError, Problem
from har_core.experiment.loader import load_experiment
from har_core.experiment.recipes import NOT_TAUGHT
from har_core.models.catalogue import describe, list_models
from har_core.models.registry import create_model
from har_core.settings.experiment import Experiment
from har_core.training.objective import objective

MODELS = '[models]\narchitectures = ["lda", "cnn"]\n'
DISTILLED = '[compressed]\nlda = ["small"]\n[recipes.small]\nkind = "distilled"\n'


def load(folder: Path, text: str, models: str = MODELS) -> Experiment:
    path = folder / "mine.toml"
    path.write_text(models + text, encoding="utf-8")
    return load_experiment(path)


def refused(folder: Path, text: str, models: str = MODELS) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        load(folder, text, models)
    return caught.value.problems


def test_without_a_section_it_has_defaults(tmp_path: Path) -> None:
    experiment = load(tmp_path, '[compressed]\nlda = ["distilled"]\n')
    student = present(experiment.student_settings("distilled"))
    assert student.training == experiment.training
    assert student.architecture_options == describe("compact").options
    assert experiment.models.architectures == ("lda", "cnn")
    assert experiment.resolved()["models"]["compact"]["epochs"] == experiment.training.epochs


def test_a_student_is_trained_as_its_section_says_but_for_what_the_recipe_changes(tmp_path: Path) -> None:
    text = (
        f"{DISTILLED}student = 'cnn'\nepochs = 7\noptions = {{ base_width = 3 }}\n"
        "[training]\nbatch_size = 32\n[models.cnn]\nlearning_rate = 0.25\nbase_width = 9\n"
    )
    student = present(load(tmp_path, text).student_settings("small"))
    assert (student.training.epochs, student.training.batch_size, student.training.learning_rate) == (7, 32, 0.25)
    assert student.architecture_options == {"base_width": 3}


def test_a_section_of_a_student_that_is_no_architecture_of_the_file_counts_too(tmp_path: Path) -> None:
    text = f"{DISTILLED}[models.compact]\nlearning_rate = 0.25\n"
    assert present(load(tmp_path, text).student_settings("small")).training.learning_rate == 0.25


def test_other_recipes_have_no_student(tmp_path: Path) -> None:
    assert load(tmp_path, '[compressed]\ncnn = ["int8"]\n').student_settings("int8") is None


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ('student = "compakt"', 7, "did you mean 'compact'?"),
        ('student = "lda"', 7, "a network that another model can teach"),
        ('student = "capsnet"', 7, "a network that another model can teach"),
        ("options = { widht = 8 }", 7, "an option of compact; did you mean 'width'?"),
        ("options = { width = 0.5 }", 7, "a whole number"),
        ("options = { width = true }", 7, "a whole number"),
        ("options = { width = [1] }", 7, "a whole number"),
        ("options = { epochs = 3 }", 7, "an option of compact"),
        ("options = 3", 7, "a table"),
        ("temperature = 0", 7, "more than 0"),
        ("soft_weight = 1.5", 7, "at most 1"),
        ("epochs = 0", 7, "at least 1"),
        ("temprature = 3", 7, "did you mean 'temperature'?"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, line: int, expected: str) -> None:
    [problem] = refused(tmp_path, DISTILLED + text)
    assert problem.path == str(tmp_path / "mine.toml")
    assert problem.line == line
    assert expected in f"{problem.value} {problem.expected}"


def test_a_student_whose_epoch_is_chosen_needs_validation(tmp_path: Path) -> None:
    models = '[models]\narchitectures = ["lda"]\n'
    nobody = f"{DISTILLED}[splits]\nvalidation_subjects = []\n"
    [problem] = refused(tmp_path, nobody, models)
    assert "compact" in problem.expected
    assert load(tmp_path, f'{nobody}[training]\nkeep = "last"\n', models).student_settings("small")


def test_no_search_is_made_of_a_student(tmp_path: Path) -> None:
    text = f"{DISTILLED}[search.compact.space]\nepochs = [1, 2]\n"
    assert any("a model of [models]" in problem.expected for problem in refused(tmp_path, text))


def test_the_settings_of_its_student_make_it_stale_and_those_of_others_do_not(tmp_path: Path) -> None:
    def version(text: str) -> str | None:
        asset = build_compressed("lda-small", load(tmp_path, DISTILLED + text))
        return next(iter(asset.specs)).code_version

    before = version("")
    assert version("[models.cnn]\nlearning_rate = 0.25") == before
    changes = [
        "temperature = 5.0",
        "options = { width = 8 }",
        "epochs = 3",
        "student = 'cnn'",
        "[models.compact]\nlearning_rate = 0.25",
        "[training]\nbatch_size = 32",
    ]
    assert len({before, *map(version, changes)}) == len(changes) + 1


def test_those_that_cannot_be_taught_are_the_networks_that_ask_no_criterion() -> None:
    def criterion(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        asked.add(name)
        return cross_entropy(logits, targets)

    asked, with_own_loss = set[str](), set[str]()
    for name in list_models():
        if "def training_loss" in (Path(__file__).parents[3] / describe(name).source).read_text(encoding="utf-8"):
            with_own_loss.add(name)
            network = create_model(name, num_channels=6, num_timepoints=32, num_classes=3)
            objective(network, torch.randn(4, 32, 6), torch.tensor([0, 1, 2, 0]), criterion, num_classes=3)
    assert with_own_loss - asked == {*NOT_TAUGHT}
