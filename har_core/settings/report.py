"""``[evaluation]`` and ``[report]``: what is measured of a model, and how it is shown."""

from collections import Counter
from collections.abc import Hashable
from typing import Annotated, Literal

from pydantic import Field, field_validator

from har_core.settings.base import Settings

Protocol = Literal["loso", "pairs", "group", "inner", "leaky"]
TESTING_IN_TURN = ("loso", "pairs", "group")
"""Protocols in which every subject tests once."""
LeakyShares = Literal["60/20/20", "50/30/20"]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class EvaluationSettings(Settings):
    """Protocols that score architectures over folds, and how latency and throughput are measured."""

    protocols: tuple[Protocol, ...] = ()
    """``loso``: each subject tests in turn; ``pairs``: two at once; ``group``: ``num_groups`` parts of all;
    ``inner``: each validates; ``leaky``: segments of all."""
    num_groups: int = Field(default=5, ge=2)
    """Groups that the subjects are dealt to for ``group``; each tests once."""
    seeds: tuple[Seed, ...] = Field(default=(0,), min_length=1)
    """Seeds; each fold is trained once with each."""
    validation_subjects: int = Field(default=1, ge=0, le=2)
    """Subjects that validate in each fold of whole subjects; 0 only if no network keeps its best epoch."""
    leaky_shares: LeakyShares = "60/20/20"
    """Percent of the segments that train, validate and test in each fold of ``leaky``."""
    architectures: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Architectures of ``[models]`` to score over folds; all if absent."""
    sensors: tuple[str, ...] = ()
    """Architectures of `[models]` to train on each unit and each kind of sensor alone, and without it."""
    latency_repeats: int = Field(default=50, ge=3)
    """Timed calls with one window, after the warm-up."""
    latency_warmup: int = Field(default=10, ge=1)
    """Calls before the clock starts."""
    throughput_batch_size: int = Field(default=128, ge=1)
    """Windows in one call when measuring throughput."""

    @property
    def leading(self) -> str | None:
        """The protocol that leads the report, of those in which every subject tests once; None without any."""
        return next((protocol for protocol in TESTING_IN_TURN if protocol in self.protocols), None)

    @field_validator("protocols", "seeds", "architectures", "sensors")
    @classmethod
    def _each_once(cls, entries: tuple[Hashable, ...] | None) -> tuple[Hashable, ...] | None:
        repeated = [entry for entry, times in Counter(entries or ()).items() if times > 1]
        if repeated:
            raise ValueError(f"each entry once; repeated: {', '.join(map(str, repeated))}")
        return entries


class ReportSettings(Settings):
    """The comparison report."""

    title: str = "Human-activity recognition: a comparison"
    """Heading of the report."""
