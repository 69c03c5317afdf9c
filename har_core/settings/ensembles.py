"""``[ensembles.<name>]``: models that combine others."""

import re
from collections import Counter
from typing import Literal

from pydantic import Field, field_validator, model_validator

from har_core.settings.base import Settings

ENSEMBLE_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
"""What an ensemble may be called: its asset and its registered model have the name."""


class EnsembleSettings(Settings):
    """How one ensemble answers. Its members train nothing again."""

    members: tuple[str, ...] = Field(min_length=2)
    """Architectures of ``[models]`` whose answers are combined."""
    combine: Literal["vote", "stack"] = "vote"
    """``vote``: the weighted mean of probabilities; ``stack``: a logistic regression on their logarithms."""
    weights: Literal["equal", "fitted"] = "equal"
    """Of a vote: all alike, or those that make the validation subjects' activities most likely."""
    penalty: float = Field(default=1.0, gt=0)
    """Of a stack: strength of the L2 penalty, relative to one window."""

    @field_validator("members")
    @classmethod
    def _each_once(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        repeated = [name for name, times in Counter(members).items() if times > 1]
        if repeated:
            raise ValueError(f"each member once; repeated: {', '.join(repeated)}")
        return members

    @model_validator(mode="after")
    def _votes_have_weights_and_stacks_a_penalty(self) -> "EnsembleSettings":
        if self.combine == "stack" and self.weights != "equal":
            raise ValueError("weights belong to a vote; a stack is always fitted")
        if self.combine == "vote" and self.penalty != 1.0:
            raise ValueError('penalty belongs to combine = "stack"; a vote has none')
        return self

    @property
    def is_fitted(self) -> bool:
        """Whether it learns from the validation subjects, which then cannot judge it."""
        return self.combine == "stack" or self.weights == "fitted"


PRESETS = {
    "vgg+resnet18": EnsembleSettings(members=("vgg", "resnet18")),
    "vgg+capsnet": EnsembleSettings(members=("vgg", "capsnet")),
}
"""What ``preset = "…"`` starts from."""
