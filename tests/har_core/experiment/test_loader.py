"""Reading an experiment file: what is accepted, what it resolves to, and how everything else is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from har_core.base.errors import InputError, Problem
from har_core.experiment.loader import load_experiment
from har_core.models.catalogue import describe, list_models
from har_core.settings.experiment import Experiment
from har_core.settings.training import PRESETS, TrainingSettings

MODELS = '\n[models]\narchitectures = ["cnn", "lstm"]\n'
EXPERIMENTS = Path(__file__).parents[3] / "experiments"


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Experiment]:
    def load(text: str) -> Experiment:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return load_experiment(path)

    return load


@pytest.fixture
def problems(load: Callable[[str], Experiment]) -> Callable[[str], tuple[Problem, ...]]:
    def problems(text: str) -> tuple[Problem, ...]:
        with pytest.raises(InputError) as caught:
            load(text)
        assert caught.value.exit_code == 2
        return caught.value.problems

    return problems


def test_defaults(load: Callable[[str], Experiment]) -> None:
    experiment = load(MODELS)
    assert experiment.name == "mine"
    assert experiment.models.architectures == ("cnn", "lstm")
    assert experiment.windows.length == 125
    assert experiment.splits.test_subjects == (7, 8)
    assert experiment.splits.validation_subjects == (6,)
    assert experiment.model_settings("cnn").training == experiment.training == TrainingSettings()


def test_windows_longer_than_a_segment_need_joined_segments(
    load: Callable[[str], Experiment], problems: Callable[[str], tuple[Problem, ...]]
) -> None:
    experiment = load(f"[windows]\nlength = 200\njoin_segments = true\n{MODELS}")
    assert (experiment.windows.length, experiment.windows.damaged) == (200, "flag")
    (problem,) = problems(f"[windows]\nlength = 200\n{MODELS}")
    assert problem.line == 2
    assert "unless join_segments is true" in problem.expected


def test_preset_then_section_then_architecture(load: Callable[[str], Experiment]) -> None:
    experiment = load(
        '[training]\npreset = "published"\nepochs = 4\nbatch_size = 32\n'
        + MODELS
        + "[models.lstm]\nepochs = 9\nhidden_size = 64\n"
    )
    assert experiment.training.learning_rate == PRESETS["published"].learning_rate
    assert experiment.model_settings("cnn").training.epochs == 4
    assert experiment.model_settings("cnn").architecture_options == {"base_width": 64}
    assert experiment.model_settings("lstm").training.epochs == 9
    assert experiment.model_settings("lstm").training.batch_size == 32
    assert experiment.model_settings("lstm").architecture_options == {"hidden_size": 64, "num_layers": 2}


def test_augmentation_is_overridden_key_by_key(load: Callable[[str], Experiment]) -> None:
    experiment = load(
        '[training]\npreset = "modern"\n[training.augmentation]\nmixup = 0.5\njitter = 0.1\n'
        + MODELS
        + "[models.lstm.augmentation]\njitter = 0.0\ncutmix = 1\n[models.cnn]\naugmentation.scaling = 0.3\n"
    )
    preset = PRESETS["modern"].augmentation
    assert preset.rotation_degrees > 0
    changed = preset.model_copy(update={"mixup": 0.5, "jitter": 0.1})
    assert experiment.training.augmentation == changed
    cnn, lstm = (experiment.model_settings(name).training.augmentation for name in ("cnn", "lstm"))
    assert cnn == changed.model_copy(update={"scaling": 0.3})
    assert lstm == changed.model_copy(update={"jitter": 0.0, "cutmix": 1.0})
    assert experiment.resolved()["models"]["lstm"]["augmentation"]["cutmix"] == 1.0


def test_an_architecture_sees_the_channels_of_training_unless_it_says_otherwise(
    load: Callable[[str], Experiment],
) -> None:
    experiment = load('[training]\nsensors = ["acc"]\n' + MODELS + '[models.lstm]\nunits = ["RA", "LA"]\n')
    assert experiment.model_settings("cnn").training.sensors == ("acc",)
    assert experiment.model_settings("cnn").training.units is None
    lstm = experiment.model_settings("lstm").training
    assert (lstm.units, lstm.sensors, lstm.channels) == (("RA", "LA"), ("acc",), None)


def test_a_channel_that_training_leaves_none_of_is_reported_at_the_architecture(
    problems: Callable[[str], tuple[Problem, ...]],
) -> None:
    (problem,) = problems('[training]\nunits = ["T"]\n' + MODELS + '[models.lstm]\nchannels = ["LL_xacc"]\n')
    assert problem.line == 7
    assert "at least one channel" in problem.expected


def test_classical_models_are_architectures_with_options(load: Callable[[str], Experiment]) -> None:
    experiment = load('[models]\narchitectures = ["random_forest", "rocket"]\n[models.random_forest]\nnum_trees = 7\n')
    assert experiment.model_settings("random_forest").architecture_options == {"num_trees": 7, "max_depth": 8}
    assert experiment.resolved()["models"]["random_forest"]["max_depth"] == 8


def test_published_recipe_is_the_one_of_the_first_report() -> None:
    recipe = PRESETS["published"]
    assert (recipe.optimizer, recipe.learning_rate, recipe.weight_decay, recipe.batch_size) == (
        "adamw",
        5e-4,
        1e-3,
        128,
    )
    assert (recipe.schedule, recipe.step_decay, recipe.num_steps) == ("step", 0.5, 3)


def test_published_recipe_never_changes() -> None:
    """What is added to the settings must leave it as it is: nothing new is on in it."""
    recipe = PRESETS["published"]
    assert recipe == TrainingSettings()
    assert (recipe.epochs, recipe.seed, recipe.clip_norm, recipe.label_smoothing) == (30, 0, None, 0.0)
    assert (recipe.initialisation, recipe.recurrent_initialisation) == ("default", "default")
    assert (recipe.l1_penalty, recipe.class_weights, recipe.focal_gamma, recipe.ema_decay) == (0.0, None, 0.0, None)
    assert (recipe.accumulate_batches, recipe.warmup_epochs, recipe.early_stopping_patience) == (1, 0.0, None)
    strengths = recipe.augmentation.model_dump(exclude={"longest_gap"})
    assert set(strengths.values()) == {0.0}


def test_sgd_with_momentum_is_a_preset() -> None:
    recipe = PRESETS["sgdm"]
    assert (recipe.optimizer, recipe.momentum, recipe.learning_rate, recipe.epochs) == ("sgd", 0.9, 0.01, 50)
    assert (recipe.schedule, recipe.weight_decay, recipe.nesterov) == ("constant", 0.0, False)


def test_whole_numbers_serve_as_numbers_and_lists_as_tuples(load: Callable[[str], Experiment]) -> None:
    experiment = load("[training]\nlearning_rate = 1\n[splits]\ntest_subjects = [3]\n" + MODELS)
    assert experiment.training.learning_rate == 1.0
    assert experiment.splits.test_subjects == (3,)


def test_settings_are_frozen(load: Callable[[str], Experiment]) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(MODELS).training.epochs = 3


def test_sections_of_architectures_that_are_not_built_are_checked_and_kept_out(
    load: Callable[[str], Experiment], problems: Callable[[str], tuple[Problem, ...]]
) -> None:
    assert "resnet" not in load(MODELS + "[models.resnet]\nepochs = 3\n").resolved()["models"]
    (problem,) = problems(MODELS + "[models.resnet]\nepochs = 0\n")
    assert problem.line == 5


def test_resolved_file_is_json_and_whole(load: Callable[[str], Experiment]) -> None:
    resolved = load(MODELS + "[models.lstm]\nhidden_size = 64\n").resolved()
    assert json.loads(json.dumps(resolved)) == resolved
    assert resolved["name"] == "mine"
    assert resolved["models"]["lstm"]["hidden_size"] == 64
    assert resolved["models"]["lstm"]["num_layers"] == describe("lstm").options["num_layers"]
    assert resolved["models"]["cnn"]["epochs"] == resolved["training"]["epochs"]
    assert set(resolved) - {"name"} == set(Experiment.model_fields) - {"path", "dataset"}


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.toml")), ids=lambda path: path.name)
def test_experiments_that_come_with_the_project_load(path: Path) -> None:
    assert load_experiment(path).models.architectures


def test_no_option_of_an_architecture_hides_a_training_setting() -> None:
    for name in list_models():
        assert not set(describe(name).options) & {*TrainingSettings.model_fields, "architectures", "preset"}


@pytest.mark.parametrize(
    ("text", "line", "value", "expected"),
    [
        pytest.param("[trainig]\nepochs = 3\n", 1, "trainig", "'training'", id="unknown section"),
        pytest.param("[windows]\nlenght = 3\n", 2, "windows.lenght = 3", "'length'", id="unknown key"),
        pytest.param("training = 3\n", 1, "training = 3", "[training]", id="value for a section"),
        pytest.param("[[training]]\nepochs = 3\n", 1, "training", "[training]", id="list for a section"),
        pytest.param("[training]\nepoch = 3\n", 2, "training.epoch = 3", "'epochs'", id="unknown training key"),
        pytest.param('[training]\nepochs = "5"\n', 2, 'training.epochs = "5"', "a whole number", id="string for int"),
        pytest.param("[training]\nepochs = true\n", 2, "training.epochs = true", "a whole number", id="bool for int"),
        pytest.param("[training]\nepochs = 5.0\n", 2, "training.epochs = 5.0", "a whole number", id="float for int"),
        pytest.param("[training]\nepochs = 1979-05-27\n", 2, "1979-05-27", "a whole number", id="date for int"),
        pytest.param("[training]\nlearning_rate = true\n", 2, "true", "a number", id="bool for float"),
        pytest.param("[training]\nlearning_rate = nan\n", 2, "nan", "finite", id="nan"),
        pytest.param("[training]\nlearning_rate = -1e-3\n", 2, "-0.001", "more than 0", id="negative learning rate"),
        pytest.param('[training]\noptimizer = "adam"\n', 2, '"adam"', "'adamw'", id="unknown choice"),
        pytest.param("[training]\noptimizer = 3\n", 2, "3", '"sgd"', id="number for a choice"),
        pytest.param('[training]\npreset = "publish"\n', 2, '"publish"', "'published'", id="unknown preset"),
        pytest.param("[training]\npreset = [1]\n", 2, "[1]", "published", id="no preset at all"),
        pytest.param("[windows]\n\nlength = 126\n", 3, "windows.length = 126", "at most 125", id="window too long"),
        pytest.param("[windows]\nlength = 0\n", 2, "windows.length = 0", "at least 1", id="window of nothing"),
        pytest.param("[windows]\noverlap = 1\n", 2, "windows.overlap = 1", "less than 1", id="overlap of 1"),
        pytest.param("[windows]\noverlap = -0.1\n", 2, "windows.overlap = -0.1", "at least 0", id="negative overlap"),
        pytest.param('[source]\nurl = "ftp://x"\n', 2, '"ftp://x"', "https?", id="no web address"),
        pytest.param(
            '[windows]\nactivities = ["sitting", "siting"]\n', 2, 'activities[1] = "siting"', "'sitting'", id="activity"
        ),
        pytest.param(
            '[source]\nactivities = ["sitting", "rowing"]\n', 2, "source.activities", "chosen in [windows]", id="moved"
        ),
        pytest.param(
            '[windows.activities]\nstill = ["sitting", "stading"]\nrowing = ["rowing"]\n',
            2,
            'activities.still[1] = "stading"',
            "did you mean 'standing'",
            id="merged activity",
        ),
        pytest.param(
            '[windows]\nnone = "class"\n', 2, '"class"', "no label for rows that are none", id="no such label"
        ),
        pytest.param('[source]\ndataset = "dsdas"\n', 2, "dsdas", "did you mean 'dsads'", id="data set"),
        pytest.param("[source]\ndataset = 1\n", 2, "dataset = 1", "a string", id="data set by number"),
        pytest.param("[windows]\nlength_s = 6.0\n", 2, "length_s = 6.0", "at most 125", id="longer than a segment"),
        pytest.param("[windows]\nlength_s = 900.0\n", 2, "900.0", "it is 22500 at 25 Hz", id="long in seconds"),
        pytest.param('[windows]\nactivities = ["sitting"]\n', 2, '["sitting"]', "at least two", id="one activity"),
        pytest.param(
            '[windows]\nactivities = ["jumping", "jumping"]\n', 2, "jumping", "each activity once", id="activity twice"
        ),
        pytest.param(
            '[windows]\nactivities = [1, "sitting"]\n', 2, "activities[0] = 1", "a string", id="activity by number"
        ),
        pytest.param("[splits]\ntest_subjects = []\n", 2, "[]", "at least 1 in the list", id="no test subject"),
        pytest.param('[splits]\ntest_subjects = [1, "2"]\n', 2, 'test_subjects[1] = "2"', "whole", id="in a list"),
        pytest.param("[splits]\ntest_subjects = [0]\n", 2, "test_subjects[0] = 0", "at least 1 (", id="all in a list"),
        pytest.param("[splits]\ntest_subjects = 3\n", 2, "test_subjects = 3", "a list", id="number for a list"),
        pytest.param("[splits]\ntest_subjects = [1, 1]\n", 2, "[1, 1]", "repeated: 1", id="subject twice"),
        pytest.param(
            "[splits]\ntest_subjects = [5, 6]\n", 2, "[5, 6]", "validation_subjects: 6", id="tests and validates"
        ),
        pytest.param(
            "[splits]\ntraining_subjects = [1, 7]\n",
            1,
            "[7, 8]",
            "training_subjects: 7",
            id="tests by default and trains",
        ),
        pytest.param(
            "[splits]\ntraining_subjects = [1]\nvalidation_subjects = [2, 1]\n",
            3,
            "[2, 1]",
            "training_subjects: 1",
            id="trains",
        ),
        pytest.param("[models.lstm]\nhiden_size = 3\n", 2, "models.lstm.hiden_size = 3", "'hidden_size'", id="option"),
        pytest.param("[models.lstm]\nhidden_size = true\n", 2, "true", "a whole number", id="bool for option"),
        pytest.param("[models.lstm]\nepochs = 0\n", 2, "models.lstm.epochs = 0", "at least 1", id="override"),
        pytest.param('[training]\nunits = ["T", "ra"]\n', 2, 'training.units[1] = "ra"', "'RA'", id="unknown unit"),
        pytest.param('[training]\nsensors = ["accel"]\n', 2, '"accel"', "'acc'", id="unknown sensor"),
        pytest.param('[training]\n\nchannels = ["T_xac"]\n', 3, '"T_xac"', "'T_xacc'", id="unknown channel"),
        pytest.param("[training]\nunits = []\n", 2, "[]", "at least one channel", id="no unit"),
        pytest.param('[training]\nunits = "T"\n', 2, '"T"', "a list", id="unit that is no list"),
        pytest.param("[training]\nunits = [1]\n", 2, "units[0] = 1", "a string", id="unit that is no name"),
        pytest.param(
            '[training]\nunits = ["T"]\nchannels = ["RA_xacc"]\n', 3, "RA_xacc", "at least one channel", id="no channel"
        ),
        pytest.param(
            '[models.lstm]\nsensors = ["mg"]\n', 2, 'models.lstm.sensors[0] = "mg"', "'mag'", id="of one model"
        ),
        pytest.param("[models.random_forest]\nmax_depth = 2.5\n", 2, "2.5", "a whole number", id="half a level"),
        pytest.param("[models.random_forest]\nnum_tree = 2\n", 2, "num_tree = 2", "'num_trees'", id="classical option"),
        pytest.param(
            "[training.augmentation]\nmixap = 0.3\n", 2, "training.augmentation.mixap = 0.3", "'mixup'", id="change"
        ),
        pytest.param("[training.augmentation]\n\njitter = -1\n", 3, "jitter = -1", "at least 0", id="negative noise"),
        pytest.param('[training.augmentation]\ncrop = "a"\n', 2, 'crop = "a"', "a number (Largest", id="no share"),
        pytest.param("[training]\naugmentation = 3\n", 2, "training.augmentation = 3", "a section", id="no section"),
        pytest.param(
            "[training]\nrotation_degrees = 5.0\n",
            2,
            "training.rotation_degrees = 5.0",
            "the key 'rotation_degrees' in [training.augmentation]",
            id="old place",
        ),
        pytest.param(
            "[models.lstm]\nrotation_degrees = 5.0\n", 2, "5.0", "in [models.lstm.augmentation]", id="old place of one"
        ),
        pytest.param(
            "[models.lstm.augmentation]\nrotation = 2\n",
            2,
            "models.lstm.augmentation.rotation = 2",
            "a key of [models.lstm.augmentation]; did you mean 'rotation_degrees'?",
            id="change of one",
        ),
        pytest.param("[models.lstm.augmentation]\nmixup = true\n", 2, "true", "a number", id="override of a change"),
        pytest.param(
            '[training]\noptimizer = "sgd"\nmomentum = 0.0\nnesterov = true\n',
            4,
            "nesterov = true",
            "where momentum is 0",
            id="nesterov",
        ),
        pytest.param(
            "[training]\nnesterov = true\n", 2, "nesterov = true", 'where optimizer is "adamw"', id="nesterov of adamw"
        ),
        pytest.param("[models.lsmt]\nepochs = 1\n", 1, "models.lsmt", "'lstm'", id="section of no architecture"),
    ],
)
def test_a_problem_is_reported(
    problems: Callable[[str], tuple[Problem, ...]], text: str, line: int, value: str, expected: str
) -> None:
    found = problems(text + MODELS)
    (problem,) = found
    assert problem.line == line
    assert problem.value is not None
    assert value in problem.value
    assert expected in problem.expected
    assert problem.path.endswith("mine.toml")


@pytest.mark.parametrize(
    ("text", "line", "value", "expected"),
    [
        ("[models]\n", 1, None, "'architectures'"),
        ("", None, None, "'architectures'"),
        ("[models]\narchitectures = []\n", 2, "models.architectures = []", "at least 1"),
        ('[models]\narchitectures = ["cnn", "resnt"]\n', 2, 'models.architectures[1] = "resnt"', "'resnet'"),
        ('[models]\narchitectures = ["cnn", "cnn"]\n', 2, 'models.architectures[1] = "cnn"', "once"),
        ('[models]\narchitectures = "cnn"\n', 2, 'models.architectures = "cnn"', "a list"),
        ('[models]\narchitectures = ["cnn"]\nepochs = 3\n', 3, "models.epochs = 3", "the name of an architecture"),
        ('[models]\narchitectures = ["cnn"]\nlstm = 3\n', 3, "models.lstm = 3", "[models.lstm]"),
        ('[models]\narchitectures = ["cnn"]\nsettings = {}\n', 3, "models.settings", "the name of an architecture"),
    ],
)
def test_a_problem_of_the_models_is_reported(
    problems: Callable[[str], tuple[Problem, ...]], text: str, line: int | None, value: str | None, expected: str
) -> None:
    (problem,) = problems(text)
    assert (problem.line, problem.value) == (line, value)
    assert expected in problem.expected


def test_all_problems_are_reported_in_the_order_of_the_file(problems: Callable[[str], tuple[Problem, ...]]) -> None:
    found = problems(
        "[windows]\nlength = 50000\noverlap = 2\n[training]\nseed = -1\nepoch = 3\n"
        '[models]\narchitectures = ["cn"]\n[models.lstm]\nlearning_rate = "x"\n[what]\n'
    )
    assert [problem.line for problem in found] == [2, 3, 5, 6, 8, 10, 11]


@pytest.mark.timeout(60)  # it took minutes where each problem looked for its own line
def test_thousands_of_problems_are_told_in_a_moment(problems: Callable[[str], tuple[Problem, ...]]) -> None:
    keys = "".join(f"key{number} = {number}\n" for number in range(3_000))
    found = problems(MODELS + "[training]\n" + keys)
    assert [problem.line for problem in found] == list(range(5, 3_005))
    assert len(problems("[models]\narchitectures = [" + '"cnn", ' * 20_000 + "]\n")) == 19_999
    assert len(problems(f"[splits]\ntest_subjects = [{'1, ' * 80_000}]\n{MODELS}")) == 1


def test_a_bad_preset_does_not_hide_the_other_keys(problems: Callable[[str], tuple[Problem, ...]]) -> None:
    assert len(problems('[training]\npreset = "x"\nepochs = 0\n' + MODELS)) == 2


def test_an_override_is_judged_once_where_training_is_wrong_too(problems: Callable[[str], tuple[Problem, ...]]) -> None:
    (problem,) = problems("[training]\nepochs = 0\n" + MODELS + "[models.lstm]\nseed = 1\n")
    assert problem.line == 2


NOBODY = "[splits]\nvalidation_subjects = []\n"
MIXED = '[models]\narchitectures = ["cnn", "lstm", "extra_trees"]\n'


def test_nobody_validates_where_no_network_keeps_its_best_epoch(load: Callable[[str], Experiment]) -> None:
    assert load(NOBODY + '[training]\nkeep = "last"\n' + MIXED).splits.validation_subjects == ()
    assert load(NOBODY + '[models]\narchitectures = ["extra_trees"]\n').splits.validation_subjects == ()


def test_networks_that_choose_their_epoch_are_named_where_nobody_validates(
    problems: Callable[[str], tuple[Problem, ...]],
) -> None:
    (problem,) = problems(NOBODY + MIXED + '[models.cnn]\nkeep = "last"\n')
    assert (problem.line, problem.value) == (2, "splits.validation_subjects = []")
    assert "epoch of networks (lstm)" in problem.expected
    assert 'keep = "last"' in problem.expected


def test_a_fixed_number_of_epochs_never_stops_early(problems: Callable[[str], tuple[Problem, ...]]) -> None:
    (problem,) = problems('[training]\nkeep = "last"\nearly_stopping_patience = 3\n' + MODELS)
    assert "no early_stopping_patience" in problem.expected
