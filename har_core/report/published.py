"""Published figures to compare ours with, and what to know before comparing.

Sources: the four architectures as first published for DSADS, on one held-out split, with the best test score over all
epochs. Scores over subjects left out: WHAR Arena (2026), SDMix and DDLearn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from har_core.settings.recipes import is_compressed

DATASET = "dsads"
"""Of which all figures here are."""


@dataclass(frozen=True, slots=True)
class PublishedFigures:
    """One architecture's published test scores and costs."""

    name: str
    accuracy: float
    precision: float
    recall: float
    f1: float
    """The harmonic mean of ``precision`` and ``recall``, which are means over the activities."""
    num_parameters: int
    inference_time_s: float
    """For the whole test set, on an unknown machine."""
    parameters_belong_elsewhere: bool = False
    """The published count is for another input shape: 113 channels and 17 classes."""


PUBLISHED = {
    "cnn": PublishedFigures("CNN", 0.8793, 0.9160, 0.8793, 0.8973, 956_947, 1.3570),
    "resnet": PublishedFigures("ResNet", 0.8724, 0.9194, 0.8734, 0.8953, 1_502_737, 3.3007, True),
    "lstm": PublishedFigures("LSTM", 0.8030, 0.8244, 0.8030, 0.8136, 3_394_065, 2.7796, True),
    "shufflenet": PublishedFigures("ShuffleNet", 0.8716, 0.9079, 0.8716, 0.8894, 1_160_341, 1.7889, True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedScores:
    """Scores of others under one protocol."""

    metric: str
    """``macro-F1`` or ``accuracy``."""
    source: str
    measured: str
    scores: Mapping[str, float]


PUBLISHED_BY_PROTOCOL = {
    "loso": PublishedScores(
        metric="macro-F1",
        source="WHAR Arena 2026",
        measured="one seed, windows of 3 s",
        scores={
            "Random Forest on simple features": 0.8933,
            "DynamicWHAR": 0.8785,
            "CNN-HAR": 0.8687,
            "TinyHAR": 0.8677,
            "TinierHAR": 0.8640,
            "Attend+Discriminate": 0.8615,
            "DeepConvLSTM": 0.8198,
            "MLP-Mixer": 0.8150,
            "SVM": 0.7588,
            "k-NN": 0.7094,
        },
    ),
    "pairs": PublishedScores(
        metric="accuracy", source="Published", measured="four folds", scores={"SDMix": 0.9328, "DDLearn": 0.9202}
    ),
}
PUBLISHED_RANDOM_SPLIT = (0.992, 0.996)
"""Lowest and highest published accuracy of random 10-fold splits."""

PARAMETERS_FOOTNOTE = (
    "Counted for another input shape, 113 channels and 17 classes, where 1,502,737 is the CNN, 3,394,065 the LSTM and "
    "1,160,341 the ShuffleNet."
)
SELECTION_NOTE = (
    "The published scores come from one held-out split, with the epoch chosen by its test score. Ours choose by the "
    "validation subjects alone."
)
F1_NOTE = (
    "Published F1 is the harmonic mean of the mean precision and the mean recall, and so is ours in this table. "
    "Elsewhere macro-F1 is the mean of the activities' own F1."
)


def f1_of_means(precision: float, recall: float) -> float:
    """F1 as published: the harmonic mean of mean precision and mean recall."""
    return 2 * precision * recall / ((precision + recall) or 1.0)


_SPELLING = {
    word.lower(): word
    for word in (
        "BiLSTM", "CapsNet", "DeepConvLSTM", "FCN", "FPN", "GRU", "LDA", "MLP", "Res2Net", "ResNeSt", "ResNet18",
        "ResNeXt", "RNN", "SKNet", "TinierHAR", "TinyHAR", "VGG", "ViT",
    )
}  # fmt: skip
"""Words that are not written in small letters."""


def name_of(architecture: str) -> str:
    """What readers call an architecture: its published spelling, or its own name in words.

    >>> name_of("lstm"), name_of("random_forest"), name_of("invariant_lda"), name_of("vgg_resnet18")
    ('LSTM', 'Random forest', 'Invariant LDA', 'VGG ResNet18')
    >>> name_of("cnn-int8")
    'CNN, int8'
    """
    if is_compressed(architecture):
        parent, _, recipe = architecture.rpartition("-")
        return f"{name_of(parent)}, {recipe.replace('_', ' ')}"
    if architecture in PUBLISHED:
        return PUBLISHED[architecture].name
    in_words = " ".join(_SPELLING.get(word, word) for word in architecture.split("_"))
    return in_words[:1].upper() + in_words[1:]
