"""``champion``: moves the registry's ``champion`` aliases, and nothing else does. The gate itself is in the core."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg

from assets.machinery.code_versions import ingredients
from assets.machinery.keys import (
    CHAMPION,
    COMPARISON_GROUP,
    COMPARISON_REPORT,
    PARTIAL_INPUTS,
    SPLITS,
    WINDOWS,
    model_key,
)
from assets.machinery.lineage import (
    HOLDERS,
    REGISTERED_MODEL,
    REGISTERED_VERSION,
    latest,
    made_from,
    upstream_versions,
)
from assets.machinery.materialisation import MADE_FROM, Made, Work, make_asset
from assets.resources.home import Home
from assets.resources.model_files import files_of_model
from assets.resources.store import CHAMPION_ALIAS, COPIED_FROM_TAG, OVERALL, RegisteredVersion
from assets.resources.tracking import Tracking
from har_core.base.errors import HarError
from har_core.base.text import as_markdown
from har_core.datasets.origin import Origin
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from har_core.evaluation.gate import GateEntry

_ROOTS = [
    "har_core.evaluation.gate",
    "har_core.evaluation.scores",
    "har_core.inference.classifier",
    "har_core.inference.graph",
    "har_core.windows.tensors",
]


def build_champion(experiment: Experiment, above: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """The asset; no check of the assets ``above`` it may have failed."""
    return make_asset(
        CHAMPION,
        partial(_choose, above),
        experiment,
        ingredients(_ROOTS, experiment.splits.model_dump(mode="json"), section="splits"),
        group_name=COMPARISON_GROUP,
        kinds={"mlflow"},
        description="The aliases `champion` of `har` and of each `har-<architecture>`, moved where a newer model is "
        "better on the current validation windows; a model of synthetic recordings never replaces one of real ones.",
        deps=[COMPARISON_REPORT, WINDOWS, SPLITS, *map(model_key, experiment.model_names)],
        tags=PARTIAL_INPUTS,
    )


def _choose(above: Sequence[dg.AssetsDefinition], work: Work) -> Made:
    """What fails here has moved no alias."""
    tracking = work.run.tracking
    for name, version in upstream_versions(work.context).items():
        work.run.log_input(name, version, work.home.root)
    refuse_failed_checks(work.context.instance, above)
    gate = _Gate(
        tracking, _recorded_holders(work.context.instance), *read_validation_windows(work.home, work.experiment)
    )
    candidates = _candidates(work)
    holders = gate.choose(candidates)
    if OVERALL not in holders:
        raise HarError(f"No model may be champion: {'; '.join(gate.reasons.values())}")
    champion = holders[OVERALL] = tracking.copy(holders[OVERALL], OVERALL)
    held = tracking.contents().aliases
    moves = {
        name: entry.version for name, entry in holders.items() if held.get((name, CHAMPION_ALIAS)) != entry.version
    }
    source = champion.tags.get(COPIED_FROM_TAG, f"{champion.name}/{champion.version}")
    work.run.log_json("decisions.json", gate.reasons)
    folders = {tracking.folder_of(f"models:/{entry.model_id}") for entry in holders.values()}
    return Made(
        version=_identity(holders),
        origin=_origin(champion),
        metadata={
            "champion": f"{OVERALL}/{champion.version} ({source})",
            "num_moved": len(moves),
            "decisions": dg.MetadataValue.md(
                "\n".join(f"- **{n}**: {as_markdown(r)}" for n, r in gate.reasons.items())
            ),
            HOLDERS: dg.MetadataValue.json({name: entry.version for name, entry in holders.items()}),
        },
        logged=[path for folder in sorted(folders) for path in files_of_model(folder)],
        alias=CHAMPION_ALIAS,
        aliases=moves,
    )


def refuse_failed_checks(instance: dg.DagsterInstance, above: Sequence[dg.AssetsDefinition]) -> None:
    """Let nothing pass while the newest evaluation of a check says that it failed.

    An attempt that was refused with other settings, or on other data, than there are now says nothing of what stands.

    Raises:
        HarError: naming every check that failed.
    """
    specs = {spec.key: spec for asset in above for spec in asset.specs}
    keys = [key for asset in above for key in asset.check_keys]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    failed = []
    for key, record in records.items():
        if record.status.value == "FAILED":
            attempt = record.evaluation.metadata.get(MADE_FROM) if record.evaluation else None
            if attempt is None or attempt.value == made_from(instance, specs[key.asset_key]):
                failed.append(f"{key.asset_key.to_user_string()}: {key.name}")
    if failed:
        raise HarError(
            f"No alias moves while a check has failed ({'; '.join(sorted(failed))}); it passes again once its asset "
            "is materialised with data and settings that hold"
        )


def read_validation_windows(
    home: Home, experiment: Experiment
) -> "tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]":
    """The current validation windows, raw (N, T, C), as registered models normalise for themselves; class ids (N,).

    They are those that validate in ``splits``: without the copies and overlaps of test windows.

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
    return tensors.windows.numpy()[chosen], tensors.labels.numpy()[chosen]


@dataclass(slots=True)
class _Gate:
    """Scores each registered version once, and decides who holds an alias; moves none."""

    tracking: Tracking
    recorded: Mapping[str, int]
    """Registered model -> version that held the alias when it was last decided."""
    windows: "npt.NDArray[np.float32]"
    """(N, T, C) in sensor units."""
    labels: "npt.NDArray[np.int64]"
    """(N,) class ids."""
    reasons: dict[str, str] = field(default_factory=dict)
    """What was decided of each registered model, in words."""
    _scores: dict[str, float | None] = field(default_factory=dict)

    def choose(self, candidates: list[RegisteredVersion]) -> dict[str, RegisteredVersion]:
        """Who holds the alias of each registered model from now on; that of ``har`` may be of another model."""
        holders = {}
        for candidate in candidates:
            holder = self._better(candidate.name, candidate, self._incumbent(candidate.name))
            if holder is not None:
                holders[candidate.name] = holder
        champion = self._incumbent(OVERALL)
        for holder in list(holders.values()):
            champion = self._better(OVERALL, holder, champion)
        return holders if champion is None else {**holders, OVERALL: champion}

    def _incumbent(self, name: str) -> RegisteredVersion | None:
        """Who holds the alias, or held it before it was lost; None where its model cannot be used any more."""
        own = {entry.version: entry for entry in self.tracking.registered() if entry.name == name}
        named = next((entry for entry in own.values() if CHAMPION_ALIAS in entry.aliases), None)
        holder = named or own.get(self.recorded.get(name, 0))
        if holder is None:
            return None
        try:
            self._entry(holder)
        except HarError as error:
            self._tell(name, f"{holder.name} version {holder.version} yields: {error}")
            return None
        return holder

    def _better(
        self, name: str, candidate: RegisteredVersion, incumbent: RegisteredVersion | None
    ) -> RegisteredVersion | None:
        from har_core.evaluation.gate import decide

        decision = decide(self._entry(candidate), None if incumbent is None else self._entry(incumbent))
        self._tell(name, decision.reason)
        return candidate if decision.promote else incumbent

    def _tell(self, name: str, reason: str) -> None:
        self.reasons[name] = f"{self.reasons[name]}; {reason}" if name in self.reasons else reason

    def _entry(self, version: RegisteredVersion) -> "GateEntry":
        from har_core.evaluation.gate import GateEntry

        if version.model_id not in self._scores:
            self._scores[version.model_id] = self._score(version)
        return GateEntry(
            name=f"{version.name} version {version.version}",
            origin=_origin(version),
            validation_macro_f1=self._scores[version.model_id],
        )

    def _score(self, version: RegisteredVersion) -> float | None:
        """Macro-F1 on the validation windows, as `har predict` answers; None where the model takes others."""
        import torch

        from assets.resources.model_files import find_model
        from har_core.evaluation.scores import score
        from har_core.inference.classifier import predict_probabilities
        from har_core.inference.graph import load_graph

        files = find_model(self.tracking, f"models:/{version.name}/{version.version}")
        if files.window_length != self.windows.shape[1]:
            return None
        return score(
            self.labels, predict_probabilities(load_graph(files.graph), torch.from_numpy(self.windows))
        ).macro_f1


def _origin(version: RegisteredVersion) -> Origin:
    return "real" if version.origin == "real" else "synthetic"


def _recorded_holders(instance: dg.DagsterInstance) -> dict[str, int]:
    made = latest(instance, CHAMPION)
    return dict(made.metadata.get(HOLDERS) or {}) if made is not None else {}


def _candidates(work: Work) -> list[RegisteredVersion]:
    """The version that each model's latest materialisation registered, where it is there.

    An ensemble that was fitted on the validation windows is no candidate: they cannot judge it.
    """
    ensembles = work.experiment.ensembles
    names = [name for name in work.experiment.model_names if name not in ensembles or not ensembles[name].is_fitted]
    models = [latest(work.context.instance, model_key(name)) for name in names]
    named = [entry.metadata for entry in models if entry is not None and REGISTERED_VERSION in entry.metadata]
    registered = {(entry.name, entry.version): entry for entry in work.run.tracking.registered()}
    keys = [(made[REGISTERED_MODEL], int(made[REGISTERED_VERSION])) for made in named]
    found = [registered[key] for key in keys if key in registered]
    if not found:
        raise HarError("There is no model to choose from: none is trained and registered")
    return found


def _identity(holders: Mapping[str, RegisteredVersion]) -> str:
    """Who holds which alias, by weights rather than by version number."""
    parts = sorted((name, entry.tags.get("har.data_version", "")) for name, entry in holders.items())
    return hashlib.sha256(repr(parts).encode()).hexdigest()
