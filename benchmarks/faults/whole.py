"""What "held" means: whether a home is whole, asked of its files and of its two stores."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
from narrowing import as_type

from assets.machinery.lineage import (
    DATA_VERSION_TAG,
    OUTPUTS,
    REGISTERED_MODEL,
    REGISTERED_VERSION,
)
from assets.resources.home import Home
from faults.har import Har
from har_core.base.files import sha256_of_file

_LEFTOVERS = (
    "data/**/*.part",
    "data/**/*.retired",
    "data/checkpoints/**/*.pt",
    "data/scratch/*",
    ".dagster/*.part",
    ".dagster/har.holder.json",
    "**/*-journal",
)
_OPEN_RUNS = {"NOT_STARTED", "STARTING", "STARTED", "CANCELING"}


@dataclass(frozen=True, slots=True)
class Record:
    """What the stores of a home say."""

    versions: Mapping[str, str] = field(default_factory=dict)
    """Data version of each asset, or partition of one: ``folds/lstm[loso-p1]``."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each file, by its path below the home."""
    registered: Mapping[str, int] = field(default_factory=dict)
    """Version of each registered model that its asset's record names."""
    champion: str = ""
    """Version of ``har`` that the record of ``champion`` names."""
    aliases: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Version by registered model and alias."""
    weights: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """Data version of each registered version, by its tag."""
    open_runs: tuple[str, ...] = ()
    """Runs that count as unfinished, of Dagster and of MLflow."""


def read_record(home: Path) -> Record:
    """Read both stores; MLflow's without MLflow, Dagster's through Dagster."""
    versions: dict[str, str] = {}
    outputs: dict[str, str] = {}
    registered: dict[str, int] = {}
    champion, open_runs = "", []
    if (home / ".dagster" / "history").is_dir():
        with dg.DagsterInstance.from_config(str(home / ".dagster")) as instance:
            open_runs += [f"Dagster run {r.run_id}" for r in instance.get_runs() if r.status.value in _OPEN_RUNS]
            for item, made in _latest(instance):
                versions[item] = (made.tags or {}).get(DATA_VERSION_TAG, "")
                metadata = {name: value.value for name, value in made.metadata.items()}
                outputs |= as_type(dict, metadata.get(OUTPUTS) or {})
                if REGISTERED_MODEL in metadata:
                    registered[str(metadata[REGISTERED_MODEL])] = int(str(metadata[REGISTERED_VERSION]))
                if item == "champion":
                    champion = str(metadata["champion"]).partition(" ")[0].partition("/")[2]
    aliases, weights, running = _read_mlflow(Home(home).mlflow_store)
    return Record(versions, outputs, registered, champion, aliases, weights, (*open_runs, *running))


def _latest(instance: dg.DagsterInstance) -> Iterator[tuple[str, dg.AssetMaterialization]]:
    for key in instance.all_asset_keys():
        name = key.to_user_string()
        partitions: list[str | None] = [*sorted(instance.get_materialized_partitions(key))]
        for partition in partitions or [None]:
            wanted = dg.AssetRecordsFilter(key, asset_partitions=None if partition is None else [partition])
            for record in instance.fetch_materializations(wanted, limit=1).records:
                if record.asset_materialization is not None:
                    yield name if partition is None else f"{name}[{partition}]", record.asset_materialization


def _read_mlflow(
    store: Path,
) -> tuple[dict[tuple[str, str], int], dict[tuple[str, int], str], list[str]]:
    if not store.is_file():
        return {}, {}, []
    with closing(sqlite3.connect(store)) as connection:
        aliases = connection.execute("SELECT name, alias, version FROM registered_model_aliases").fetchall()
        tags = connection.execute("SELECT name, version, value FROM model_version_tags WHERE key = 'har.data_version'")
        weights = {(name, version): value for name, version, value in tags}
        running = connection.execute("SELECT run_uuid FROM runs WHERE status = 'RUNNING'").fetchall()
        (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
    if sound != "ok":
        running.append((f"{store.name} is damaged: {sound}",))
    return (
        {(name, alias): int(version) for name, alias, version in aliases},
        weights,
        [f"MLflow run {run}" for (run,) in running],
    )


def contradictions(home: Path, record: Record) -> list[str]:
    """Where files, aliases and records of a home say different things, whatever is due in it."""
    found = []
    for name, digest in record.outputs.items():
        path = home / name
        if not path.is_file():
            found.append(f"{name} is recorded and gone")
        elif sha256_of_file(path) != digest:
            found.append(f"{name} is not what was recorded")
    for name, version in record.registered.items():
        alias = record.aliases.get((name, "challenger"))
        if alias != version:
            found.append(f"{name}@challenger is {alias}, its record names {version}")
    if record.champion and str(record.aliases.get(("har", "champion"))) != record.champion:
        found.append(f"har@champion is {record.aliases.get(('har', 'champion'))}, its record names {record.champion}")
    return found


def leftovers(home: Path) -> list[str]:
    """What an unfinished command left: temporary files, checkpoints, holders, journals."""
    patterns: tuple[str, ...] = (
        "data/**/*.part",
        "data/**/*.retired",
        "data/checkpoints/**/*.pt",
        "data/scratch/*",
        "**/*-journal",
    )
    found = {
        path for pattern in (*patterns, ".dagster/*.part", ".dagster/har.holder.json") for path in home.glob(pattern)
    }
    return [f"left: {path.relative_to(home)}" for path in sorted(found)]


def differences(record: Record, allowed: Mapping[str, Collection[str]]) -> list[str]:
    """Data versions that are none of those that are ``allowed``."""
    return [
        f"{item} has the data version {version[:12]}, not {' or '.join(v[:12] for v in sorted(allowed[item]))}"
        for item, version in record.versions.items()
        if item in allowed and version not in allowed[item]
    ]


def absences(record: Record, reference: Record, *, same_weights: bool) -> list[str]:
    """What a finished home lacks beside the one that was never disturbed, and aliases that name other weights."""
    found = [f"{item} is missing" for item in sorted(reference.versions.keys() - record.versions.keys())]
    for (name, alias), version in reference.aliases.items():
        held = record.aliases.get((name, alias))
        if held is None:
            found.append(f"{name}@{alias} is missing")
        elif same_weights and record.weights.get((name, held)) != reference.weights.get((name, version)):
            found.append(f"{name}@{alias} names other weights than in the undisturbed home")
    return found


def recover(
    har: Har,
    reference: Record,
    allowed: Mapping[str, Collection[str]],
    *,
    named: tuple[object, ...],
    options: tuple[object, ...] = (),
    recording: Path,
) -> None:
    """What a user does after a fault: look, run, look, predict, trace. Complaints go to ``har.seen``.

    ``options`` limit the run; what it leaves out may be due afterwards.
    """
    looked = har("status", *named, "--json")
    ran = har("run", *named, *options)
    record = read_record(har.home)
    found = contradictions(har.home, record) + leftovers(har.home) + [f"still open: {run}" for run in record.open_runs]
    found += differences(record, allowed)
    if not options:
        after = har("status", *named, "--json")
        found += untruths(looked.out, ran.out)
        due = [f"{row['asset']} {row['state']}" for row in _rows(after.out) if row["state"] != "fresh"]
        found += [f"not fresh after `har run`: {', '.join(due)}"] if due else []
        found += absences(record, reference, same_weights=len(allowed.get("models/lstm", ())) == 1)
        har("trace")
        har("predict", recording)
    har.seen.complaints += found


def untruths(status: str, ran: str) -> list[str]:
    """Where ``har status --json`` said other than the ``har run`` after it did; what was put back counts as run."""
    lines = re.findall(r"^(?:Ran|Put back in MLflow): (.*)$", ran, re.MULTILINE)
    if not lines:
        return []
    assets = {name for line in lines for name in re.sub(r"\[[^]]*\]", "", line).split(", ") if name != "nothing"}
    states: dict[str, set[str]] = {}
    for row in _rows(status):
        states.setdefault(row["asset"], set()).add(row["state"])
    found = [f"`har status` called {asset} fresh, and it ran" for asset in assets if states.get(asset) == {"fresh"}]
    found += [
        f"`har status` called {asset} {' and '.join(sorted(state))}, and it did not run"
        for asset, state in states.items()
        if state & {"stale", "missing"} and asset not in assets and asset != "source_files"
    ]
    return found


def _rows(text: str) -> list[dict[str, str]]:
    try:
        rows: list[dict[str, str]] = json.loads(text)
    except ValueError:
        return []
    return rows
