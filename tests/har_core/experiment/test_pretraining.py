"""``[training.pretraining]`` in an experiment file: what it resolves to, and what is refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_sets import POCKET_AND_WRIST
from window_examples import write_example

from assets.folds.fold import fold_ingredients
from har_core.base.errors import InputError, Problem
from har_core.datasets.dsads.dataset import DSADS
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment
from har_core.settings.pretraining import PretrainingSettings
from har_core.settings.training import PRESETS
from har_core.spec.dataset import DatasetSpec

MODELS = '[models]\narchitectures = ["compact", "cnn"]\n'
LIKE_DSADS = POCKET_AND_WRIST.replaced(
    channels=tuple(
        channel.model_copy(update={"place": "T"}) if channel.place == "wrist" else channel
        for channel in POCKET_AND_WRIST.channels
    )
)


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Experiment]:
    def load(text: str) -> Experiment:
        (tmp_path / "own").mkdir(exist_ok=True)
        path = tmp_path / "own" / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return load_experiment(path)

    return load


@pytest.fixture
def problems(load: Callable[[str], Experiment]) -> Callable[[str], tuple[Problem, ...]]:
    def problems(text: str) -> tuple[Problem, ...]:
        with pytest.raises(InputError) as caught:
            load(text)
        return caught.value.problems

    return problems


def write(path: Path, spec: DatasetSpec = LIKE_DSADS, scale: float = 1.0) -> str:
    samples = np.random.default_rng(0).normal(size=(4, 50, spec.num_channels)).astype(np.float32)
    return write_example(path, spec, samples * np.float32(scale), np.arange(4))


def pretraining_of(experiment: Experiment, name: str) -> PretrainingSettings | None:
    return experiment.model_settings(name).training.pretraining


def test_it_is_overridden_key_by_key(load: Callable[[str], Experiment]) -> None:
    experiment = load(
        '[training]\npreset = "masked"\n[training.pretraining]\nepochs = 7\n'
        + MODELS
        + '[models.cnn.pretraining]\ntask = "contrastive"\ntemperature = 0.5\n'
    )
    assert pretraining_of(experiment, "compact") == PretrainingSettings(task="masked", epochs=7)
    assert pretraining_of(experiment, "cnn") == PretrainingSettings(task="contrastive", epochs=7, temperature=0.5)
    assert experiment.resolved()["models"]["cnn"]["pretraining"]["epochs"] == 7


def test_one_architecture_alone_is_pretrained(load: Callable[[str], Experiment]) -> None:
    experiment = load(MODELS + '[models.cnn.pretraining]\ntask = "masked"\nfrozen = true\n')
    assert pretraining_of(experiment, "compact") is None
    assert pretraining_of(experiment, "cnn") == PretrainingSettings(task="masked", frozen=True)


def test_a_preset_of_an_architecture_stands_below_what_training_says_itself(load: Callable[[str], Experiment]) -> None:
    experiment = load(
        '[training]\npreset = "masked"\nseed = 9\nepochs = 3\n'
        + MODELS
        + '[models.compact]\npreset = "modern"\n[models.cnn]\npreset = "contrastive"\nepochs = 5\nbase_width = 8\n'
    )
    compact, cnn = (experiment.model_settings(name).training for name in ("compact", "cnn"))
    assert compact == PRESETS["modern"].model_copy(update={"seed": 9, "epochs": 3})
    assert cnn == PRESETS["contrastive"].model_copy(update={"seed": 9, "epochs": 5})
    assert experiment.model_settings("cnn").architecture_options == {"base_width": 8}


def test_an_unknown_preset_of_an_architecture_is_refused(problems: Callable[[str], tuple[Problem, ...]]) -> None:
    [problem] = problems(MODELS + '[models.cnn]\npreset = "maskd"\n')
    assert (problem.line, problem.value) == (4, 'models.cnn.preset = "maskd"')
    assert "did you mean 'masked'" in problem.expected


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("[training.pretraining]\nepochs = 3\n", 1, "the key 'task' in [training.pretraining]"),
        ('[training.pretraining]\ntask = "mask"\n', 2, "did you mean 'masked'"),
        ('[training.pretraining]\ntask = "masked"\nmasked_share = 1.0\n', 3, "less than 1"),
        ('[training.pretraining]\ntask = "activities"\n', 1, "those of another data set"),
        ("[training]\ntemperature = 0.1\n", 2, "the key 'temperature' in [training.pretraining]"),
        ('[training]\npretraining = "masked"\n', 2, "a section"),
    ],
)
def test_what_is_wrong_is_named(
    problems: Callable[[str], tuple[Problem, ...]], text: str, line: int, expected: str
) -> None:
    [problem] = problems(text + MODELS)
    assert problem.line == line
    assert expected in problem.expected


@pytest.mark.parametrize("name", ["adaptive", "capsnet"])
def test_a_network_that_cannot_be_pretrained_is_refused_by_name(
    problems: Callable[[str], tuple[Problem, ...]], load: Callable[[str], Experiment], name: str
) -> None:
    models = f'[models]\narchitectures = ["cnn", "{name}", "lda"]\n'
    [problem] = problems('[training]\npreset = "masked"\n' + models)
    assert f"no pretraining of {name}" in problem.expected
    own = load(f'[training]\npreset = "masked"\n{models}[models.{name}]\npreset = "modern"\n')
    assert pretraining_of(own, name) is None


def test_a_path_begins_at_the_file_and_its_content_counts(tmp_path: Path, load: Callable[[str], Experiment]) -> None:
    text = MODELS + '[models.cnn.pretraining]\ntask = "activities"\nwindows = "../other/windows.parquet"\n'
    (tmp_path / "other").mkdir()
    version = write(path := tmp_path / "other" / "windows.parquet")
    experiment = load(text)
    own = pretraining_of(experiment, "cnn")
    assert own is not None
    assert own.windows is not None
    assert Path(own.windows).is_absolute()
    assert Path(own.windows).samefile(path)

    before = fold_ingredients("cnn", experiment)
    assert before.settings["models.cnn.pretraining.windows"] == version
    path.rename(path.with_name("moved.parquet"))
    assert fold_ingredients("cnn", load(text.replace("windows.parquet", "moved.parquet"))) == before
    assert write(path, scale=2.0) != version
    assert fold_ingredients("cnn", load(text)).version != before.version


@pytest.mark.parametrize(
    ("name", "channels", "expected"),
    [
        ("missing.parquet", "", "a Parquet table of windows"),
        ("text.parquet", "", "a Parquet table of windows"),
        ("pocket.parquet", "", "other windows. No channel of pocket_and_wrist (pocket_acc_x, "),
        ("dsads.parquet", "", "other windows. Windows of dsads pretrain no model of dsads"),
        ("like.parquet", 'sensors = ["mag"]\n', "that the model sees (T_xmag, "),
    ],
)
def test_windows_that_cannot_be_used_are_a_problem_of_the_file(
    tmp_path: Path, problems: Callable[[str], tuple[Problem, ...]], name: str, channels: str, expected: str
) -> None:
    write(tmp_path / "pocket.parquet", POCKET_AND_WRIST)
    write(tmp_path / "dsads.parquet", DSADS)
    write(tmp_path / "like.parquet")
    (tmp_path / "text.parquet").write_text("no windows")
    section = f'[training]\n{channels}[training.pretraining]\ntask = "masked"\nwindows = "{tmp_path / name}"\n'
    [problem] = problems(section + MODELS)
    assert problem.path.endswith("mine.toml")
    assert problem.line == section.count("\n")
    assert (problem.value or "").startswith('training.pretraining.windows = "/')
    assert expected in problem.expected


def test_it_can_be_searched_where_the_network_can_do_it(
    load: Callable[[str], Experiment], problems: Callable[[str], tuple[Problem, ...]]
) -> None:
    space = '{name}.space.pretraining.task = ["masked", "contrastive"]\n{name}.space.width = [16, 32]\n'
    experiment = load(MODELS + "[search]\n" + space.format(name="compact"))
    assert set(experiment.search["compact"].space) == {"pretraining.task", "width"}
    tried = experiment.model_settings("compact").with_values({"pretraining.task": "contrastive"})
    assert tried.training.pretraining == PretrainingSettings(task="contrastive")
    [problem] = problems(MODELS + '[search.compact.space]\npretraining.windows = ["a", "b"]\n')
    assert "a path is no setting" in problem.expected
    found = problems(
        '[models]\narchitectures = ["capsnet"]\n[search.capsnet.space]\npretraining.task = ["masked", "contrastive"]\n'
    )
    assert "a setting of capsnet that can be searched" in found[0].expected
