"""The numbers of ``report.json`` once more, from predictions, by scikit-learn and scipy, not by what the report uses.

The result is a tree as the report's, where a list of named things is a mapping from their names: see :func:`by_name`.
Only the closed forms of the literature are written out here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, permutations
from typing import Any

import numpy as np
from made_reports import PROTOCOLS, SEEDS, SKILLS, SUBJECTS, Made
from recomputed_scores import (
    ACTIVITIES,
    Near,
    Training,
    Windows,
    accuracy,
    activity_f1,
    by_subject,
    confidence,
    macro_f1,
    mean_of,
    scale,
    scores,
    spread,
    temperature,
    there,
    trainings,
)
from scipy import stats
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score

ROPE, SURE = 0.01, 0.95
NEMENYI_Q = {3: 2.343}
"""Demšar 2006, table 5 (a), by number of models, at the level 0.05."""


# --- Protocols --------------------------------------------------------------------------------------------------------


class Folds:
    """One model over the folds of one protocol."""

    def __init__(self, made: Made, name: str, protocol: str) -> None:
        """From its predictions."""
        self.name = name
        self.trainings = {
            fold: trainings(table)
            for (own, fold), table in made.folds.items()
            if own == name and fold.startswith(f"{protocol}-")
        }
        self.every = [own for found in self.trainings.values() for own in found]
        self.learnt = set().union(*(own.learnt for own in self.every))
        self.num_planned = {"loso": len(SUBJECTS), "leaky": 5}[protocol]
        self.is_complete = len(self.trainings) == self.num_planned
        self.test = Windows.together(own.test for own in self.every)

    def over_folds(self, figure: Any) -> dict[str, float]:
        """Of each fold the mean over seeds, and of these mean and deviation."""
        return spread([float(np.mean([figure(own) for own in found])) for found in self.trainings.values()])

    @property
    def of_seeds(self) -> dict[int, dict[str, float]]:
        """Macro-F1 by seed and subject."""
        return {
            seed: mean_of(by_subject(own.test, own.learnt) for own in self.every if own.seed == seed)
            for seed in SEEDS[self.name]
        }

    @property
    def per_subject(self) -> dict[str, float]:
        return mean_of(by_subject(own.test, own.learnt) for own in self.every)

    def summary(self) -> dict[str, Any]:
        pooled = [Windows.together(own.test for own in self.every if own.seed == seed) for seed in SEEDS[self.name]]
        return {
            "num_folds_planned": self.num_planned,
            "seeds": list(SEEDS[self.name]),
            "macro_f1": self.over_folds(lambda own: macro_f1(own.test, there(own.test) & own.learnt)),
            "accuracy": self.over_folds(lambda own: accuracy(own.test)),
            "macro_f1_clean": self.over_folds(lambda own: macro_f1(own.test.clean, there(own.test.clean) & own.learnt)),
            "accuracy_clean": self.over_folds(lambda own: accuracy(own.test.clean)),
            "pooled_macro_f1": float(np.mean([macro_f1(own, there(own) & self.learnt) for own in pooled])),
            "per_subject": self.per_subject,
            "per_subject_clean": mean_of(by_subject(own.test.clean, own.learnt) for own in self.every),
            "num_test_windows": self.num_windows(self.test),
        }

    def num_windows(self, windows: Windows) -> int:
        return len(windows.labels) // len(SEEDS[self.name])


def protocol(models: Sequence[Folds]) -> dict[str, Any]:
    summaries = {model.name: model.summary() for model in models}
    means = [summaries[model.name]["macro_f1"]["mean"] for model in models if model.is_complete]
    for model in models:
        own = summaries[model.name]
        own["rank"] = 1 + sum(mean > own["macro_f1"]["mean"] for mean in means) if model.is_complete else None
    return {
        "ranking": summaries,
        "num_test_windows": max(model.num_windows(model.test) for model in models),
        "num_clean_test_windows": max(model.num_windows(model.test.clean) for model in models),
    }


def leak(honest: Mapping[str, Any], leaky: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        name: (leaky["ranking"][name]["macro_f1"]["mean"], own["macro_f1"]["mean"])
        for name, own in honest["ranking"].items()
        if own["rank"]
    }
    return {
        name: {"leaky_macro_f1": flattered, "honest_macro_f1": fair, "flatters_by": flattered - fair}
        for name, (flattered, fair) in both.items()
    }


# --- How sure ---------------------------------------------------------------------------------------------------------


def holm(p_values: Mapping[Any, float]) -> dict[Any, float]:
    """The smallest p times the number of hypotheses, the next times one less, never less than one before."""
    corrected, highest = {}, 0.0
    for step, (key, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, p * (len(p_values) - step)))
        corrected[key] = highest
    return corrected


def interval(values: Sequence[float]) -> list[float]:
    """BCa, from the same draws as the report's."""
    found = stats.bootstrap(
        (values,), np.mean, n_resamples=9999, confidence_level=0.95, method="BCa", rng=np.random.default_rng(0)
    )
    return [float(end) for end in found.confidence_interval]


def sureness(models: Sequence[Folds], front: str) -> dict[str, Any]:
    per_subject = {model.name: model.per_subject for model in models if model.is_complete}
    differences = {
        (one, other): {s: per_subject[one][s] - per_subject[other][s] for s in per_subject[one]}
        for one, other in permutations(per_subject, 2)
    }
    num, share = len(SUBJECTS), 1 / len(SUBJECTS)
    pairs: dict[tuple[str, str], dict[str, Any]] = {}
    detectable = {}
    for (one, other), own in differences.items():
        values = np.array(list(own.values()))
        scale = math.sqrt((1 / num + share / (1 - share)) * values.var(ddof=1))
        posterior = stats.t(df=num - 1, loc=values.mean(), scale=scale)
        detectable[one, other] = ROPE + scale * stats.t.ppf(SURE, num - 1)
        pairs[one, other] = {
            "differences": own,
            "mean": float(values.mean()),
            "wilcoxon_p": float(stats.wilcoxon(values, method="exact").pvalue),
            "probabilities": {
                "better": float(posterior.sf(ROPE)),
                "equivalent": float(posterior.cdf(ROPE) - posterior.cdf(-ROPE)),
                "worse": float(posterior.cdf(-ROPE)),
            },
        }
    once = {pair: own["wilcoxon_p"] for pair, own in pairs.items() if pair[0] < pair[1]}
    for (one, other), p in holm(once).items():
        pairs[one, other]["holm_p"] = pairs[other, one]["holm_p"] = p
    beside = holm({one: pairs[one, front]["wilcoxon_p"] for one in per_subject if one != front})
    table = np.array([list(own.values()) for own in per_subject.values()])
    ranks = stats.rankdata(-table, axis=0).mean(axis=1)
    friedman = stats.friedmanchisquare(*table)
    k = len(per_subject)
    return {
        "num_subjects": num,
        "sure": SURE,
        "equivalent": ROPE,
        "detectable": float(np.median(list(detectable.values()))),
        "models": {model.name: _spread(model) | {"holm_p": beside.get(model.name)} for model in models},
        "pairs": {" beside ".join(pair): own for pair, own in pairs.items()},
        "ranks": {
            "mean_ranks": dict(zip(per_subject, ranks.tolist(), strict=True)),
            "num_subjects": num,
            "friedman_chi2": float(friedman.statistic),
            "friedman_p": float(friedman.pvalue),
            "critical_difference": Near(NEMENYI_Q[k] * math.sqrt(k * (k + 1) / (6 * num)), 1e-3),
        },
    }


def _spread(model: Folds) -> dict[str, Any]:
    own = model.per_subject
    means = [float(np.mean(list(found.values()))) for found in model.of_seeds.values()]
    worst = min(own, key=lambda subject: own[subject])
    return {
        "mean": float(np.mean(list(own.values()))),
        "over_subjects": float(np.std(list(own.values()), ddof=1)),
        "over_seeds": float(np.std(means, ddof=1)) if len(means) > 1 else None,
        "worst_subject": int(worst),
        "worst": own[worst],
        "interval": interval(list(own.values())),
        "per_subject": own,
        "seeds": list(SEEDS[model.name]),
    }


# --- Mistakes ---------------------------------------------------------------------------------------------------------


def mistakes(model: Folds) -> dict[str, Any]:
    test = model.test
    scaled = [
        own.test._replace(probabilities=scale(own.test.probabilities, temperature(own.validation)))
        for own in model.every
        if len(own.validation.labels)
    ]
    separate = [(test.labels == k, test.probabilities[:, k].astype(np.float64)) for k in ACTIVITIES]
    return {
        "num_seeds": len(SEEDS[model.name]),
        "confusion": confusion_matrix(test.labels, test.predicted, labels=list(ACTIVITIES)).tolist(),
        "f1": activity_f1(test),
        "f1_by_subject": {str(subject): activity_f1(test.of(subject)) for subject in np.unique(test.subjects)},
        "roc_auc": [Near(float(roc_auc_score(*own)), 1e-3) for own in separate],
        "average_precision": [Near(float(average_precision_score(*own)), 5e-3) for own in separate],
        "confidence": confidence(test, within=1e-6),
        "confidence_scaled": confidence(Windows.together(scaled), within=1e-4)
        if len(scaled) == len(model.every)
        else None,
    }


def confused(models: Sequence[Folds]) -> dict[str, Any]:
    """The three pairs that are taken for each other most often, on clean windows, and the clearest windows of each."""
    clean = Windows.together(model.test.clean for model in models)
    keys = [*zip(clean.subjects.tolist(), clean.segments.tolist(), strict=True)]
    labels = dict(zip(keys, clean.labels.tolist(), strict=True))
    answers: dict[tuple[int, int], Counter[int]] = {key: Counter() for key in labels}
    for key, taken in zip(keys, clean.predicted.tolist(), strict=True):
        answers[key][taken] += 1
    counts = confusion_matrix(clean.labels, clean.predicted, labels=list(ACTIVITIES))
    both = {(a, b): int(counts[a, b] + counts[b, a]) for a, b in combinations(ACTIVITIES, 2)}

    def clearest(activity: int, taken: int, subject: int | None = None) -> dict[str, Any]:
        own = [key for key, label in labels.items() if label == activity and answers[key][taken]]
        own = [key for key in own if key[0] == subject] or own
        key = min(own, key=lambda key: (-answers[key][taken] / answers[key].total(), -answers[key][taken], key))
        agreeing, total = answers[key][taken], answers[key].total()
        return {"key": [key[0], 1, key[1], 0], "activity": activity, "num_agreeing": agreeing, "num_answers": total}

    found = []
    for pair in sorted(both, key=lambda pair: (-both[pair], pair))[:3]:
        actual, taken = max(pair, pair[::-1], key=lambda own: counts[own])
        wrong = clearest(actual, taken)
        subject = wrong["key"][0]
        shown = {"wrong": wrong, "right": clearest(actual, actual, subject), "other": clearest(taken, taken, subject)}
        num_answers = int(counts[[*pair]].sum())
        found.append({"actual": actual, "taken": taken, "num_wrong": both[pair], "num_answers": num_answers, **shown})
    return {str(place): own for place, own in enumerate(found)}


# --- Everything -------------------------------------------------------------------------------------------------------


def recompute(made: Made, front: str) -> dict[str, Any]:
    """The numbers of the whole report; ``front`` is the model that it puts in front."""
    folds = {name: [Folds(made, model, name) for model in SKILLS] for name in PROTOCOLS}
    protocols = {name: protocol(models) for name, models in folds.items()}
    complete = [model for model in folds["loso"] if model.is_complete]
    models = {name: trainings(table)[0] for name, table in made.models.items()}
    return {
        "protocols": protocols,
        "leak": {"architectures": leak(protocols["loso"], protocols["leaky"])},
        "sureness": sureness(complete, front),
        "mistakes": {
            "confused": confused(folds["loso"]),
            "models": {model.name: mistakes(model) for model in folds["loso"]},
        },
        "ranking": {role: ranking(models, role) for role in ("validation", "test")},
        "entries": {name: {"result": entry(own)} for name, own in models.items()},
        "folds": {
            f"{model.name} {fold}": of_fold(own)
            for every in folds.values()
            for model in every
            for fold, own in model.trainings.items()
        },
    }


def ranking(models: Mapping[str, Training], role: str) -> dict[str, Any]:
    found = {name: (own, getattr(own, role)) for name, own in models.items()}
    f1 = {name: macro_f1(windows, there(windows) & own.learnt) for name, (own, windows) in found.items()}
    return {
        name: {
            "rank": 1 + sum(other > f1[name] for other in f1.values()),
            "seed": own.seed,
            "macro_f1": f1[name],
            "accuracy": accuracy(windows),
        }
        for name, (own, windows) in found.items()
    }


def entry(own: Training) -> dict[str, Any]:
    roles = {"validation": own.validation, "test": own.test}
    counted = {role: there(windows) & own.learnt for role, windows in roles.items()}
    return {
        "seed": own.seed,
        "scores": {role: scores(windows, counted[role]) for role, windows in roles.items()},
        "scores_clean": {role: scores(windows.clean, counted[role]) for role, windows in roles.items()},
        "per_subject": by_subject(own.test, own.learnt),
        "per_subject_clean": by_subject(own.test.clean, own.learnt),
        "learnt": sorted(own.learnt),
        "num_windows": {role: len(windows.labels) for role, windows in roles.items()},
        "subjects": {role: np.unique(windows.subjects).tolist() for role, windows in roles.items()},
    }


def of_fold(found: Sequence[Training]) -> dict[str, Any]:
    first = found[0]
    roles = ("validation", "test")
    return {
        "subjects": {role: np.unique(getattr(first, role).subjects).tolist() for role in roles},
        "num_windows": {role: len(getattr(first, role).labels) for role in roles},
        "seeds": {f"seed {own.seed}": {"seed": own.seed} | _of_seed(own) for own in found},
    }


def _of_seed(own: Training) -> dict[str, Any]:
    roles = {role: getattr(own, role) for role in ("validation", "test") if len(getattr(own, role).labels)}
    counted = {role: there(windows) & own.learnt for role, windows in roles.items()}
    return {
        "macro_f1": {role: macro_f1(windows, counted[role]) for role, windows in roles.items()},
        "accuracy": {role: accuracy(windows) for role, windows in roles.items()},
        "macro_f1_clean": {role: macro_f1(windows.clean, counted[role]) for role, windows in roles.items()},
        "per_subject": by_subject(own.test, own.learnt),
    }


# --- Walking ----------------------------------------------------------------------------------------------------------


def by_name(item: Any, place: int) -> str:
    """What an item of a list is called: by what it names, else by its place."""
    if not isinstance(item, dict):
        return str(place)
    named = item.get("result", item)
    if "first" in named:
        return f"{named['first']} beside {named['second']}"
    words = [named["architecture"]] if "architecture" in named else []
    words += [named["fold"]] if "fold" in named else []
    words += [f"seed {named['seed']}"] if "seed" in named and not words else []
    return " ".join(words) or str(place)


def numbers(value: Any, path: str = "") -> dict[str, float | Near]:
    """Every number of a tree by its path."""
    if isinstance(value, Near) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return {path: value}
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = ((by_name(item, place), item) for place, item in enumerate(value))
    return {
        name: number for key, own in items for name, number in numbers(own, f"{path}/{key}" if path else key).items()
    }
