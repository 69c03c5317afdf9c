"""The samplers and pruners that an experiment file can name, as Optuna has them.

Grid, random, TPE (Bergstra et al. 2011), CMA-ES (Hansen and Ostermeier 2001), NSGA-II (Deb et al. 2002); Hyperband (Li
et al. 2018).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from har_core.search.space import grid_of, size_of_grid
from har_core.settings.search import MAX_TRIALS, Choice, SearchSettings

_POPULATION = 10
"""Of NSGA-II. Optuna's 50 would be a random search in most of the budgets that are affordable here."""
_HYPERBAND_FACTOR = 3
"""Of the trials that reach a rung, one in so many goes on."""


def make_sampler(settings: SearchSettings, place: int) -> optuna.samplers.BaseSampler:
    """The sampler that draws the trial at ``place``, from 0.

    Each trial has a seed of its own: a study that goes on after an interruption would else draw its first trials again,
    and workers side by side would all draw the same.
    """
    seed = int.from_bytes(hashlib.sha256(f"{settings.seed} {place}".encode()).digest()[:4], "big")
    if settings.sampler == "grid":
        return Given(_point(settings, place))
    if settings.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if settings.sampler == "cmaes":
        return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    if settings.sampler == "nsga2":
        return optuna.samplers.NSGAIISampler(population_size=_POPULATION, seed=seed)
    return optuna.samplers.TPESampler(seed=seed)


def make_pruner(settings: SearchSettings, last_step: int) -> optuna.pruners.BasePruner:
    """The pruner of trials whose last score comes at ``last_step``; it ends none in the first third of a fold."""
    if settings.pruner == "none":
        return optuna.pruners.NopPruner()
    first = max(1, last_step // settings.folds // _HYPERBAND_FACTOR)
    return optuna.pruners.HyperbandPruner(
        min_resource=first, max_resource=last_step, reduction_factor=_HYPERBAND_FACTOR
    )


def directions(settings: SearchSettings) -> list[StudyDirection]:
    """Macro-F1 upwards, and for NSGA-II multiply-accumulates downwards.

    Not latency: that depends on the machine and on what else it does, so a study could not be repeated, nor go on
    elsewhere.
    """
    score, cost = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
    return [score, cost] if settings.sampler == "nsga2" else [score]


class Given(optuna.samplers.BaseSampler):
    """Draws what it was given: a point of a grid, or what is tried again."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """None: each value is drawn by itself."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing."""
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of this name."""
        return self._values[param_name]


def _point(settings: SearchSettings, place: int) -> dict[str, Choice]:
    """Of a grid, in an order that the seed shuffles: a search that ends early has been everywhere."""
    size = size_of_grid(settings.space)
    # The order is drawn whole for each place: a part of another length would be another order.
    index = random.Random(settings.seed).sample(range(size), min(size, MAX_TRIALS))[place]  # noqa: S311
    point = {}
    for name, values in grid_of(settings.space).items():
        index, own = divmod(index, len(values))
        point[name] = values[own]
    return point
