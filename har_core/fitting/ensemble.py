"""Combines the predictions of fitted models, and fits how they are combined, on validation subjects alone.

Nothing is trained again, and no window is read: everything comes from the members' predictions. Letters: N windows,
M members, K activities.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from har_core.base.errors import InputError
from har_core.inference.classifier import weights_version
from har_core.inference.ensemble import SMALLEST_PROBABILITY, Stack, Vote
from har_core.inference.predictions import column_of, probabilities_of
from har_core.settings.ensembles import EnsembleSettings

_NEVER = -1e4
"""Logit of an activity that validation lacks."""
_NUM_STEPS = 500
_OWN = frozenset({"probabilities", "seed"})
"""Columns in which predictions of the same windows differ."""

_Floats = npt.NDArray[np.float64]
_Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """The combination of one seed's predictions, and what it says."""

    seed: int
    combination: nn.Module
    """(N, M, K) to (N, K)."""
    predictions: pa.Table
    """Of the members' validation and test windows, with the ensemble's probabilities."""

    @property
    def version(self) -> str:
        """A hash of the combination's weights and of what it says."""
        answers = np.ascontiguousarray(probabilities_of(self.predictions)).tobytes()
        return hashlib.sha256(weights_version(self.combination).encode() + answers).hexdigest()


def combine_by_seed(settings: EnsembleSettings, members: Mapping[str, pa.Table]) -> Iterator[Combined]:
    """Combine the predictions of each seed that all ``members`` have, in the order of the first one's.

    Args:
        settings: how.
        members: predictions by the member's name, of the same windows.

    Raises:
        InputError: the members predict other windows, share no seed, or there are no validation windows to fit on.
    """
    seeds = [list(dict.fromkeys(table["seed"].to_pylist())) for table in members.values()]
    common = [seed for seed in seeds[0] if all(seed in own for own in seeds)]
    if not common:
        raise InputError(f"The members {', '.join(members)} share no seed")
    for seed in common:
        own = {name: table.filter(pa.array(table["seed"].to_numpy() == seed)) for name, table in members.items()}
        yield combine(settings, own, seed=seed)


def combine(settings: EnsembleSettings, members: Mapping[str, pa.Table], *, seed: int) -> Combined:
    """Combine predictions of the same windows, one training of each member, whatever its seed.

    Raises:
        InputError: the members predict other windows, or there are no validation windows to fit on.
    """
    names, tables = list(members), list(members.values())
    same, schema = [name for name in tables[0].column_names if name not in _OWN], tables[0].schema
    for name, table in members.items():
        is_alike = table.schema.metadata == schema.metadata and table.select(same).equals(tables[0].select(same))
        if not is_alike:
            raise InputError(f"The members {names[0]} and {name} predict other windows, or in another order")
    probabilities_NMK = np.stack([probabilities_of(table) for table in tables], axis=1)
    combination = _combination(settings, probabilities_NMK, tables[0])
    with torch.inference_mode():
        answers_NK = combination(torch.from_numpy(probabilities_NMK)).numpy()
    columns = {name: tables[0][name] for name in same}
    columns["probabilities"] = column_of(answers_NK)
    columns["seed"] = pa.repeat(pa.scalar(seed, pa.int64()), len(answers_NK))
    return Combined(seed=seed, combination=combination, predictions=pa.table(columns, schema=schema))


def _combination(settings: EnsembleSettings, probabilities_NMK: npt.NDArray[np.float32], table: pa.Table) -> nn.Module:
    num_members = probabilities_NMK.shape[1]
    if not settings.is_fitted:
        return Vote(np.full(num_members, 1 / num_members))
    validates = table["role"].to_numpy() == "validation"
    if not validates.any():
        raise InputError("There are no validation windows to fit the ensemble on: let it vote with equal weights")
    own_NMK, labels_N = probabilities_NMK[validates].astype(np.float64), table["label"].to_numpy()[validates]
    if settings.combine == "stack":
        return _fit_stack(own_NMK, labels_N.astype(np.int64), penalty=settings.penalty)
    return Vote(fit_weights(own_NMK, labels_N.astype(np.int64)))


def fit_weights(probabilities_NMK: _Floats, labels_N: _Labels) -> _Floats:
    """The weights (M,) of a vote that make the labels most likely: mixture weights, by expectation and maximisation.

    The likelihood has one maximum, and each step raises it (Dempster, Laird and Rubin 1977, section 4.3).
    """
    of_label_NM = np.take_along_axis(probabilities_NMK, labels_N[:, None, None], axis=2)[:, :, 0]
    of_label_NM = np.maximum(of_label_NM, SMALLEST_PROBABILITY)
    weights_M = np.full(of_label_NM.shape[1], 1 / of_label_NM.shape[1])
    for _ in range(_NUM_STEPS):
        shares_NM = weights_M * of_label_NM
        weights_M = (shares_NM / shares_NM.sum(axis=1, keepdims=True)).mean(axis=0)
    return weights_M


def _fit_stack(probabilities_NMK: _Floats, labels_N: _Labels, *, penalty: float) -> Stack:
    """Wolpert, "Stacked generalization", 1992; an activity that validation lacks is never answered."""
    _, num_members, num_classes = probabilities_NMK.shape
    present = np.unique(labels_N)
    if len(present) < 2:  # noqa: PLR2004 - a choice needs two
        raise InputError("A stack needs at least two activities to choose from; the validation windows have one")
    logarithms_NJ = np.log(np.maximum(probabilities_NMK, SMALLEST_PROBABILITY)).reshape(len(labels_N), -1)
    fitted = LogisticRegression(C=1 / penalty, max_iter=2000).fit(logarithms_NJ, labels_N)
    weight_JK, bias_K = np.zeros((num_members * num_classes, num_classes)), np.full(num_classes, _NEVER)
    bias_K[present] = 0.0
    rows = present[1:] if len(fitted.coef_) < len(present) else present  # the first of two: logit 0
    weight_JK[:, rows], bias_K[rows] = fitted.coef_.T, fitted.intercept_
    return Stack(weight_JK, bias_K)
