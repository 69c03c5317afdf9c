"""From a registered model back to the exact data: the links of the chain, each looked at again as far as possible.

Nothing is written and nothing printed; what a link is, is in :mod:`pipelines.links`, how files and records are compared
in :mod:`pipelines.evidence`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagster import AssetKey, AssetSpec, DagsterInstance

from assets.machinery.code_versions import INGREDIENTS
from assets.machinery.commits import git_commit, has_commit
from assets.machinery.keys import RAW_RECORDINGS, SOURCE_FILES, model_key
from assets.machinery.lineage import REGISTERED_MODEL, REGISTERED_VERSION, RUN_ID, Remembered, history
from assets.resources.addresses import model_url
from assets.resources.home import Home
from assets.resources.model_files import altered_files, read_model_files
from assets.resources.store import (
    ASSET_TAG,
    COPIED_FROM_TAG,
    EXPERIMENT_FILE,
    EXPERIMENT_HASH_TAG,
    FILES_TAG,
    MODEL_FILE,
    PARENT_TAG,
    RUN_TAG,
    RecordedRun,
    RegisteredVersion,
    Store,
    local_path,
)
from har_core.base.errors import InputError
from har_core.base.files import sha256_of_file
from har_core.inference.archive import DamagedModelError
from pipelines.evidence import GONE, content_check, files_check, record_checks, records_check, source_check
from pipelines.homes import served_file
from pipelines.links import Link, LinkCheck, Verdict, differs, same, unverifiable, verified
from pipelines.personal_links import personal_run_link, recordings_link
from pipelines.staleness import changes_of

NOT_RECORDED = "not recorded"
_DIRTY = "-dirty"
_SCORES = {
    "validation_macro_f1_best": "validation macro-F1",
    "validation/macro_f1": "validation macro-F1",
    "test_macro_f1": "test macro-F1",
    "test/macro_f1": "test macro-F1",
    "test_accuracy": "test accuracy",
    "test/accuracy": "test accuracy",
}
"""Metric, by the name that it has or that it had in earlier runs -> how it is told."""
_SEEDS = ("seed", "resolved.seed", "training.seed")
"""The parameter that holds it, now and in earlier runs."""


def trace_model(entry: RegisteredVersion, store: Store, instance: DagsterInstance) -> list[Link]:
    """The chain of a registered model, from its registration up to the source of the recordings."""
    if PARENT_TAG in entry.tags:
        return _trace_personal(entry, store, instance)
    home, run = store.home, store.read_run(entry.run_id)
    candidates = history(instance, _asset_of(entry))
    made = next((made for made in candidates if made.entry.metadata.get(RUN_ID) == entry.run_id), None)
    above = _Above(instance, store)
    above.visit((run.upstream if run is not None else None) or (made.inputs if made is not None else {}), made)
    return [
        _model_link(store, entry, made),
        _run_link(entry, run),
        _materialisation_link(instance, home, entry, run, made),
        _code_link(home, entry, run, made),
        _experiment_link(home, run),
        *reversed(above.links.values()),
    ]


def _trace_personal(entry: RegisteredVersion, store: Store, instance: DagsterInstance) -> list[Link]:
    """The chain of a person's model: their recordings, and then the chain of the model that it was made from."""
    run, now = store.read_run(entry.run_id), git_commit()
    commit = run.tags.get("har.git_commit", "") if run is not None else ""
    try:
        parent = store.resolve(entry.tags[PARENT_TAG])
    except InputError:
        parent = None
    return [
        _model_link(store, entry, None),
        personal_run_link(entry, run, parent),
        Link("Code", commit or "unknown", {"checked out now": now}, _commit_checks(commit, now)),
        recordings_link(entry, run),
        *([] if parent is None else trace_model(parent, store, instance)),
    ]


def _model_link(store: Store, entry: RegisteredVersion, made: Remembered | None) -> Link:
    original = entry.tags.get(COPIED_FROM_TAG)
    facts = {
        "aliases": ", ".join(entry.aliases),
        "recordings": entry.origin,
        "copy of": original or "",
        "logged model": entry.model_id,
        "url": model_url(entry.name, entry.version),
    }
    checks = [_model_files_check(entry)]
    if checks[0].verdict == Verdict.VERIFIED or checks[0].reason == NOT_RECORDED:
        checks.append(_weights_check(store, entry, made))
    if original is not None:
        checks.append(_copy_check(store, entry, original))
    return Link("Registered model", f"{entry.name} version {entry.version}", _known(facts), checks)


def _model_files_check(entry: RegisteredVersion) -> LinkCheck:
    """Whether the files are those that were registered; nothing in them is read before."""
    what, folder, recorded = "files", local_path(entry.location), entry.tags.get(FILES_TAG)
    if folder is None or not (folder / MODEL_FILE).exists():
        return unverifiable(what, "the files of the logged model", GONE)
    try:
        read_model_files(folder, f"models:/{entry.name}/{entry.version}")
    except InputError as error:
        place = error.problems[0] if error.problems else error
        return differs(what, f"not as `har run` writes them: {place}")
    if recorded is None:
        return unverifiable(what, "the files of the logged model", NOT_RECORDED)
    altered = altered_files(folder, recorded)
    if altered:
        return differs(what, f"altered since they were registered: {', '.join(altered)}")
    return verified(what, "those that were registered")


def _weights_check(store: Store, entry: RegisteredVersion, made: Remembered | None) -> LinkCheck:
    known = (entry.tags.get("har.data_version"), made.entry.data_version if made is not None else None)
    recorded = {version for version in known if version}
    try:
        version = store.recompute_weights_version(entry)
    except DamagedModelError:
        return differs("weights", "the files of the logged model do not load")
    if version is None:
        return unverifiable("weights", "the files of the logged model", GONE)
    if not recorded:
        return unverifiable("weights", f"{version} in the logged model", NOT_RECORDED)
    if recorded == {version}:
        return verified("weights", f"{version}, hashed from the model")
    return differs("weights", f"{version} in the logged model, {' and '.join(sorted(recorded))} recorded")


def _copy_check(store: Store, entry: RegisteredVersion, original: str) -> LinkCheck:
    try:
        model_id = store.resolve(f"models:/{original}").model_id
    except InputError:
        return unverifiable("copy", f"the version {original}", GONE)
    if model_id == entry.model_id:
        return verified("copy", f"the logged model of {original} too")
    return differs("copy", f"{original} is the logged model {model_id}")


def _run_link(entry: RegisteredVersion, run: RecordedRun | None) -> Link:
    if run is None:
        return Link("MLflow run", entry.run_id, {}, [unverifiable("run", "MLflow has no run of this id", GONE)])
    tags = run.tags
    facts = {
        "status": run.status,
        "asset": tags.get(ASSET_TAG, ""),
        "partition": tags.get("dagster.partition", ""),
        "experiment": tags.get("har.experiment", ""),
        "seed": next(filter(None, map(run.params.get, _SEEDS)), ""),
        "data version": tags.get("har.data_version", ""),
        "code version": tags.get("har.code_version", ""),
        "git commit": tags.get("har.git_commit", ""),
        "Dagster run": tags.get(RUN_TAG, ""),
        **{told: run.metrics[name] for name, told in _SCORES.items() if name in run.metrics},
        "url": run.url,
    }
    asset, told = _asset_of(entry).to_user_string(), tags.get(ASSET_TAG, "")
    check = differs("asset", f"{told}, not {asset}")
    if told == asset:
        check = verified("asset", f"{told}, as the model's name says")
    return Link("MLflow run", run.run_id, _known(facts), [check])


def _materialisation_link(
    instance: DagsterInstance,
    home: Home,
    entry: RegisteredVersion,
    run: RecordedRun | None,
    made: Remembered | None,
) -> Link:
    title, name = "Materialisation", _asset_of(entry).to_user_string()
    if made is None:
        return Link(title, name, {}, [unverifiable("materialisation", "none names this MLflow run", GONE)])
    dagster_run = instance.get_run_by_id(made.run_id)
    facts = {
        "made": _when(made),
        "Dagster run": made.run_id,
        "status": dagster_run.status.value if dagster_run is not None else GONE,
        "url": run.tags.get("dagster.run_url", "") if run is not None else "",
    }
    metadata = made.entry.metadata
    named = f"{metadata.get(REGISTERED_MODEL)}/{metadata.get(REGISTERED_VERSION)}"
    version = same("model version", entry.tags.get(COPIED_FROM_TAG, f"{entry.name}/{entry.version}"), named)
    checks = [*record_checks(made, run), version, files_check(instance, home, made)]
    return Link(title, name, _known(facts), checks)


def _code_link(home: Home, entry: RegisteredVersion, run: RecordedRun | None, made: Remembered | None) -> Link:
    commit = run.tags.get("har.git_commit", "") if run is not None else ""
    now = git_commit()
    checks = [*_commit_checks(commit, now), _code_version_check(home, _asset_of(entry), made)]
    return Link("Code", commit or "unknown", {"checked out now": now}, checks)


def _commit_checks(recorded: str, now: str) -> list[LinkCheck]:
    commit = recorded.removesuffix(_DIRTY)
    if commit in {"", "unknown"}:
        return [unverifiable("commit", "no commit is known", NOT_RECORDED)]
    if not has_commit(commit):
        return [unverifiable("commit", "not in this repository", "no such commit")]
    where = "checked out now" if now.removesuffix(_DIRTY) == commit else "not checked out now"
    state = verified("files then", "as committed")
    if recorded.endswith(_DIRTY):
        state = unverifiable("files then", "some differed from the commit", "not committed")
    return [verified("commit", f"in this repository, {where}"), state]


def _code_version_check(home: Home, key: AssetKey, made: Remembered | None) -> LinkCheck:
    what, remembered = "code version", served_file(home)
    if made is None:
        return unverifiable(what, "no materialisation", GONE)
    if remembered is None:
        return unverifiable(what, "this home remembers no experiment file", "not known")
    from assets.graph import build_assets
    from har_core.experiment.loader import load_experiment

    try:
        assets = build_assets(load_experiment(remembered))
    except InputError:
        return unverifiable(what, f"{remembered} does not load", "not known")
    specs = {spec.key: spec for asset in assets for spec in ([asset] if isinstance(asset, AssetSpec) else asset.specs)}
    if key not in specs:
        return unverifiable(what, f"the experiment has no {key.to_user_string()} now", "changed since")
    now = specs[key]
    if now.code_version == made.code_version:
        return verified(what, f"{made.code_version}, as of the definitions now")
    changes = changes_of(made.entry.metadata.get(INGREDIENTS), now.metadata.get(INGREDIENTS))
    return unverifiable(what, "; ".join(changes) or f"now it is {now.code_version}", "changed since")


def _experiment_link(home: Home, run: RecordedRun | None) -> Link:
    title, what = "Experiment file", "kept file"
    content = run.artifact(EXPERIMENT_FILE) if run is not None else None
    if run is None or content is None:
        return Link(title, EXPERIMENT_FILE, {}, [unverifiable(what, "the copy in the MLflow run", GONE)])
    sha256, recorded = hashlib.sha256(content).hexdigest(), run.tags.get(EXPERIMENT_HASH_TAG)
    if not recorded:
        kept = unverifiable(what, f"{sha256} in the MLflow run", NOT_RECORDED)
    elif sha256 == recorded:
        kept = verified(what, f"{sha256} in the MLflow run")
    else:
        kept = differs(what, f"{sha256} in the MLflow run, {recorded} recorded")
    return Link(title, EXPERIMENT_FILE, {"SHA-256": sha256}, [kept, _present_file_check(home, sha256)])


def _present_file_check(home: Home, sha256: str) -> LinkCheck:
    """A file that was edited contradicts nothing: the run has kept what it was."""
    what, remembered = "file now", served_file(home)
    if remembered is None:
        return unverifiable(what, "this home remembers no experiment file", "not known")
    if not remembered.is_file():
        return unverifiable(what, str(remembered), GONE)
    if sha256_of_file(remembered) == sha256:
        return verified(what, str(remembered))
    return unverifiable(what, f"{remembered}; the run has kept the earlier one", "changed since")


@dataclass(slots=True)
class _Above:
    """Goes up from data versions to the materialisations that had them; each is visited once."""

    instance: DagsterInstance
    store: Store
    links: dict[tuple[str, str], Link] = field(default_factory=dict)
    """By asset and data version, what is above first."""

    def visit(self, inputs: Mapping[str, str], user: Remembered | None) -> None:
        """Find each of ``inputs``, data versions by asset, that ``user`` was made from."""
        for name, version in inputs.items():
            if (name, version) not in self.links:
                self._visit(AssetKey.from_user_string(name), version, user)

    def _visit(self, key: AssetKey, version: str, user: Remembered | None) -> None:
        name = key.to_user_string()
        candidates = history(self.instance, key, before=user.number if user is not None else None)
        made = next((made for made in candidates if made.entry.data_version == version), None)
        if made is None:
            check = unverifiable("record", "no materialisation with this data version", GONE)
            self.links[name, version] = Link(name, version, {}, [check])
            return
        run_id = made.entry.metadata.get(RUN_ID)
        run = self.store.read_run(run_id) if run_id else None
        self.visit((run.upstream if run is not None else None) or made.inputs, made)
        facts = {"made": _when(made), "MLflow run": run_id or "", "location": made.entry.metadata.get("location", "")}
        self.links[name, version] = Link(name, version, _known(facts), self._checks(key, made, run, user))

    def _checks(
        self, key: AssetKey, made: Remembered, run: RecordedRun | None, user: Remembered | None
    ) -> list[LinkCheck]:
        home = self.store.home
        if key == SOURCE_FILES:
            return [source_check(home, user, made.entry.metadata.get("location", ""))] if user is not None else []
        checks = [records_check(made, run), files_check(self.instance, home, made)]
        return [*checks, content_check(home, made)] if key == RAW_RECORDINGS else checks


def _asset_of(entry: RegisteredVersion) -> AssetKey:
    """The asset that made a version, by the name of the model: ``har-lstm`` comes from ``models/lstm``."""
    name = entry.tags.get(COPIED_FROM_TAG, entry.name).partition("/")[0]
    return model_key(name.removeprefix("har-"))


def _when(made: Remembered) -> str:
    return made.time.astimezone().isoformat(sep=" ", timespec="seconds")


def _known(facts: Mapping[str, Any]) -> dict[str, str | int | float]:
    return {name: value for name, value in facts.items() if value != ""}
