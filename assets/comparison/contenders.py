"""What the gate is told of registered versions: their scores on validation windows and over folds, and their time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg

from assets.comparison.fold_scores import FoldScores, scored_specs
from assets.machinery.keys import model_key
from assets.machinery.lineage import latest_if_current, made_from
from assets.resources.home import Home
from assets.resources.store import COPIED_FROM_TAG, RecordedRun, RegisteredVersion
from assets.resources.tracking import Tracking
from har_core.base.errors import HarError
from har_core.datasets.origin import Origin
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from har_core.evaluation.gate import GateEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationWindows:
    """Those of the current split, without the copies and overlaps of test windows."""

    windows: "npt.NDArray[np.float32]"
    """(N, T, C) in sensor units, as registered models normalise for themselves."""
    labels: "npt.NDArray[np.int64]"
    """(N,) class ids."""
    subjects: "npt.NDArray[np.int16]"
    """(N,)"""


def read_validation_windows(home: Home, experiment: Experiment) -> ValidationWindows:
    """The current validation windows.

    Raises:
        HarError: ``windows`` lacks some of them.
    """
    from har_core.windows.store import SampleStore
    from har_core.windows.tensors import read_keys, read_tensors, rows_of

    store = SampleStore(home.scratch, max_mib=experiment.runtime.samples_in_memory_mib)
    tensors = read_tensors(home.windows, store)
    chosen = rows_of(read_keys(home.splits(experiment.splits.protocol) / "validation.parquet"), tensors.keys)
    if chosen is None:
        raise HarError("champion needs splits that were cut from the current windows; materialise splits first")
    return ValidationWindows(
        windows=tensors.windows.numpy()[chosen],
        labels=tensors.labels.numpy()[chosen],
        subjects=tensors.keys["subject"].to_numpy()[chosen],
    )


def made_today(instance: dg.DagsterInstance, models: Sequence[dg.AssetsDefinition]) -> dict[str, str]:
    """By model: what a materialisation would be made from now, as far as what it is made from is up to date itself."""
    specs = scored_specs(models)
    found = {}
    for key, spec in specs.items():
        members = [dep.asset_key for dep in spec.deps if dep.asset_key in specs]
        if key == model_key(key.path[-1]) and all(latest_if_current(instance, own, specs) for own in members):
            found[key.path[-1]] = made_from(instance, spec)
    return found


def kind_of(version: RegisteredVersion) -> str:
    """The architecture or ensemble of a version; of one of ``har``, that of the version it is a copy of.

    What MLflow's "promote" copies has no tag of ours, but names the version in place of the logged model.
    """
    source = version.model_id if "/" in version.model_id else version.name
    return version.tags.get(COPIED_FROM_TAG, source).partition("/")[0].removeprefix("har-")


def origin_of(version: RegisteredVersion) -> Origin:
    """Of the recordings it was trained on."""
    return "real" if version.origin == "real" else "synthetic"


@dataclass(slots=True)
class Contenders:
    """Scores each registered version once."""

    tracking: Tracking
    validation: ValidationWindows
    folds: FoldScores
    today: Mapping[str, str]
    """By model, see :func:`made_today`: folds speak for the versions that were made from that."""
    _entries: "dict[tuple[str, int], GateEntry]" = field(default_factory=dict)
    _scores: dict[str, dict[int, float] | None] = field(default_factory=dict)

    def entry(self, version: RegisteredVersion) -> "GateEntry":
        """What the gate is told.

        Raises:
            HarError: the model cannot be used.
        """
        key = version.name, version.version
        if key not in self._entries:
            self._entries[key] = self._make_entry(version)
        return self._entries[key]

    def _make_entry(self, version: RegisteredVersion) -> "GateEntry":
        from har_core.evaluation.gate import GateEntry

        if version.model_id not in self._scores:
            self._scores[version.model_id] = self._score(version)
        kind, run = kind_of(version), self.tracking.read_run(version.run_id)
        is_of_today = run is not None and kind in self.today and self.today[kind] == _made_from(run)
        return GateEntry(
            name=f"{version.name} version {version.version}",
            kind=kind,
            origin=origin_of(version),
            split="" if run is None else self._split(run),
            recipe="" if run is None else _made_from(run),
            on_windows=self._scores[version.model_id],
            over_folds=(self.folds.by_model if is_of_today else self.folds.remembered).get(
                kind if is_of_today else version.model_id, {}
            ),
            milliseconds=None if run is None else _milliseconds(run.metrics),
        )

    def _split(self, run: RecordedRun) -> str:
        """Version of the split that a model was trained on; of an ensemble, that of its members."""
        members = {(name.replace("models/", "har-"), version) for name, version in run.upstream.items()}
        entries = [
            entry for entry in self.tracking.registered() if (entry.name, entry.tags.get("har.data_version")) in members
        ]
        runs = [run, *(self.tracking.read_run(entry.run_id) for entry in entries)]
        return " ".join(
            sorted({own.upstream["splits"] for own in runs if own is not None and "splits" in own.upstream})
        )

    def _score(self, version: RegisteredVersion) -> dict[int, float] | None:
        """Macro-F1 of each subject on the validation windows, as `har predict` answers; None where it takes others."""
        import torch

        from assets.resources.model_files import find_model
        from har_core.evaluation.scores import score
        from har_core.inference.classifier import predict_probabilities
        from har_core.inference.graph import load_graph

        files = find_model(self.tracking, f"models:/{version.name}/{version.version}")
        if files.window_length != self.validation.windows.shape[1]:
            return None
        found = self.validation
        if not len(found.labels):
            return {}
        probabilities = predict_probabilities(load_graph(files.graph), torch.from_numpy(found.windows))
        scores = {}
        for subject in sorted(set(found.subjects.tolist())):
            own = found.subjects == subject
            labels = found.labels[own]
            scores[subject] = score(labels, probabilities[own], activities=set(labels.tolist())).macro_f1
        return scores


def _made_from(run: RecordedRun) -> str:
    """As :func:`~assets.machinery.lineage.made_from`."""
    return json.dumps([run.tags.get("har.code_version", ""), run.upstream], sort_keys=True)


def _milliseconds(metrics: Mapping[str, float]) -> float | None:
    """The median latency of one window, by the name that it has or that it had in earlier runs."""
    return metrics.get("window_latency_ms", metrics.get("batch1_latency_ms"))
