"""``[splits]``: which subjects train, validate and test."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from har_core.settings.base import Settings

Subject = Annotated[int, Field(ge=1)]


class SplitSettings(Settings):
    """Roles of the subjects. No subject has two roles, and a list names all subjects of its role."""

    protocol: Literal["holdout"] = "holdout"
    """``holdout``: the subjects named here are held out whole."""
    training_subjects: tuple[Subject, ...] | None = Field(default=None, min_length=1)
    """Subjects that train; if absent, all that neither validate nor test."""
    validation_subjects: tuple[Subject, ...] = Field(default=(6,), validate_default=True)
    """Subjects whose score chooses the epoch and the champion; none only if no network keeps its best epoch."""
    test_subjects: tuple[Subject, ...] = Field(default=(7, 8), min_length=1, validate_default=True)
    """Subjects that only test. Their score never chooses anything."""

    @field_validator("training_subjects", "validation_subjects", "test_subjects")
    @classmethod
    def _one_role_each(cls, subjects: tuple[int, ...] | None, info: ValidationInfo) -> tuple[int, ...] | None:
        own = subjects or ()
        repeated = sorted(subject for subject, times in Counter(own).items() if times > 1)
        if repeated:
            raise ValueError(f"each subject once; repeated: {', '.join(map(str, repeated))}")
        for field in ("training_subjects", "validation_subjects"):
            earlier = info.data.get(field) or ()  # empty if it is absent, invalid, or not earlier
            shared = sorted(set(own) & set(earlier))
            if shared:
                raise ValueError(f"subjects with no other role; also in {field}: {', '.join(map(str, shared))}")
        return subjects
