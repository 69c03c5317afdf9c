"""``champion``: moves the registry's ``champion`` aliases, and nothing else does. The gate itself is in the core."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg

from assets.comparison.contenders import (
    Contenders,
    kind_of,
    made_today,
    origin_of,
    read_validation_windows,
)
from assets.comparison.fold_scores import scores_over_folds
from assets.machinery.code_versions import ingredients
from assets.machinery.keys import (
    CHAMPION,
    COMPARISON_GROUP,
    MODELS_GROUP,
    PARTIAL_INPUTS,
    SPLITS,
    WINDOWS,
    fold_key,
    model_key,
)
from assets.machinery.lineage import (
    CHOSEN,
    HOLDERS,
    KEEPS_SCORE,
    OVER_FOLDS,
    REGISTERED_MODEL,
    REGISTERED_VERSION,
    latest,
    made_from,
    upstream_versions,
)
from assets.machinery.materialisation import MADE_FROM, Made, Work, make_asset
from assets.models.cards import write_card_again
from assets.resources.model_files import files_of_model
from assets.resources.store import CHAMPION_ALIAS, COPIED_FROM_TAG, OVERALL, RegisteredVersion
from assets.resources.tracking import Tracking
from har_core.base.errors import HarError
from har_core.base.text import as_markdown
from har_core.settings.champion import ChampionSettings
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    from har_core.evaluation.gate import Decision

_ROOTS = [
    "har_core.evaluation.gate",
    "har_core.evaluation.results",
    "har_core.inference.classifier",
    "har_core.inference.graph",
    "har_core.windows.tensors",
]


NO_CHAMPION = "no champion is chosen where nobody validates, in the split or in folds, and never by test scores"


def build_champion(
    experiment: Experiment, above: Sequence[dg.AssetsDefinition], folds: Sequence[dg.AssetsDefinition]
) -> dg.AssetsDefinition:
    """The asset; no check of the assets ``above`` it may have failed. Validation subjects of ``folds`` judge too."""
    return make_asset(
        CHAMPION,
        partial(_choose, above, folds),
        experiment,
        ingredients(
            _ROOTS,
            {**experiment.splits.model_dump(mode="json"), "champion": experiment.champion.model_dump(mode="json")},
            section="splits",
            names={"champion": "champion"},
        ),
        group_name=COMPARISON_GROUP,
        kinds={"mlflow"},
        description="The aliases `champion` of `har` and of each `har-<architecture>`, moved where a newer model is "
        "surely better by its validation scores, paired by subject, or as good and cheaper; a model of synthetic "
        "recordings never replaces one of real ones. Where nobody validates none moves.",
        deps=[
            WINDOWS,
            SPLITS,
            *map(model_key, experiment.model_names),
            *map(fold_key, experiment.fold_names),
        ],
        tags={PARTIAL_INPUTS: MODELS_GROUP},
    )


def _choose(above: Sequence[dg.AssetsDefinition], folds: Sequence[dg.AssetsDefinition], work: Work) -> Made:
    """What fails here has moved no alias."""
    tracking, instance = work.run.tracking, work.context.instance
    for name, version in upstream_versions(work.context).items():
        work.run.log_input(name, version, work.home.root)
    refuse_failed_checks(instance, above)
    contenders = Contenders(
        tracking=tracking,
        validation=read_validation_windows(work.home, work.experiment),
        folds=scores_over_folds(instance, work.experiment, work.home, folds),
        today=made_today(instance, above),
    )
    gate = _Gate(tracking, _recorded_holders(instance), contenders, work.experiment.champion)
    candidates = _candidates(work)
    holders = gate.choose(candidates)
    judged = contenders.folds.as_metadata({entry.model_id: contenders.entry(entry) for entry in holders.values()})
    champion = holders.get(OVERALL)
    if champion is not None:
        champion = holders[OVERALL] = tracking.copy(champion, OVERALL)
    elif gate.can_compare:
        raise HarError(f"No model may be champion: {'; '.join(map(gate.told, gate.decisions))}")
    for entry in holders.values():
        write_card_again(work, entry)
    held = tracking.contents().aliases
    moves = {
        name: entry.version for name, entry in holders.items() if held.get((name, CHAMPION_ALIAS)) != entry.version
    }
    work.run.log_json("decisions.json", {name: list(map(asdict, own)) for name, own in gate.decisions.items()})
    folders = {tracking.folder_of(f"models:/{entry.model_id}") for entry in holders.values()}
    told = "\n".join(f"- **{name}**: {as_markdown(gate.told(name))}" for name in gate.decisions)
    return Made(
        version=_identity(holders),
        origin=None if champion is None else origin_of(champion),
        metadata={
            "champion": NO_CHAMPION if champion is None else _named(champion),
            "num_moved": len(moves),
            "decisions": dg.MetadataValue.md(told),
            CHOSEN: dg.MetadataValue.json({} if champion is None else _chosen(champion, gate.told(OVERALL))),
            HOLDERS: dg.MetadataValue.json({name: entry.version for name, entry in holders.items()}),
            OVER_FOLDS: dg.MetadataValue.json(judged),
        },
        logged=[path for folder in sorted(folders) for path in files_of_model(folder)],
        alias=CHAMPION_ALIAS,
        aliases=moves,
    )


def refuse_failed_checks(instance: dg.DagsterInstance, above: Sequence[dg.AssetsDefinition]) -> None:
    """Let nothing pass while the newest evaluation of a check says that it failed, as more than a warning.

    An attempt that was refused with other settings, or on other data, than there are now says nothing of what stands.

    Raises:
        HarError: naming every check that failed.
    """
    specs = {spec.key: spec for asset in above for spec in asset.specs}
    keys = [key for asset in above for key in asset.check_keys]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    failed = []
    for key, record in records.items():
        evaluation = record.evaluation if record.status.value == "FAILED" else None
        if evaluation is not None and evaluation.severity == dg.AssetCheckSeverity.ERROR:
            attempt = evaluation.metadata.get(MADE_FROM)
            if attempt is None or attempt.value == made_from(instance, specs[key.asset_key]):
                failed.append(f"{key.asset_key.to_user_string()}: {key.name}")
    if failed:
        raise HarError(
            f"No alias moves while a check has failed ({'; '.join(sorted(failed))}); it passes again once its asset "
            "is materialised with data and settings that hold"
        )


@dataclass(slots=True)
class _Gate:
    """Decides who holds an alias; moves none."""

    tracking: Tracking
    recorded: Mapping[str, int]
    """Registered model -> version that held the alias when it was last decided."""
    contenders: Contenders
    rule: ChampionSettings
    decisions: "dict[str, list[Decision]]" = field(default_factory=dict)
    """By registered model, in order."""

    @property
    def can_compare(self) -> bool:
        """Whether anybody validates, in the split or in folds; test scores choose nothing."""
        from har_core.evaluation.paired import ENOUGH_SUBJECTS

        num_subjects = max(map(len, self.contenders.folds.by_model.values()), default=0)
        return len(self.contenders.validation.labels) > 0 or num_subjects >= ENOUGH_SUBJECTS

    def choose(self, candidates: list[RegisteredVersion]) -> dict[str, RegisteredVersion]:
        """Who holds the alias of each registered model from now on; that of ``har`` may be of another model."""
        if not self.can_compare:
            return self._leave([*(candidate.name for candidate in candidates), OVERALL])
        holders = {}
        for candidate in candidates:
            holder = self._better(candidate.name, candidate, self._incumbent(candidate.name))
            if holder is not None:
                holders[candidate.name] = holder
        champion = self._incumbent(OVERALL)
        for holder in self._in_order(holders, champion):
            champion = self._better(OVERALL, holder, champion)
        return holders if champion is None else {**holders, OVERALL: champion}

    def told(self, name: str) -> str:
        """What was decided of a registered model, in words."""
        return "; ".join(decision.reason for decision in self.decisions[name])

    def _leave(self, names: list[str]) -> dict[str, RegisteredVersion]:
        """Who held the alias of each, and goes on to."""
        found = {name: self._holder(name) for name in names}
        for name, holder in found.items():
            stays = "" if holder is None else f"{holder.name} version {holder.version} stays: "
            self._tell(name, f"{stays}{NO_CHAMPION}")
        return {name: holder for name, holder in found.items() if holder is not None}

    def _holder(self, name: str) -> RegisteredVersion | None:
        """Who holds the alias, or held it before it was lost."""
        own = {entry.version: entry for entry in self.tracking.registered() if entry.name == name}
        named = next((entry for entry in own.values() if CHAMPION_ALIAS in entry.aliases), None)
        return named or own.get(self.recorded.get(name, 0))

    def _incumbent(self, name: str) -> RegisteredVersion | None:
        """The holder; None where its model cannot be used any more."""
        holder = self._holder(name)
        if holder is None:
            return None
        if holder.version != self.recorded.get(name, holder.version):
            self._tell(name, f"{holder.name} version {holder.version} was put there past the gate")
        try:
            self.contenders.entry(holder)
        except HarError as error:
            self._tell(name, f"{holder.name} version {holder.version} yields: {error}")
            return None
        return holder

    def _in_order(
        self, holders: Mapping[str, RegisteredVersion], champion: RegisteredVersion | None
    ) -> list[RegisteredVersion]:
        """First the champion's own kind, then the best first: the order in which models are named decides nothing."""
        from har_core.evaluation.gate import standings

        kind = None if champion is None else kind_of(champion)
        standing = standings({name: self.contenders.entry(holder) for name, holder in holders.items()})
        return sorted(holders.values(), key=lambda entry: (kind_of(entry) != kind, -standing[entry.name]))

    def _better(
        self, name: str, candidate: RegisteredVersion, incumbent: RegisteredVersion | None
    ) -> RegisteredVersion | None:
        from har_core.evaluation.gate import decide

        entries = self.contenders.entry(candidate), None if incumbent is None else self.contenders.entry(incumbent)
        decision = decide(*entries, self.rule)
        self.decisions.setdefault(name, []).append(decision)
        return candidate if decision.promote else incumbent

    def _tell(self, name: str, reason: str) -> None:
        from har_core.evaluation.gate import Decision

        self.decisions.setdefault(name, []).append(Decision(promote=False, reason=reason))


def _chosen(champion: RegisteredVersion, reason: str) -> dict[str, str]:
    return {"version": str(champion.version), "copied_from": champion.tags[COPIED_FROM_TAG], "reason": reason}


def _named(champion: RegisteredVersion) -> str:
    source = champion.tags.get(COPIED_FROM_TAG, f"{champion.name}/{champion.version}")
    return f"{OVERALL}/{champion.version} ({source})"


def _recorded_holders(instance: dg.DagsterInstance) -> dict[str, int]:
    made = latest(instance, CHAMPION)
    return dict(made.metadata.get(HOLDERS) or {}) if made is not None else {}


def _candidates(work: Work) -> list[RegisteredVersion]:
    """The version that each model's latest materialisation registered, where it is there.

    An ensemble that was fitted on the validation windows is no candidate: they cannot judge it. Nor is a model that
    lost too much of what its parent could.
    """
    ensembles = work.experiment.ensembles
    names = [name for name in work.experiment.model_names if name not in ensembles or not ensembles[name].is_fitted]
    models = [latest(work.context.instance, model_key(name)) for name in names]
    named = [entry.metadata for entry in models if entry is not None and REGISTERED_VERSION in entry.metadata]
    named = [metadata for metadata in named if metadata.get(KEEPS_SCORE, True)]
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
