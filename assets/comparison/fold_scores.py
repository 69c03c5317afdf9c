"""What subjects who validate in folds say of models: of today's, and of those that held an alias before."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.machinery.keys import CHAMPION, FOLDS_GROUP, MODELS_GROUP, WINDOWS, fold_key
from assets.machinery.lineage import OVER_FOLDS, Latest, fold_partitions, latest, latest_if_current
from assets.resources.home import Home
from har_core.settings.experiment import Experiment
from har_core.settings.report import TESTING_IN_TURN

if TYPE_CHECKING:
    from har_core.evaluation.gate import GateEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldScores:
    """Macro-F1 of subjects that validate in folds, the mean over folds and seeds."""

    of: str
    """Which windows and folds they are of; only scores of the same can be compared."""
    by_model: Mapping[str, Mapping[int, float]]
    """Of the recipe of today: by architecture or ensemble, then by subject."""
    remembered: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    """Of what held an alias when it was decided last: by the id of its logged model, then by subject."""

    def as_metadata(self, entries: "Mapping[str, GateEntry]") -> dict[str, Any]:
        """What :func:`scores_over_folds` remembers of ``entries``, by ids of logged models, next time."""
        return {"of": self.of, "scores": {model: dict(entry.over_folds) for model, entry in entries.items()}}


def scores_over_folds(
    instance: dg.DagsterInstance, experiment: Experiment, home: Home, assets: Sequence[dg.AssetsDefinition]
) -> FoldScores:
    """The scores of the current folds of ``inner``; where there are none, of ``loso``, ``pairs`` and ``group``.

    A subject that tests in ``[splits]`` never judges. Ensembles that are fitted on who validates are not judged.

    Raises:
        HarError: the predictions of a fold are not what was written.
    """
    specs, known = scored_specs(assets), fold_partitions(instance)
    names = [name for name in experiment.fold_names if not _is_fitted(name, experiment)]
    scores: dict[str, dict[int, float]] = {}
    of: list[str] = []
    for protocols in (("inner",), TESTING_IN_TURN):
        of = [partition for partition in known if partition.startswith(tuple(f"{name}-" for name in protocols))]
        for name in names:
            made = [latest_if_current(instance, fold_key(name), specs, partition) for partition in of]
            found = _scores(home, [entry for entry in made if entry is not None and entry.is_ours])
            scores[name] = {own: found[own] for own in sorted(set(found) - set(experiment.splits.test_subjects))}
        if any(scores.values()):
            break
    windows = latest(instance, WINDOWS)
    what = json.dumps([windows.data_version if windows else "", sorted(of), experiment.splits.test_subjects])
    decided = latest(instance, CHAMPION)
    before: Mapping[str, Any] = (decided.metadata.get(OVER_FOLDS) or {}) if decided is not None else {}
    remembered = before.get("scores", {}) if before.get("of") == what else {}
    return FoldScores(
        of=what,
        by_model=scores,
        remembered={
            model: {int(subject): score for subject, score in own.items()} for model, own in remembered.items()
        },
    )


def scored_specs(assets: Sequence[dg.AssetsDefinition]) -> dict[dg.AssetKey, dg.AssetSpec]:
    """Those of models and folds."""
    specs = {spec.key: spec for asset in assets for spec in asset.specs}
    return {key: spec for key, spec in specs.items() if key.path[0] in {MODELS_GROUP, FOLDS_GROUP}}


def _scores(home: Home, folds: Sequence[Latest]) -> dict[int, float]:
    from assets.comparison.report_inputs import unaltered
    from har_core.evaluation.results import validation_by_subject
    from har_core.inference.predictions import read_predictions

    found: dict[int, list[float]] = {}
    for entry in folds:
        predictions = read_predictions(unaltered(home, entry, ".parquet"))
        for subject, score in validation_by_subject(predictions).items():
            found.setdefault(subject, []).append(score)
    return {subject: statistics.fmean(scores) for subject, scores in found.items()}


def _is_fitted(name: str, experiment: Experiment) -> bool:
    return name in experiment.ensembles and experiment.ensembles[name].is_fitted
