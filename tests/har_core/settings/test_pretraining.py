"""What pretraining can be asked for."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from har_core.settings.pretraining import PretrainingSettings
from har_core.settings.training import PRESETS, TrainingSettings


@pytest.mark.parametrize("task", ["masked", "contrastive", "multi_task"])
def test_a_preset_of_each_task_is_modern_after_it(task: str) -> None:
    preset = PRESETS[task]
    assert preset.pretraining == PretrainingSettings.model_validate({"task": task})
    assert preset.model_copy(update={"pretraining": None}) == PRESETS["modern"]


def test_nothing_is_pretrained_unless_asked_for() -> None:
    assert {PRESETS[name].pretraining for name in ("published", "sgdm", "modern")} == {None}
    assert TrainingSettings().pretraining is None


def test_activities_are_those_of_another_data_set() -> None:
    with pytest.raises(ValidationError, match="those of another data set"):
        PretrainingSettings(task="activities")
    assert PretrainingSettings(task="activities", windows="other.parquet").windows == "other.parquet"


def test_it_is_a_section_although_it_may_be_absent() -> None:
    assert TrainingSettings.sections()["pretraining"] is PretrainingSettings
