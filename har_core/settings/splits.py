"""``[splits]``: which subjects train, validate and test."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from har_core.settings.base import Settings

Subject = Annotated[int, Field(ge=1)]


class SplitSettings(Settings):
    """Roles of the subjects. No subject has two; a role that is named lists its subjects whole."""

    protocol: Literal["holdout"] = "holdout"
    """``holdout``: whole subjects are held out, as named here."""
    training_subjects: tuple[Subject, ...] | None = Field(default=None, min_length=1)
    """Subjects that train; where absent, every subject that neither validates nor tests."""
    validation_subjects: tuple[Subject, ...] = Field(default=(6,), min_length=1, validate_default=True)
    """Subjects that choose the epoch."""
    test_subjects: tuple[Subject, ...] = Field(default=(7, 8), min_length=1, validate_default=True)
    """Subjects that only test. Nothing is ever chosen by their score."""

    @field_validator("training_subjects", "validation_subjects", "test_subjects")
    @classmethod
    def _one_role_each(cls, subjects: tuple[int, ...] | None, info: ValidationInfo) -> tuple[int, ...] | None:
        _refuse_repeated(subjects or ())
        for verb, field in (("trains", "training_subjects"), ("validates", "validation_subjects")):
            shared = sorted(set(subjects or ()) & set(_earlier(info.data, field)))
            if shared:
                named = ", ".join(map(str, shared))
                raise ValueError(f"subjects with no other role: {named} also {verb} ({field})")
        return subjects


def _earlier(data: Mapping[str, Any], field: str) -> tuple[int, ...]:
    """What an earlier field holds; nothing where it is absent, invalid, or not earlier."""
    return data.get(field) or ()


def _refuse_repeated(subjects: tuple[int, ...]) -> None:
    repeated = sorted({subject for subject in subjects if subjects.count(subject) > 1})
    if repeated:
        raise ValueError(f"each subject once: {', '.join(map(str, repeated))} repeated")
