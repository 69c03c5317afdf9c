"""What the tables of the page must print, by table and column, from the tree of :mod:`recomputed`.

A cell is told by the numbers in it, or by its text where it has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from made_reports import SPEC, SUBJECTS
from recomputed import SURE
from recomputed_scores import Near

from har_core.report.published import name_of

Cell = str | list[Any]
COPIED = {
    "training": None,
    "provenance": None,
    "cost": ("Macro-F1",),
    "folds": ("Training subjects", "Validation chose", "Parameters"),
}
"""Tables that records fill: wholly, but for some columns (cost), or in some columns (folds)."""
_MARKS = {"better": "+", "worse": "−", "equivalent": "=", "cannot be told": "?"}
_MEANS = {
    "Macro-F1, all windows": "macro_f1",
    "Macro-F1, clean windows": "macro_f1_clean",
    "Accuracy, all": "accuracy",
    "Accuracy, clean": "accuracy_clean",
}
_SCORES = {
    "Macro-F1": "macro_f1",
    "Precision": "macro_precision",
    "Recall": "macro_recall",
    "Weighted F1": "weighted_f1",
    "Accuracy": "accuracy",
}


class Printed:
    """What each cell must say."""

    def __init__(self, tree: Mapping[str, Any], front: str) -> None:
        """Of the whole report."""
        self.tree, self.front = tree, front
        self.architectures = {name_of(name): name for name in tree["entries"]}

    def cell(self, table: str, row: str, column: str) -> Cell | None:
        """By the table's heading, the row's name and the column's head; None where records fill it.

        Raises:
            KeyError: nobody knows what stands there.
        """
        kind, _, rest = table.partition("-")
        if kind in COPIED and (COPIED[kind] is None or (column in (COPIED[kind] or ())) == (kind == "folds")):
            return None
        found: Cell = getattr(self, f"_{kind}")(rest, row, column)
        return found

    def _verdict(self, one: str, other: str) -> str:
        probabilities = self.tree["sureness"]["pairs"][f"{one} beside {other}"]["probabilities"]
        sure = [name for name, probability in probabilities.items() if probability >= SURE]
        return sure[0] if sure else "cannot be told"

    def _folds(self, protocol: str, row: str, column: str) -> Cell:
        name = self.architectures[row]
        own = self.tree["protocols"][protocol]["ranking"][name]
        if column in _MEANS:
            return [own[_MEANS[column]]["mean"], own[_MEANS[column]]["standard_deviation"]]
        there = sum(key.startswith(f"{name} {protocol}-") for key in self.tree["folds"])
        planned = own["num_folds_planned"]
        return {
            "": [own["rank"]],
            "Macro-F1, pooled": [own["pooled_macro_f1"]],
            "Folds": [planned] if there == planned else [there, planned],
            "Seeds": [len(own["seeds"])],
        }[column]

    def _subjects(self, protocol: str, row: str, column: str) -> Cell:
        own = self.tree["protocols"][protocol]["ranking"][self.architectures[row]]
        f1, clean = (own[key].get(column) for key in ("per_subject", "per_subject_clean"))
        return [f1] if f1 is None or f"{f1:.3f}" == f"{clean:.3f}" else [f1, clean]

    def _runs(self, protocol: str, row: str, column: str) -> Cell:
        fold = self.tree["folds"].get(f"{self.architectures[row]} {protocol}-{column}")
        scores = [seed["macro_f1"]["test"] for seed in fold["seeds"].values()] if fold else []
        return [sum(scores) / len(scores) if scores else None]

    def _sure(self, _: str, row: str, column: str) -> Cell:
        name = self.architectures[row]
        own = self.tree["sureness"]["models"][name]
        alone: dict[str, Cell] = {
            "Macro-F1": [own["mean"]],
            "95 % of the mean": own["interval"],
            "± over subjects": [own["over_subjects"]],
            "± over seeds": [own["over_seeds"]],
            "Worst subject": [own["worst"], own["worst_subject"]],
            "Wilcoxon, Holm": [own["holm_p"]],
            "A random split claims": [self.tree["protocols"]["leaky"]["ranking"][name]["macro_f1"]["mean"]],
        }
        if column in alone:
            return alone[column]
        if name == self.front:
            return "in front" if column == "It is" else [None]
        pair = self.tree["sureness"]["pairs"][f"{name} beside {self.front}"]
        shares = {key: [100 * share] for key, share in pair["probabilities"].items()}
        beside: dict[str, Cell] = {
            f"Minus {name_of(self.front)}": [pair["mean"]],
            "It is": self._verdict(name, self.front),
            "Better": shares["better"],
            "As good": shares["equivalent"],
            "Worse": shares["worse"],
        }
        return beside[column]

    def _pairs(self, _: str, row: str, column: str) -> Cell:
        order = sorted(self.tree["sureness"]["models"], key=lambda name: -self._mean(name))
        one, other = self.architectures[row.partition(" ")[2]], order[int(column) - 1]
        return "" if one == other else _MARKS[self._verdict(one, other)]

    def _mean(self, name: str) -> float:
        mean: float = self.tree["protocols"]["loso"]["ranking"][name]["macro_f1"]["mean"]
        return mean

    def _mistakes(self, row: str) -> Any:
        return self.tree["mistakes"]["models"][self.architectures.get(row, row)]

    def _activities(self, _: str, row: str, column: str) -> Cell:
        if row == "Windows":
            every = self.tree["mistakes"]["models"].values()
            return [max(sum(own["confusion"][int(column) - 1]) // own["num_seeds"] for own in every)]
        return [self._mistakes(row)["f1"][int(column) - 1]]

    def _confidence(self, _: str, row: str, column: str) -> Cell:
        own = self._mistakes(row)
        if share := re.fullmatch(r"(\d+) %|Accuracy, all", column):
            return [own["confidence"]["accuracy_by_coverage"][f"{int(share[1] or 100) / 100:g}"]]
        kind, _, scaled = column.partition(", ")
        trust = own["confidence_scaled" if scaled else "confidence"]
        return [trust[{"ECE": "calibration_error", "Brier": "brier"}[kind]] if trust else None]

    def _separation(self, _: str, row: str, column: str) -> Cell:
        own = self._mistakes(row)
        precision = [near.value for near in own["average_precision"]]
        within = max(near.within for near in own["average_precision"])
        lowest = min(precision)
        told: dict[str, Cell] = {
            "ROC area, mean": [_mean_near(own["roc_auc"])],
            "Average precision, mean": [_mean_near(own["average_precision"])],
            "Lowest": [Near(lowest, within)],
            "Its activity": SPEC.activities[precision.index(lowest)],
        }
        return told[column]

    def _confusion(self, name: str, row: str, column: str) -> Cell:
        count = self._mistakes(name)["confusion"][int(row.rpartition(" ")[2]) - 1][int(column) - 1]
        return [count] if count or row.endswith(f" {column}") else ""

    def _people(self, name: str, row: str, column: str) -> Cell:
        assert int(row) in SUBJECTS
        return [self._mistakes(name)["f1_by_subject"][row][int(column) - 1]]

    def _ranking(self, role: str, row: str, column: str) -> Cell:
        name = self.architectures[row]
        if not column:
            return [self.tree["ranking"][role][name]["rank"]]
        return [self.tree["entries"][name]["result"]["scores"][role][_SCORES[column]]]

    def _cost(self, _: str, row: str, column: str) -> Cell:
        assert column == "Macro-F1"
        name = self.architectures[row]
        return [self._mean(name) if self.tree["protocols"]["loso"]["ranking"][name]["rank"] else None]


def _mean_near(values: list[Near]) -> Near:
    return Near(sum(own.value for own in values) / len(values), max(own.within for own in values))


def says(cell: str, expected: Cell) -> bool:
    """Whether a cell prints these numbers, as far as its digits go, or this text."""
    if isinstance(expected, str):
        return cell == expected
    if expected == [None]:
        return cell == "–"
    told = re.findall(r"[+−]?\d[\d,]*(?:\.\d+)?", cell)
    return len(told) == len(expected) and all(map(_is_near, told, expected))


def _is_near(told: str, expected: float | Near) -> bool:
    value, within = expected if isinstance(expected, Near) else (expected, 0.0)
    digits = len(told.partition(".")[2])
    printed = float(told.replace(",", "").replace("−", "-"))
    return bool(abs(printed - value) <= 0.5 * 10**-digits + within + 1e-9)
