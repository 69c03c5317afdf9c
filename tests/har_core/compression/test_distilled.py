"""A student follows its teacher's answers, whatever the teacher is made of, and leaves the teacher as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from data_sets import POCKET_AND_WRIST
from torch import Tensor, nn
from window_examples import named_windows

from har_core.base.errors import InputError
from har_core.compression.distilled import logarithms
from har_core.compression.recipe import Compressed, Material, Parent, compress, predict_held_out
from har_core.evaluation.complexity import measure_complexity
from har_core.fitting.trained import train_and_predict
from har_core.inference.classifier import RawWindowClassifier, predict_probabilities, weights_version
from har_core.inference.graph import load_graph
from har_core.settings.experiment import ModelSettings
from har_core.settings.recipes import DistilledSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.splits.build import SplitWindows
from har_core.splits.normalization import Statistics
from har_core.windows.tensors import WindowTensors

SPEC = POCKET_AND_WRIST
T, C, K = 16, SPEC.num_channels, SPEC.num_activities
STATISTICS = Statistics(
    channels=SPEC.channel_names,
    mean=np.linspace(-4, 4, C, dtype=np.float32),
    standard_deviation=np.linspace(0.5, 2, C, dtype=np.float32),
)


class Teacher(nn.Module):
    """Answers by the level of the first channel, in sensor units; it has never seen a label."""

    def __init__(self) -> None:
        super().__init__()
        self.centres_K = nn.Parameter(torch.linspace(-1.5, 1.5, K) * 0.5 - 4.0)
        self.num_calls = 0

    def forward(self, windows_NTC: Tensor) -> Tensor:
        self.num_calls += 1
        away_NK = (windows_NTC[:, :, 0].mean(dim=1, keepdim=True) - self.centres_K).square()
        return torch.softmax(-100.0 * away_NK, dim=1)


def of_role(num_windows: int, subject: int, seed: int) -> WindowTensors:
    """Windows whose first channel has one of several levels, with labels that have nothing to do with them."""
    generator = torch.Generator().manual_seed(seed)
    labels = np.random.default_rng(seed).permutation(np.arange(num_windows) % K)
    levels_N11 = torch.randint(K, (num_windows, 1, 1), generator=generator) - 1.5
    samples_NTC = torch.randn(num_windows, T, C, generator=generator) / 2
    samples_NTC[:, :, :1] += levels_N11
    named = named_windows(labels, subject, segments=np.arange(num_windows), spec=SPEC)
    return replace(named, windows=samples_NTC)


SPLIT = SplitWindows(
    spec=SPEC,
    roles={"training": of_role(240, 1, 0), "validation": of_role(20, 2, 1), "test": of_role(80, 3, 2)},
    statistics=STATISTICS,
    num_dropped={},
)
TRAINING = TrainingSettings(epochs=15, batch_size=16, learning_rate=0.01, schedule="cosine", keep="last", seed=3)
STUDENT = ModelSettings(training=TRAINING, architecture_options={"base_width": 4})


def distilled(teacher: nn.Module, student: ModelSettings = STUDENT, *, seed: int = 3, **settings: Any) -> Compressed:
    material = Material(
        windows=SPLIT,
        settings=None,
        student=student,
        runtime=RuntimeSettings(device="cpu", num_threads=1),
        seed=seed,
    )
    recipe = DistilledSettings.model_validate({"student": "cnn", **settings})
    return compress(recipe, Parent(name="other", model=teacher), material)


def brief(**changes: Any) -> ModelSettings:
    return STUDENT.with_values({"epochs": 2, **changes})


def raw(role: str) -> Tensor:
    return torch.from_numpy(np.concatenate([*SPLIT.raw(role)]))


def test_a_student_follows_its_teacher_and_no_labels() -> None:
    teacher, windows = Teacher().eval(), raw("test")
    student = distilled(teacher, soft_weight=1.0)
    taught = predict_probabilities(teacher, windows).argmax(axis=1)
    assert len(set(taught.tolist())) == K
    answers = predict_probabilities(student.classifier, windows).argmax(axis=1)
    assert (answers == taught).mean() > 0.9
    assert (answers == SPLIT.roles["test"].labels.numpy()).mean() < 0.5


def test_the_teacher_stays_as_it_is_and_answers_each_window_once() -> None:
    teacher = Teacher().eval()
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    distilled(teacher, brief())
    assert teacher.num_calls == 1  # 240 windows are one batch
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())
    assert teacher.centres_K.grad is None


def test_without_weight_of_its_answers_it_is_an_ordinary_training_bit_for_bit() -> None:
    for changes in ({}, {"augmentation.mixup": 0.4, "augmentation.jitter": 0.1}):
        settings = brief(**changes)
        alone = train_and_predict("cnn", settings, RuntimeSettings(device="cpu", num_threads=1), SPLIT)
        unheard, heard = (distilled(Teacher().eval(), settings, soft_weight=weight) for weight in (0.0, 0.5))
        assert weights_version(unheard.classifier) == alone.weights
        assert weights_version(heard.classifier) != alone.weights


def test_one_seed_gives_one_student() -> None:
    first, same, other = (weights_version(distilled(Teacher(), brief(), seed=seed).classifier) for seed in (1, 1, 2))
    assert first == same != other


def test_a_student_sees_the_channels_of_its_own_settings_and_predicts_all_held_out_windows() -> None:
    seeing = brief(sensors=("gyro",))
    student = distilled(Teacher().eval(), seeing)
    unheard = distilled(Teacher().eval(), seeing, soft_weight=0.0)
    assert weights_version(student.classifier) != weights_version(unheard.classifier)
    material = Material(windows=SPLIT, settings=None, runtime=RuntimeSettings(device="cpu"), seed=3)
    table = predict_held_out(student, material)
    assert table.filter(pa.compute.equal(table["role"], "test")).num_rows == 80
    windows = raw("test")
    windows[:, :, :3] = 7.0
    torch.testing.assert_close(student.classifier(windows), student.classifier(raw("test")))
    assert [record.epoch for record in student.history] == [1, 2]
    assert student.best_epoch == 2


def test_it_is_registered_as_any_other_model_and_is_smaller_than_its_teacher(tmp_path: Path) -> None:
    runtime = RuntimeSettings(device="cpu", num_threads=1)
    wide = ModelSettings(training=brief().training, architecture_options={"base_width": 16})
    teacher = train_and_predict("cnn", wide, runtime, SPLIT).classifier
    student = distilled(teacher, brief()).classifier
    sizes = [measure_complexity(model, T, C).num_parameters for model in (student, teacher)]
    assert 4 * sizes[0] < sizes[1]
    graph, windows = exported(student, tmp_path / "student.pt2"), raw("test")
    for number in (1, 2, 7):
        torch.testing.assert_close(graph(windows[:number]), student(windows[:number]), atol=1e-4, rtol=0.0)


def exported(model: nn.Module, path: Path) -> nn.Module:
    dynamic = ({0: torch.export.Dim("N")},)
    torch.export.save(torch.export.export(model, (raw("test")[:2],), dynamic_shapes=dynamic), path)
    return load_graph(path)


class Surer(nn.Module):
    """Logits that are hundreds apart, as those of a discriminant are."""

    def forward(self, windows_NTC: Tensor) -> Tensor:
        return 300.0 * windows_NTC.mean(dim=1)[:, :K]


def test_logarithms_of_a_graph_are_those_before_rounding(tmp_path: Path) -> None:
    model = RawWindowClassifier(Surer(), SPEC).eval()
    windows = raw("test")
    exact = torch.log_softmax(Surer()(windows), dim=1)
    assert exact.min() < -500
    assert (model(windows) == 0).any()
    graph = exported(model, tmp_path / "model.pt2")
    torch.testing.assert_close(logarithms(graph, windows), exact, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(graph(windows), model(windows))  # and it answers as before
    rounded = logarithms(model, windows)
    assert rounded.isfinite().all()
    torch.testing.assert_close(rounded.clamp_min(-80), exact.clamp_min(-80), rtol=1e-4, atol=1e-3)


def test_options_that_an_architecture_refuses_are_told() -> None:
    with pytest.raises(InputError, match="base_width"):
        distilled(Teacher(), brief(base_width=0))
