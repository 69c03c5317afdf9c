"""A network that learns from a person's windows alone, and what curves read of an experiment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from compressing import C, K, T, material_of, weights
from narrowing import present

from har_core.experiment.loader import load_experiment
from har_core.inference.classifier import predict_probabilities
from har_core.settings.experiment import Experiment, ModelSettings
from har_core.settings.training import TrainingSettings
from har_core.transfer.from_nothing import from_nothing
from har_core.transfer.roots import code_roots, settings_from_nothing, settings_read
from har_core.windows.tensors import WindowTensors

FILE = """\
[training]
seed = 3
batch_size = 16
early_stopping_patience = 2
schedule = "plateau"
[models]
architectures = ["cnn", "lstm", "lda"]
[models.cnn]
base_width = 8
[ensembles.both]
members = ["cnn", "lstm"]
[transferred]
"""


def load(folder: Path, text: str = "", **changed: str) -> Experiment:
    path, content = folder / "mine.toml", FILE + text
    for before, after in changed.items():
        content = content.replace(before, after)
    path.write_text(content, encoding="utf-8")
    return load_experiment(path)


def few_of(windows: WindowTensors) -> WindowTensors:
    return replace(windows, windows=windows.windows[:6], labels=windows.labels[:6])


def test_it_learns_the_windows_that_it_is_given(tmp_path: Path) -> None:
    experiment = load(tmp_path, "from_nothing_epochs = 60\n")
    material = material_of("cnn")
    settings = present(settings_from_nothing("cnn", experiment))
    train = from_nothing("cnn", settings, material.windows, material.runtime, seed=1)
    few = few_of(material.windows.roles["test"])
    classifier = train(few)
    answers = predict_probabilities(classifier, material.raw("test")[:6])
    assert (answers.argmax(axis=1) == few.labels.numpy()).all()
    assert answers.shape == (6, K)
    again = train(few)
    assert all(torch.equal(tensor, weights(again)[name]) for name, tensor in weights(classifier).items())


def test_it_takes_windows_in_sensor_units_and_knows_nobody_else(tmp_path: Path) -> None:
    """Windows of people who train count for nothing but their statistics."""
    material = material_of("cnn")
    settings = ModelSettings(
        training=TrainingSettings(epochs=1, batch_size=8, keep="last"), architecture_options={"base_width": 4}
    )
    few, roles = few_of(material.windows.roles["test"]), material.windows.roles
    other = replace(roles["training"], windows=torch.zeros(48, T, C))
    first, second = (
        predict_probabilities(
            from_nothing("cnn", settings, windows, material.runtime, seed=0)(few), material.raw("test")
        )
        for windows in (material.windows, replace(material.windows, roles={**roles, "training": other}))
    )
    np.testing.assert_array_equal(first, second)
    assert np.ptp(first, axis=0).max() > 0


def test_its_settings_are_those_of_the_architecture_for_a_fixed_number_of_epochs(tmp_path: Path) -> None:
    experiment = load(tmp_path, "from_nothing_epochs = 7\n")
    own = present(settings_from_nothing("cnn", experiment))
    assert own.architecture_options == experiment.model_settings("cnn").architecture_options
    assert (own.training.epochs, own.training.keep, own.training.batch_size) == (7, "last", 16)
    assert own.training.early_stopping_patience is None
    for name in ("lda", "both"):
        assert settings_from_nothing(name, experiment) is None
        assert code_roots(name, experiment) == ["har_core.transfer.curves"]
    assert settings_from_nothing("cnn", load(tmp_path, "from_nothing_epochs = 0\n")) is None
    assert "har_core.models.cnn" in code_roots("cnn", experiment)


@pytest.mark.parametrize(
    ("name", "text", "changed", "counts"),
    [
        ("cnn", 'models = ["cnn", "lstm"]', {}, False),
        ("cnn", "epochs = 29", {}, True),
        ("cnn", "rank = 3", {}, True),
        ("cnn", "windows_per_activity = [1, 2]", {}, True),
        ("cnn", "windows_per_activity = [10, 5, 2, 1]", {}, False),
        ("cnn", "from_nothing_epochs = 99", {}, True),
        ("both", "from_nothing_epochs = 99", {}, False),
        ("cnn", "", {"base_width = 8": "base_width = 16"}, True),
        ("lstm", "", {"base_width = 8": "base_width = 16"}, False),
        ("both", "", {"base_width = 8": "base_width = 16"}, False),  # that shows in its weights
        ("cnn", "", {"patience = 2": "patience = 3"}, False),
        ("cnn", "", {"seed = 3": "seed = 4"}, False),
        ("cnn", "", {"batch_size = 16": "batch_size = 8"}, True),
    ],
)
def test_what_curves_read(tmp_path: Path, name: str, text: str, changed: dict[str, str], counts: bool) -> None:
    before, after = load(tmp_path), load(tmp_path, text, **changed)
    assert (settings_read(name, before) != settings_read(name, after)) is counts


def test_the_rate_of_a_way_that_is_not_taken_does_not_count(tmp_path: Path) -> None:
    first, *others = (
        settings_read("both", load(tmp_path, f'ways = ["last_layer"]\n{text}'))
        for text in ("", "all_rate = 1.0", "adapters_rate = 1.0", "rank = 9", "last_layer_rate = 1.0")
    )
    assert [own == first for own in others] == [True, True, True, False]
