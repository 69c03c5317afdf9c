"""``champion``: moves the registry's ``champion`` aliases, and nothing else does. The gate itself is in the core."""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import dagster as dg
import numpy as np
import numpy.typing as npt

from assets.code_versions import code_version
from assets.lineage import latest, upstream_versions
from assets.models import REGISTERED_MODEL, REGISTERED_VERSION
from assets.publication import publish
from assets.resources.home import Home, HomeResource
from assets.resources.registry import CHAMPION as CHAMPION_ALIAS
from assets.resources.registry import COPIED_FROM_TAG, OVERALL, RegisteredVersion, Registry
from assets.resources.tracking import TrackingResource
from assets.vocabulary import CHAMPION, COMPARISON_GROUP, COMPARISON_REPORT, OWNERS, PARTIAL_INPUTS, model_key
from har_core.errors import HarError
from har_core.evaluation.gate import Decision, GateEntry, decide
from har_core.evaluation.scores import score
from har_core.settings.experiment import Experiment
from har_core.windows.tensors import read_tensors

_BATCH_SIZE = 256


def build_champion(experiment: Experiment, check_keys: Iterable[dg.AssetCheckKey]) -> dg.AssetsDefinition:
    """The asset; ``check_keys`` are the checks of everything above it, none of which may have failed."""
    checks = list(check_keys)
    models = [model_key(architecture) for architecture in experiment.models.architectures]

    @dg.asset(
        key=CHAMPION,
        deps=[COMPARISON_REPORT, *models],
        group_name=COMPARISON_GROUP,
        kinds={"mlflow"},
        owners=OWNERS,
        tags=PARTIAL_INPUTS,
        description="The aliases `champion` of `har` and of each `har-<architecture>`, moved where a newer model is "
        "better on the current validation windows; a model of synthetic recordings never replaces one of real ones.",
        code_version=code_version(
            ["har_core.evaluation.gate", "har_core.evaluation.scores"], experiment.splits.model_dump(mode="json")
        ),
    )
    def champion(
        context: dg.AssetExecutionContext, home: HomeResource, tracking: TrackingResource
    ) -> dg.MaterializeResult:
        with tracking.tracking().materialisation(context, experiment) as run:
            for name, version in upstream_versions(context).items():
                run.log_input(name, version, home.home().root)
            refuse_failed_checks(context.instance, checks)
            registry = Registry(run.tracking)
            gate = _Gate(registry, ValidationWindows.read(home.home(), experiment))
            chosen = gate.choose(_candidates(context.instance, registry, models))
            for name, entry in chosen.items():
                version = entry if entry.name == name else registry.copy(entry, name)
                registry.set_alias(name, CHAMPION_ALIAS, version.version)
            holders = {name: registry.by_alias(name, CHAMPION_ALIAS) for name in [OVERALL, *gate.names]}
            run.log_json("decisions.json", gate.reasons)
            return publish(
                run,
                data_version=_identity(holders),
                origin=holders[OVERALL].origin,
                outputs=[],
                metadata={
                    "champion": f"{OVERALL}/{holders[OVERALL].version} ({gate.source_of(holders[OVERALL])})",
                    "num_moved": len(chosen),
                    "decisions": dg.MetadataValue.md("\n".join(f"- **{n}**: {r}" for n, r in gate.reasons.items())),
                },
            )

    return champion


def refuse_failed_checks(instance: dg.DagsterInstance, check_keys: list[dg.AssetCheckKey]) -> None:
    """Let nothing pass while the newest evaluation of a check says that it failed.

    Raises:
        HarError: naming every check that failed.
    """
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(check_keys)
    failed = [
        f"{key.asset_key.to_user_string()}: {key.name}"
        for key, record in records.items()
        if record.status.value == "FAILED"
    ]
    if failed:
        raise HarError(f"No alias moves while a check has failed ({'; '.join(sorted(failed))})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationWindows:
    """The current validation windows, raw: registered models normalise for themselves."""

    windows: npt.NDArray[np.float32]
    """(N, T, C) in sensor units."""
    labels: npt.NDArray[np.int64]
    """(N,) class ids."""

    @classmethod
    def read(cls, home: Home, experiment: Experiment) -> "ValidationWindows":
        """Those of the validation subjects."""
        tensors = read_tensors(home.windows)
        chosen = np.isin(tensors.keys["subject"].to_numpy(), experiment.splits.validation_subjects)
        return cls(windows=tensors.windows.numpy()[chosen], labels=tensors.labels.numpy()[chosen])


@dataclass(slots=True)
class _Gate:
    """Scores each registered version once, and decides who holds an alias; moves none."""

    registry: Registry
    validation: ValidationWindows
    reasons: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    _scores: dict[str, float] = field(default_factory=dict)

    def choose(self, candidates: list[RegisteredVersion]) -> dict[str, RegisteredVersion]:
        """The new holder of the alias of each registered model that gets one."""
        chosen = {}
        for candidate in candidates:
            self.names.append(candidate.name)
            incumbent = self.registry.by_alias(candidate.name, CHAMPION_ALIAS)
            if self._decide(candidate.name, candidate, incumbent).promote:
                chosen[candidate.name] = candidate
        incumbent = holder = self.registry.by_alias(OVERALL, CHAMPION_ALIAS)
        for name in self.names:
            best = chosen.get(name) or self.registry.by_alias(name, CHAMPION_ALIAS)
            if best is not None and self._decide(OVERALL, best, holder).promote:
                holder = best
        if holder is not None and holder is not incumbent:
            chosen[OVERALL] = holder
        return chosen

    def source_of(self, entry: RegisteredVersion) -> str:
        """The version of an architecture that ``entry`` is a copy of."""
        return entry.tags.get(COPIED_FROM_TAG, f"{entry.name}/{entry.version}")

    def _decide(self, name: str, candidate: RegisteredVersion, incumbent: RegisteredVersion | None) -> Decision:
        decision = decide(self._entry(candidate), None if incumbent is None else self._entry(incumbent))
        self.reasons[name] = f"{self.reasons[name]}; {decision.reason}" if name in self.reasons else decision.reason
        return decision

    def _entry(self, version: RegisteredVersion) -> GateEntry:
        if version.model_id not in self._scores:
            self._scores[version.model_id] = self._score(version)
        return GateEntry(
            name=f"{version.name} version {version.version}",
            origin=version.origin,
            validation_macro_f1=self._scores[version.model_id],
        )

    def _score(self, version: RegisteredVersion) -> float:
        """Macro-F1 on the validation windows; NaN, which the gate explains, where the model takes longer or shorter."""
        model = self.registry.load(f"models:/{version.name}/{version.version}")
        windows = self.validation.windows
        if model.metadata.metadata["window_length"] != windows.shape[1]:
            return math.nan
        batches = [model.predict(windows[start : start + _BATCH_SIZE]) for start in range(0, len(windows), _BATCH_SIZE)]
        return score(self.validation.labels, np.concatenate(batches)).macro_f1


def _candidates(instance: dg.DagsterInstance, registry: Registry, models: list[dg.AssetKey]) -> list[RegisteredVersion]:
    """The version that each model's latest materialisation registered."""
    found = [entry for entry in (latest(instance, key) for key in models) if entry is not None]
    if not found:
        raise HarError("There is no model to choose from: none was trained yet")
    return [registry.get(entry.metadata[REGISTERED_MODEL], int(entry.metadata[REGISTERED_VERSION])) for entry in found]


def _identity(holders: dict[str, RegisteredVersion | None]) -> str:
    """Who holds which alias, by weights rather than by version number."""
    parts = sorted((name, entry.tags.get("har.data_version", "")) for name, entry in holders.items() if entry)
    return hashlib.sha256(repr(parts).encode()).hexdigest()
