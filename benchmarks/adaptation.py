"""What windows without labels of the new wearer are worth: a protocol of its own, never mixed with the others.

``python benchmarks/adaptation.py WINDOWS.parquet`` leaves one subject out, fits ``invariant_lda`` to the others, and
lets it label the windows of the one left out (``data/windows`` of a home has the file). What it answered, softened,
then trains too, and it is fitted again, five times: self-training. It sees all windows of the wearer before it answers
for good, so it is no judge of a first minute.

``--balanced`` takes for granted that the wearer did every activity equally long, which is true of these recordings and
of few others. ``--inner`` has the subjects that do not test validate in turn: choose by that.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.covariance import shrunk_covariance

from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.scores import score
from har_core.models import fit_model
from har_core.models.catalogue import describe
from har_core.models.features import features_of
from har_core.settings.splits import SplitSettings
from har_core.splits.build import cut_fold
from har_core.splits.protocols import folds

MODEL = "invariant_lda"
ROUNDS = 5
SOFTENING = 10.0
"""Logits of the discriminant are far too sure: they are divided by this before they count as labels."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("windows", type=Path)
    parser.add_argument("--inner", action="store_true")
    parser.add_argument("--balanced", action="store_true")
    asked = parser.parse_args()
    print("\n".join(table(asked.windows, inner=asked.inner, balanced=asked.balanced)))


def table(windows: Path, *, inner: bool, balanced: bool) -> Iterator[str]:
    """Markdown: macro-F1 of each subject before the first round and after each."""
    found = dict(scores(windows, inner=inner, balanced=balanced))
    yield f"| rounds | mean | {' | '.join(map(str, found))} |"
    yield "|--:|" + "--:|" * (len(found) + 1)
    for number, of_round in enumerate(zip(*found.values(), strict=True)):
        yield f"| {number} | {statistics.fmean(of_round):.3f} | {' | '.join(f'{own:.3f}' for own in of_round)} |"


def scores(windows: Path, *, inner: bool, balanced: bool) -> Iterator[tuple[int, list[float]]]:
    """Each subject that is left out, with its macro-F1 by rounds."""
    protocol, role = ("inner", "validation") if inner else ("loso", "test")
    test_subjects = SplitSettings().test_subjects
    for fold in folds(protocol, range(1, 9), num_validation_subjects=0, test_subjects=test_subjects):
        cut = cut_fold(windows, fold, normalise=False, wanted=("training", role))
        roles, spec = cut.roles, cut.spec
        labels, truth = roles["training"].labels, roles[role].labels.numpy()
        fitted = fit_model(
            MODEL,
            roles["training"].windows,
            labels,
            num_classes=spec.num_activities,
            seed=0,
            sampling_rate_hz=spec.sampling_rate_hz,
            sensors=spec.triads,
        )
        known, new = (
            features_of(fitted.get_submodule("features"), roles[name].windows).numpy() for name in ("training", role)
        )
        answers = adapted(known, labels.numpy(), new, balanced=balanced)
        [subject] = fold.validation if inner else fold.test
        yield subject, [score(truth, own, activities=set(truth.tolist())).macro_f1 for own in answers]


def adapted(
    known: npt.NDArray[np.float64],
    labels_of_known: npt.NDArray[np.int64],
    new: npt.NDArray[np.float64],
    *,
    balanced: bool = False,
) -> Iterator[npt.NDArray[np.float64]]:
    """Probabilities (M, K) of the new windows: at first, and after each round of self-training.

    Args:
        known: features (N, F) of the windows with labels.
        labels_of_known: activities (N,), from 0.
        new: features (M, F) of the wearer's windows.
        balanced: whether each activity is taken to be equally frequent among them.
    """
    classes = np.unique(labels_of_known)
    known_shares = (labels_of_known[:, None] == classes).astype(np.float64)
    features, shares = known, known_shares
    for finished in range(ROUNDS + 1):
        weights, bias = discriminant(features, shares)
        logits = new @ weights + bias
        labelling = equally_frequent(logits) if balanced else softmax(logits / SOFTENING, axis=1)
        probabilities = np.zeros((len(new), DSADS.num_activities))
        probabilities[:, classes] = labelling if balanced and finished else softmax(logits, axis=1)
        yield probabilities
        features, shares = np.concatenate([known, new]), np.concatenate([known_shares, labelling])


def discriminant(
    features: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Weights (F, K) and bias (K,) of linear discriminant analysis of windows (N, F) with shares (N, K) in activities.

    With shares of 0 and 1 it is that of scikit-learn, which takes no others.
    """
    frequency = shares.mean(axis=0)
    means = (shares.T @ features) / len(features) / frequency[:, None]
    scatter = features.T @ features / len(features) - (means.T * frequency) @ means
    weights: npt.NDArray[np.float64] = np.linalg.solve(
        shrunk_covariance(scatter, describe(MODEL).options["shrinkage"]), means.T
    )
    return weights, np.log(frequency) - (means.T * weights).sum(axis=0) / 2


def equally_frequent(logits: npt.NDArray[np.float64], *, steps: int = 50) -> npt.NDArray[np.float64]:
    """Probabilities (M, K) of logits (M, K) whose mean is the same for every activity, as far as ``steps`` bring it."""
    soft, shift = logits / SOFTENING, np.zeros(logits.shape[1])
    for _ in range(steps):
        shift -= np.log(softmax(soft + shift, axis=1).mean(axis=0) * len(shift) + 1e-6) / 2
    probabilities: npt.NDArray[np.float64] = softmax(soft + shift, axis=1)
    return probabilities


if __name__ == "__main__":
    main()
