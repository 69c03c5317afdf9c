"""``[search.<architecture>]``: what is accepted, what it resolves to, and how everything else is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_core.base.errors import InputError
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import ModelSettings
from har_core.settings.search import Range, SearchSettings

MODELS = '[models]\narchitectures = ["compact", "random_forest"]\n'


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., SearchSettings]:
    def load(text: str, architecture: str = "compact") -> SearchSettings:
        path = tmp_path / "mine.toml"
        path.write_text(MODELS + text, encoding="utf-8")
        return load_experiment(path).search[architecture]

    return load


@pytest.fixture
def refused(load: Callable[..., SearchSettings]) -> Callable[[str], list[str]]:
    """Line, key and expectation of each problem; lines are counted from the first of the search."""

    def refused(text: str) -> list[str]:
        with pytest.raises(InputError) as caught:
            load(text)
        return [f"{(problem.line or 0) - 2} {problem.value}: {problem.expected}" for problem in caught.value.problems]

    return refused


def test_a_space_of_ranges_and_lists(load: Callable[..., SearchSettings]) -> None:
    settings = load(
        '[search.compact]\ntrials = 7\nsampler = "random"\n[search.compact.space]\n'
        "width = { low = 16, high = 96, step = 8 }\ndepth = { low = 1, high = 4 }\n"
        'learning_rate = { low = 1e-4, high = 1, log = true }\noptimizer = ["adamw", "sgd"]\n'
    )
    assert (settings.trials, settings.sampler, settings.pruner, settings.folds) == (7, "random", "none", 3)
    assert settings.space == {
        "width": Range(low=16, high=96, step=8),
        "depth": Range(low=1, high=4, step=1),
        "learning_rate": Range(low=1e-4, high=1, log=True),
        "optimizer": ("adamw", "sgd"),
    }


def test_no_search_is_none(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MODELS)
    assert load_experiment(path).search == {}


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ("widht = [16, 32]", "3 search.compact.space.widht = [16, 32]: a setting of compact that can be searched; did"),
        ("width = 16", "3 search.compact.space.width = 16: { low = …, high = … } or a list of values"),
        ("width = [16]", "at least two values in the list"),
        ("width = [16, 16]", "width[1] = 16: each value once"),
        ("width = [16, true]", "width[1] = true: a whole number"),
        ("width = { low = 16 }", "width: high of the range"),
        ("width = { low = 16, high = 32, stepp = 8 }", "width.stepp = 8: a key of a range; did you mean 'step'?"),
        ("width = { low = 16, high = 96.5 }", "width.high = 96.5: a whole number"),
        (
            "width = { low = 16, high = 31, step = 8 }",
            "width.high = 31: low + a whole number of steps; the last below is 24",
        ),
        ("width = { low = 32, high = 16 }", "width: low below high"),
        ("width = { low = 1, high = 20000 }", "at most 10,000 values in the range"),
        ("width = { low = 16, high = 32, step = 0 }", "width.step = 0: more than 0"),
        ("dropout = { low = 0.1, high = inf }", "dropout.high = inf: a finite number"),
        ("dropout = { low = 0.0, high = 0.5, log = true }", "dropout.low = 0.0: more than 0, because log is true"),
        ("dropout = { low = 0.1, high = 0.5, log = 1 }", "dropout.log = 1: true or false"),
        (
            "dropout = { low = 0.1, high = 0.5, log = true, step = 0.1 }",
            "dropout.step = 0.1: no step where log is true",
        ),
        ("learning_rate = { low = -1e-4, high = 1e-2 }", "learning_rate.low = -0.0001: more than 0.0 (Peak learning"),
        ('optimizer = ["adamw", "sdg"]', 'optimizer[1] = "sdg": one of "adamw", "sgd", "muon"; did you mean \'sgd\'?'),
        ("optimizer = { low = 1, high = 2 }", "optimizer: a list of values: optimizer is a string"),
        ("seed = [1, 2]", "seed = [1, 2]: seed left out: a lucky seed is no better setting"),
        ('units = [["T"], ["RA"]]', "a setting of compact that can be searched"),
    ],
)
def test_what_cannot_be_searched_is_refused(refused: Callable[[str], list[str]], space: str, expected: str) -> None:
    (problem,) = refused(f"[search.compact]\n[search.compact.space]\n{space}\n")
    assert expected in problem


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("[search.compact]", "1 None: the key 'space' in [search.compact]"),
        ("[search.compact]\nspace = {}", "at least 1 in the list"),
        (
            "[search.compat]\nspace = { width = [2, 4] }",
            "1 search.compat: a model of [models]; did you mean 'compact'?",
        ),
        (
            "[search.compact]\nfold = 3\nspace = { width = [2, 4] }",
            "2 search.compact.fold = 3: a key of [search.compact]",
        ),
        ("[search.random_forest]\nspace = { epochs = [2, 4] }", "a setting of random_forest that can be searched"),
        ('[search.compact]\nsampler = "grid"\nspace.dropout = { low = 0.1, high = 0.2 }', "a range with a step, for a"),
        ('[search.compact]\nsampler = "cmaes"\nspace.width = { low = 2, high = 4, step = 2 }', "at least two ranges"),
        ('[search.random_forest]\nsampler = "nsga2"\nspace.num_trees = [2, 4]', "2 search.random_forest.sampler"),
        (
            '[search.compact]\nsampler = "nsga2"\npruner = "hyperband"\nspace.width = [2, 4]',
            "'none': there is no pruning",
        ),
        ('[search.compact]\npruner = "hyperband"\nspace.epochs = [2, 4]', "no epochs where trials are pruned"),
    ],
)
def test_what_a_sampler_or_pruner_cannot_do_is_refused(
    refused: Callable[[str], list[str]], search: str, expected: str
) -> None:
    (problem,) = refused(search)
    assert expected in problem


def test_all_problems_are_told_at_once(refused: Callable[[str], list[str]]) -> None:
    problems = refused(
        "[search.compact]\ntrials = 0\n[search.compact.space]\nwidth = [7, 7]\ndepht = [1, 2]\n"
        '[search.random_forest]\nsampler = "genetic"\nspace.num_trees = [2, 4]\n'
    )
    assert [problem.partition(" ")[0] for problem in problems] == ["2", "4", "5", "7"]


def test_values_replace_settings_of_training_and_options_of_the_architecture() -> None:
    base = ModelSettings(architecture_options={"width": 64, "dropout": 0.2})
    changed = base.with_values({"width": 32, "learning_rate": 0.01})
    assert changed.architecture_options == {"width": 32, "dropout": 0.2}
    assert changed.training.learning_rate == 0.01
    assert base.architecture_options["width"] == 64
    assert changed.training.model_copy(update={"learning_rate": base.training.learning_rate}) == base.training


@given(low=st.integers(-50, 50), step=st.integers(1, 9), count=st.integers(1, 20), digits=st.integers(0, 4))
def test_the_values_of_a_range_begin_and_end_with_its_ends(low: int, step: int, count: int, digits: int) -> None:
    scale = 10**digits
    high = low + step * count
    ends = (low, high, step) if digits == 0 else (low / scale, high / scale, step / scale)
    values = Range(low=ends[0], high=ends[1], step=ends[2]).values()
    assert values is not None
    assert (values[0], values[-1], len(values)) == (ends[0], ends[1], count + 1)


@pytest.mark.parametrize("key", ["augmentation.mixup", '"augmentation.mixup"'])
def test_keys_within_a_section_are_searched_by_their_dotted_names(
    load: Callable[..., SearchSettings], key: str
) -> None:
    settings = load(f"[search.compact.space]\n{key} = {{ low = 0.0, high = 1.0 }}\n")
    assert list(settings.space) == ["augmentation.mixup"]
    changed = ModelSettings().with_values({"augmentation.mixup": 0.25})
    assert changed.training.augmentation.mixup == 0.25
    assert changed.training.augmentation.cutmix == 0.0
