"""What ``report.json`` says of models over folds, as classes: scores, how sure they are, and where they fail."""

from __future__ import annotations

from dataclasses import dataclass

from har_core.evaluation.confused import Confused
from har_core.evaluation.critical_difference import CriticalDifference
from har_core.evaluation.folds import ProtocolSummary
from har_core.evaluation.intervals import SubjectSpread
from har_core.evaluation.pairwise import Pair
from har_core.evaluation.scores import Counts


@dataclass(frozen=True, kw_only=True)
class Place(ProtocolSummary):
    """One model in the ranking of a protocol."""

    rank: int | None
    """None of a model that lacks folds."""
    num_folds_planned: int
    num_parameters: int


@dataclass(frozen=True, kw_only=True)
class PublishedScore:
    """A score of others."""

    name: str
    value: float
    source: str


@dataclass(frozen=True, kw_only=True)
class PublishedOfProtocol:
    """Scores of others by the same protocol."""

    metric: str
    notes: tuple[str, ...]
    scores: tuple[PublishedScore, ...]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One protocol of evaluation."""

    ranking: tuple[Place, ...]
    """Complete models first, then by mean macro-F1."""
    num_test_windows: int
    num_clean_test_windows: int
    """Those that touch no damaged run."""
    published: PublishedOfProtocol | None


@dataclass(frozen=True, kw_only=True)
class SureModel(SubjectSpread):
    """One model over the subjects."""

    architecture: str
    holm_p: float | None
    """Of Wilcoxon's test beside the model in front, corrected by Holm; None of that one."""


@dataclass(frozen=True, kw_only=True)
class Sureness:
    """How sure the order of the models is, by the first protocol."""

    front: str
    """The model that the others are compared with."""
    num_subjects: int
    sure: float
    """Probability from which on a verdict is given."""
    equivalent: float
    """What two models may differ by and be as good in practice."""
    detectable: float
    """The difference from which on a verdict is given, of the pair in the middle."""
    models: tuple[SureModel, ...]
    pairs: tuple[Pair, ...]
    """Each pair in both orders."""
    ranks: CriticalDifference | None


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Windows of about the same confidence."""

    confidence: float
    accuracy: float
    windows: int


@dataclass(frozen=True, kw_only=True)
class Trust:
    """How far confidence can be trusted."""

    calibration_error: float
    """Expected calibration error over 15 bins."""
    brier: float
    """Mean squared error of all probabilities of a window, summed over activities: 0 at best, 2 at worst."""
    accuracy_by_coverage: dict[str, float]
    """Accuracy on the windows that the model is most sure of, by their share of all."""
    reliability: tuple[Bin, ...]


@dataclass(frozen=True, kw_only=True)
class MistakesOfModel:
    """What the test windows of one model were taken for."""

    architecture: str
    num_seeds: int
    """Each window counts once for each of them."""
    confusion: Counts
    f1: tuple[float | None, ...]
    """Of each activity; None of one without windows."""
    f1_by_subject: dict[int, tuple[float | None, ...]]
    roc_auc: tuple[float | None, ...]
    """Of each activity against the rest; None where either has no windows."""
    average_precision: tuple[float | None, ...]
    confidence: Trust
    confidence_scaled: Trust | None
    """After temperature scaling; None where nobody validates."""


@dataclass(frozen=True, kw_only=True)
class Mistakes:
    """Where models fail, over the folds of the first protocol, or on the held-out subjects where there are none."""

    protocol: str | None
    """What readers call it; None of held-out subjects."""
    activities: tuple[str, ...]
    confused: tuple[Confused, ...]
    """The pairs of activities that all models together mistake most, the most first."""
    models: tuple[MistakesOfModel, ...]
