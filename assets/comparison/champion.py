"""``champion``: moves the registry's ``champion`` aliases, and nothing else does. The gate itself is in the core."""

import hashlib
from collections.abc import Sequence
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
from assets.machinery.lineage import REGISTERED_MODEL, REGISTERED_VERSION, latest, made_from, upstream_versions
from assets.machinery.materialisation import MADE_FROM, Made, Work, make_asset
from assets.resources.home import Home
from assets.resources.store import CHAMPION_ALIAS, COPIED_FROM_TAG, OVERALL, RegisteredVersion
from assets.resources.tracking import Tracking
from har_core.base.errors import HarError
from har_core.base.text import as_markdown
from har_core.datasets.origin import Origin
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from har_core.evaluation.gate import Decision, GateEntry

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
        deps=[COMPARISON_REPORT, WINDOWS, SPLITS, *map(model_key, experiment.models.architectures)],
        tags=PARTIAL_INPUTS,
    )


def _choose(above: Sequence[dg.AssetsDefinition], work: Work) -> Made:
    """What fails here has moved no alias."""
    tracking = work.run.tracking
    for name, version in upstream_versions(work.context).items():
        work.run.log_input(name, version, work.home.root)
    refuse_failed_checks(work.context.instance, above)
    gate = _Gate(tracking, *read_validation_windows(work.home, work.experiment))
    candidates = _candidates(work)
    moves = {
        name: entry if entry.name == name else tracking.copy(entry, name)
        for name, entry in gate.choose(candidates).items()
    }
    names = [OVERALL, *(candidate.name for candidate in candidates)]
    holders = {name: moves.get(name) or tracking.by_alias(name, CHAMPION_ALIAS) for name in names}
    holder = holders[OVERALL]
    if holder is None:
        raise HarError(f"No model may be champion: {'; '.join(gate.reasons.values())}")
    source = holder.tags.get(COPIED_FROM_TAG, f"{holder.name}/{holder.version}")
    work.run.log_json("decisions.json", gate.reasons)
    return Made(
        version=_identity(holders),
        origin=_origin(holder),
        metadata={
            "champion": f"{OVERALL}/{holder.version} ({source})",
            "num_moved": len(moves),
            "decisions": dg.MetadataValue.md(
                "\n".join(f"- **{n}**: {as_markdown(r)}" for n, r in gate.reasons.items())
            ),
        },
        last=lambda: tracking.move_alias(CHAMPION_ALIAS, {name: entry.version for name, entry in moves.items()}),
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
    windows: "npt.NDArray[np.float32]"
    """(N, T, C) in sensor units."""
    labels: "npt.NDArray[np.int64]"
    """(N,) class ids."""
    reasons: dict[str, str] = field(default_factory=dict)
    """What was decided of each registered model, in words."""
    _scores: dict[str, float | None] = field(default_factory=dict)

    def choose(self, candidates: list[RegisteredVersion]) -> dict[str, RegisteredVersion]:
        """The new holder of the alias of each registered model that gets one."""
        chosen = {}
        for candidate in candidates:
            incumbent = self.tracking.by_alias(candidate.name, CHAMPION_ALIAS)
            if self._decide(candidate.name, candidate, incumbent).promote:
                chosen[candidate.name] = candidate
        incumbent = holder = self.tracking.by_alias(OVERALL, CHAMPION_ALIAS)
        for name in [candidate.name for candidate in candidates]:
            best = chosen.get(name) or self.tracking.by_alias(name, CHAMPION_ALIAS)
            if best is not None and self._decide(OVERALL, best, holder).promote:
                holder = best
        if holder is not None and holder is not incumbent:
            chosen[OVERALL] = holder
        return chosen

    def _decide(self, name: str, candidate: RegisteredVersion, incumbent: RegisteredVersion | None) -> "Decision":
        from har_core.evaluation.gate import decide

        decision = decide(self._entry(candidate), None if incumbent is None else self._entry(incumbent))
        self.reasons[name] = f"{self.reasons[name]}; {decision.reason}" if name in self.reasons else decision.reason
        return decision

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

        from assets.resources.model_files import read_model_files
        from har_core.evaluation.scores import score
        from har_core.inference.classifier import predict_probabilities
        from har_core.inference.graph import load_graph

        uri = f"models:/{version.name}/{version.version}"
        files = read_model_files(self.tracking.folder_of(uri), uri)
        if files.window_length != self.windows.shape[1]:
            return None
        return score(
            self.labels, predict_probabilities(load_graph(files.graph), torch.from_numpy(self.windows))
        ).macro_f1


def _origin(version: RegisteredVersion) -> Origin:
    return "real" if version.origin == "real" else "synthetic"


def _candidates(work: Work) -> list[RegisteredVersion]:
    """The version that each model's latest materialisation registered."""
    models = [latest(work.context.instance, model_key(name)) for name in work.experiment.models.architectures]
    found = [entry.metadata for entry in models if entry is not None]
    if not found:
        raise HarError("There is no model to choose from: none was trained yet")
    return [work.run.tracking.get(made[REGISTERED_MODEL], int(made[REGISTERED_VERSION])) for made in found]


def _identity(holders: dict[str, RegisteredVersion | None]) -> str:
    """Who holds which alias, by weights rather than by version number."""
    parts = sorted((name, entry.tags.get("har.data_version", "")) for name, entry in holders.items() if entry)
    return hashlib.sha256(repr(parts).encode()).hexdigest()
