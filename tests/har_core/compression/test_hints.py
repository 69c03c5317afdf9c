"""Features are what the last layer takes; a student comes near those of its teacher, and keeps nothing but itself."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from compressing import OPTIONS, C, T, check_exported, exported, material_of, parent_of
from torch import Tensor, nn

from har_core.base.errors import InputError
from har_core.compression.hints import Matching, features_of
from har_core.compression.int8 import quantise
from har_core.compression.recipe import Compressed, Material, Parent, compress
from har_core.inference.classifier import weights_version
from har_core.settings.experiment import ModelSettings
from har_core.settings.recipes import DistilledSettings
from har_core.settings.training import TrainingSettings


class Mean(nn.Module):
    """What a vote exports."""

    def __init__(self, *members: nn.Module) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, windows_NTC: Tensor) -> Tensor:
        return torch.stack([member(windows_NTC) for member in self.members]).mean(dim=0)


def taken_by_the_last_layer(network: nn.Module, windows: Tensor) -> Tensor:
    taken: list[Tensor] = []
    *_, last = (module for module in network.modules() if isinstance(module, nn.Linear))
    hook = last.register_forward_pre_hook(lambda _, given: taken.append(given[0].detach()))
    network(windows)
    hook.remove()
    return taken[0]


def distilled(feature_weight: float, **training: Any) -> Compressed:
    """A small ``cnn``, taught by ``compact``."""
    recipe = {"epochs": 20, "batch_size": 16, "learning_rate": 0.01, "keep": "last", "seed": 5, **training}
    material: Material = material_of("compact")
    student = ModelSettings(training=TrainingSettings.model_validate(recipe), architecture_options=OPTIONS["cnn"])
    own = Material(windows=material.windows, settings=None, student=student, runtime=material.runtime, seed=5)
    settings = DistilledSettings(student="cnn", soft_weight=0.5, feature_weight=feature_weight)
    return compress(settings, parent_of("compact"), own)


@cache
def taught(feature_weight: float) -> Compressed:
    return distilled(feature_weight)


@pytest.mark.parametrize("name", ["cnn", "lstm", "compact"])
def test_they_are_what_the_last_layer_takes_in_units_of_their_deviation(name: str) -> None:
    parent, material = parent_of(name), material_of(name)
    found = features_of(parent.model, material.raw("training"), name=name)
    taken = taken_by_the_last_layer(parent.network(material), material.windows.roles["training"].windows)
    expected = (taken - taken.mean(dim=0)) / taken.std(dim=0)
    expected[:, taken.std(dim=0) < 1e-6] = 0
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)
    assert not found.is_inference()


def test_an_int8_model_has_features_too() -> None:
    parent, raw = parent_of("compact"), material_of("compact").raw("training")
    found, exact = (features_of(model, raw, name="compact") for model in (quantise(parent.model, raw), parent.model))
    assert found.shape == exact.shape
    assert (found - exact).abs().mean() < 0.2


def test_models_without_one_last_layer_are_refused_by_name() -> None:
    raw = material_of("cnn").raw("training")
    both = exported(Mean(parent_of("cnn").model, parent_of("lstm").model))
    without = exported(nn.Sequential(nn.Flatten(), nn.Softmax(dim=1)))
    each = exported(nn.Sequential(nn.Linear(C, 3), nn.Flatten(), nn.Softmax(dim=1)))  # at every timepoint by itself
    material = material_of("cnn")
    own = Material(windows=material.windows, settings=None, student=material.settings, runtime=material.runtime, seed=1)
    settings = DistilledSettings(student="cnn", feature_weight=0.1)
    for model in (both, without, each):
        with pytest.raises(InputError, match="no last linear layer"):
            features_of(model, raw, name="mine")
        with pytest.raises(InputError, match="no last linear layer"):
            compress(settings, Parent(name="mine", model=model), own)


def test_students_without_one_last_layer_are_refused_by_name() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(T * C, 3)

        def forward(self, windows: Tensor) -> Tensor:
            doubled: Tensor = 2 * self.layer(windows.flatten(1))
            return doubled

    with pytest.raises(InputError, match="Scaled has no last linear layer"):
        Matching(Scaled(), (T, C), num_features=2)


def test_features_of_the_student_tell_those_of_the_teacher_better() -> None:
    raw = material_of("cnn").raw("training")
    expected = features_of(parent_of("compact").model, raw, name="compact")

    def unexplained(weight: float) -> float:
        """What a ridge regression on the student's features leaves of the teacher's, of 1."""
        own = features_of(exported(taught(weight).classifier), raw, name="cnn")
        solved = torch.linalg.solve(own.T @ own + len(raw) * torch.eye(own.shape[1]), own.T @ expected)
        return float((own @ solved - expected).square().mean())

    assert unexplained(0.9) < 0.5 * unexplained(0.0)


def test_the_map_is_thrown_away() -> None:
    with_features, without = taught(0.9).classifier, taught(0.0).classifier
    assert with_features.state_dict().keys() == without.state_dict().keys()
    assert weights_version(with_features) != weights_version(without)
    assert not any(module._forward_pre_hooks for module in with_features.modules())
    check_exported(taught(0.9))


@pytest.mark.parametrize(
    "training",
    [{"augmentation": {"mixup": 0.4}}, {"ema_decay": 0.9}, {"optimizer": "muon"}, {"mixed_precision": "bf16"}],
)
def test_it_goes_with_every_way_of_training_and_one_seed_gives_one_student(training: dict[str, Any]) -> None:
    first, second = (distilled(0.5, epochs=1, **training) for _ in range(2))
    assert weights_version(first.classifier) == weights_version(second.classifier)
