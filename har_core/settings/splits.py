"""``[splits]``: which subjects train, validate and test."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from har_core.settings.base import Settings

Subject = Annotated[int, Field(ge=1)]


class SplitSettings(Settings):
    """Roles of the subjects. No subject has two roles, and a list names all subjects of its role."""

    protocol: Literal["holdout"] = "holdout"
    """``holdout``: the subjects named here are held out whole."""
    training_subjects: tuple[Subject, ...] | None = Field(default=None, min_length=1)
    """Subjects that train; if absent, all that neither validate nor test."""
    validation_subjects: tuple[Subject, ...] = Field(default=(6,), min_length=1, validate_default=True)
    """Subjects whose score chooses the epoch."""
    test_subjects: tuple[Subject, ...] = Field(default=(7, 8), min_length=1, validate_default=True)
    """Subjects that only test. Their score never chooses anything."""

    @field_validator("training_subjects", "validation_subjects", "test_subjects")
    @classmethod
    def _one_role_each(cls, subjects: tuple[int, ...] | None, info: ValidationInfo) -> tuple[int, ...] | None:
        _refuse_repeated(subjects or ())
        for field in ("training_subjects", "validation_subjects"):
            shared = sorted(set(subjects or ()) & set(_earlier(info.data, field)))
            if shared:
                named = ", ".join(map(str, shared))
                raise ValueError(f"subjects with no other role; also in {field}: {named}")
        return subjects


def _earlier(data: Mapping[str, Any], field: str) -> tuple[int, ...]:
    """Value of an earlier field; empty if it is absent, invalid, or not earlier."""
    return data.get(field) or ()


def _refuse_repeated(subjects: tuple[int, ...]) -> None:
    repeated = sorted({subject for subject in subjects if subjects.count(subject) > 1})
    if repeated:
        raise ValueError(f"each subject once; repeated: {', '.join(map(str, repeated))}")
