"""What the MLflow store of a home holds, read from its SQLite file: importing MLflow takes longer than most commands.

Nothing is written: that is left to MLflow's own client (:mod:`assets.resources.tracking`). MLflow records where every
artifact is as an absolute address. Here the addresses of this home follow it, wherever it was moved or copied.
"""

import json
import math
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from assets.resources.addresses import run_url
from assets.resources.home import Home
from assets.resources.sqlite import is_busy, limit_behind, open_to_read
from har_core.base.errors import HarError, InputError, StorageError, UnknownNameError
from har_core.base.names import unknown

EXPERIMENT_NAME = "har"
RUN_TAG = "dagster.run_id"
ASSET_TAG = "dagster.asset_key"
MADE_BY_TAG = "har.made_by_url"
"""Of a registered model: the page of the asset, or of the MLflow run, that made its newest version."""
NOTE_TAG = "mlflow.note.content"
"""What MLflow shows as the description of a run."""
EXPERIMENT_FILE = "experiment.toml"
"""Artifact: the experiment file as it was."""
EXPERIMENT_HASH_TAG = "har.experiment_sha256"
""":data:`EXPERIMENT_FILE`'s SHA-256."""
CHALLENGER = "challenger"
CHAMPION_ALIAS = "champion"
OVERALL = "har"
"""The registered model that users load: the best of all architectures."""
ORIGIN_TAG = "har.origin"
COPIED_FROM_TAG = "har.copied_from"
"""The version of an architecture that a version of ``har`` is."""
PARENT_TAG = "har.parent"
"""The address of the version that a version was fitted on from, to one person."""
PERSON_TAG = "har.person"
"""Whom a version is for."""
MODEL_FILE = "data/model.pt2"
"""The exported graph, below the folder of a logged model."""
FILES_TAG = "har.files_sha256"
"""Of a version: the SHA-256 of each file of its model, as JSON."""

_MODEL_URI = re.compile(r"models:/(?P<name>[^/@\s]{1,256})(?:@(?P<alias>[^/@\s]{1,256})|/(?P<version>[0-9]{1,9}))")
_LONGEST_URI = 300
_LOGGED_MODEL_URI = re.compile(r"models:/(m-[0-9a-f]{32})")
_EXAMPLE_URI = "models:/har@champion"

_VERSIONS = """
    SELECT name, version, source, storage_location, run_id FROM model_versions AS v
    WHERE workspace = 'default' AND current_stage != 'Deleted_Internal' AND NOT EXISTS (
        SELECT 1 FROM registered_model_tags AS t
        WHERE t.workspace = v.workspace AND t.name = v.name AND t.key = 'mlflow.prompt.is_prompt' AND t.value = 'true'
    )
    ORDER BY name, version DESC
"""
_ALIASES = "SELECT name, version, alias FROM registered_model_aliases WHERE workspace = 'default' ORDER BY alias"
_VERSION_TAGS = "SELECT name, version, key, value FROM model_version_tags WHERE workspace = 'default'"
_ARTIFACTS = "SELECT artifact_location FROM experiments WHERE name = ?"
_LOCATION = "SELECT artifact_location FROM logged_models WHERE model_id = ? AND lifecycle_stage = 'active'"
_RUNNING = """
    SELECT run_uuid FROM runs JOIN experiments USING (experiment_id)
    WHERE experiments.name = ? AND runs.status = 'RUNNING' AND runs.lifecycle_stage = 'active'
"""
_RUN = "SELECT status, lifecycle_stage, experiment_id, artifact_uri FROM runs WHERE run_uuid = ?"
_ACTIVE_RUNS = """
    SELECT run_uuid FROM runs JOIN experiments USING (experiment_id)
    WHERE runs.lifecycle_stage = 'active' AND experiments.lifecycle_stage = 'active'
"""
_TAGS = "SELECT key, value FROM tags WHERE run_uuid = ?"
_PARAMS = "SELECT key, value FROM params WHERE run_uuid = ?"
_MEAN_MACS = "SELECT run_uuid, value FROM latest_metrics WHERE key = 'mean_macs'"
_METRICS = "SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ?"


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of a registered model."""

    name: str
    version: int
    aliases: tuple[str, ...]
    origin: str
    """``real`` or ``synthetic``: the recordings that it was trained on."""
    run_id: str
    model_id: str
    """Of the logged model behind this version; copies share it."""
    location: str
    """URI of the folder with the model's files."""
    tags: Mapping[str, str]
    mean_macs: float | None = None
    """Multiply-accumulates that a test window needed on average; None for a model that computes all in full."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a store holds at one moment."""

    runs: frozenset[str] = frozenset()
    """Ids of the runs that are not in MLflow's bin, nor in an experiment that is."""
    versions: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """By registered model."""
    aliases: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Registered model and alias -> version."""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One MLflow run as it was recorded."""

    run_id: str
    url: str
    status: str
    """``FINISHED``, ``FAILED`` …; ``DELETED`` where it lies in MLflow's bin."""
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    """The last value of each."""
    artifacts: str
    """URI of the folder of its artifacts."""

    @property
    def upstream(self) -> dict[str, str]:
        """Data version of what went in, by asset; nothing where the tag was changed into what it never was."""
        try:
            return dict(json.loads(self.tags.get("har.upstream_data_versions") or "{}"))
        except (ValueError, TypeError):
            return {}

    def artifact(self, name: str) -> bytes | None:
        """The bytes of an artifact, None where it is not there (any more)."""
        folder = local_path(self.artifacts)
        try:
            return None if folder is None else (folder / name).read_bytes()
        except OSError:
            return None


class Store:
    """The MLflow store of one home, which may not be there yet."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.path = home.mlflow_store

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with; all that is read through it is of one moment, the last commit of whoever writes.

        Raises:
            InputError: the file is no store of the MLflow that this project uses, or cannot be read.
            StorageError: a limit on the size of files keeps it from being opened.
            HarError: another process keeps it locked.
        """
        try:
            with open_to_read(self.path) as connection:
                yield connection
        except sqlite3.Error as error:
            if is_busy(error):
                raise HarError(f"{self.path}: stays locked by another process; end that, and try again") from error
            if (limit := limit_behind(error)) is not None:
                raise StorageError(f"{self.path}: cannot be read ({error}): {limit}") from error
            raise InputError(
                f"{self.path}: cannot be read as a store of MLflow 3.17 ({error}); `har home check` says what mends it"
            ) from error

    def read_run(self, run_id: str) -> RecordedRun | None:
        """The run of this id, None where there is none (any more)."""
        with self.open() as connection:
            run = connection.execute(_RUN, (run_id,)).fetchone()
            if run is None:
                return None
            status, lifecycle_stage, experiment_id, artifacts = run
            artifacts = self._here(artifacts, recorded_artifacts(connection))
            metrics = connection.execute(_METRICS, (run_id,))
            return RecordedRun(
                run_id=run_id,
                url=run_url(experiment_id, run_id),
                status=status if lifecycle_stage == "active" else "DELETED",
                tags=dict(connection.execute(_TAGS, (run_id,))),
                params=dict(connection.execute(_PARAMS, (run_id,))),
                metrics={name: math.nan if is_nan else value for name, value, is_nan in metrics},
                artifacts=artifacts,
            )

    def running(self) -> list[RecordedRun]:
        """The runs that are open; none where there is no store yet."""
        if not self.path.is_file():
            return []
        with self.open() as connection:
            run_ids = [run_id for (run_id,) in connection.execute(_RUNNING, (EXPERIMENT_NAME,))]
        runs = [self.read_run(run_id) for run_id in run_ids]
        return [run for run in runs if run is not None]

    def contents(self) -> Contents:
        """What there is now; nothing where there is no store yet."""
        if not self.path.is_file():
            return Contents()
        versions: dict[str, set[int]] = defaultdict(set)
        with self.open() as connection:
            for name, version, *_ in connection.execute(_VERSIONS):
                versions[name].add(version)
            return Contents(
                runs=frozenset(run_id for (run_id,) in connection.execute(_ACTIVE_RUNS)),
                versions={name: frozenset(numbers) for name, numbers in versions.items()},
                aliases={(name, alias): version for name, version, alias in connection.execute(_ALIASES)},
            )

    def registered(self) -> list[RegisteredVersion]:
        """Every version of every registered model, by name, newest first; none where there is no store yet."""
        if not self.path.is_file():
            return []
        aliases: dict[tuple[str, int], list[str]] = defaultdict(list)
        tags: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
        with self.open() as connection:
            recorded = recorded_artifacts(connection)
            rows = connection.execute(_VERSIONS).fetchall()
            mean_macs = dict(connection.execute(_MEAN_MACS).fetchall())
            for name, version, alias in connection.execute(_ALIASES):
                aliases[name, version].append(alias)
            for name, version, key, value in connection.execute(_VERSION_TAGS):
                tags[name, version][key] = value
        return [
            RegisteredVersion(
                name=name,
                version=version,
                aliases=tuple(aliases[name, version]),
                origin=tags[name, version].get(ORIGIN_TAG, "unknown"),
                run_id=run_id or "",
                model_id=source.removeprefix("models:/"),
                location=self._here(location or "", recorded),
                tags=tags[name, version],
                mean_macs=mean_macs.get(run_id),
            )
            for name, version, source, location, run_id in rows
        ]

    def by_alias(self, name: str, alias: str) -> RegisteredVersion | None:
        """The version that ``alias`` names, None where it names none."""
        return next((entry for entry in self.registered() if entry.name == name and alias in entry.aliases), None)

    def get(self, name: str, version: int) -> RegisteredVersion:
        """One version of ``name``.

        Raises:
            InputError: there is none.
        """
        return self.resolve(f"models:/{name}/{version}")

    def resolve(self, model_uri: str) -> RegisteredVersion:
        """The version that ``models:/name@alias`` or ``models:/name/version`` names.

        Raises:
            InputError: nothing is registered, it is no such address, or there is no such alias or version; the text
                says which there are.
            UnknownNameError: no model of this name is registered; the text offers the nearest name.
        """
        parts = _MODEL_URI.fullmatch(model_uri)
        if parts is None:
            shown = model_uri if len(model_uri) <= _LONGEST_URI else f"{model_uri[:_LONGEST_URI]}…"
            raise InputError(
                f"{shown or 'no address'}: expected models:/NAME@ALIAS or models:/NAME/VERSION, as {_EXAMPLE_URI}"
            )
        registered = self.registered()
        if not registered:
            raise InputError(f"{model_uri}: nothing is registered in {self.home.root} yet; run `har run` first")
        name, alias, version = parts["name"], parts["alias"], parts["version"]
        own = [entry for entry in registered if entry.name == name]
        if not own:
            known = {entry.name for entry in registered}
            raise UnknownNameError(f"{model_uri}: {unknown('registered model', name, known)}")
        for entry in own:
            if alias in entry.aliases or (version is not None and int(version) == entry.version):
                return entry
        aliases = sorted(f"{known} (version {entry.version})" for entry in own for known in entry.aliases)
        versions = ", ".join(str(entry.version) for entry in reversed(own))
        raise InputError(
            f"{model_uri}: {name} has no {f'alias {alias}' if alias else f'version {version}'}; "
            f"it has the aliases {', '.join(aliases) or '(none)'}, and the versions {versions}"
        )

    def folder_of(self, model_uri: str) -> Path:
        """Where the files of a model should lie; its address is one of :meth:`resolve`, or ``models:/m-…``.

        Raises:
            InputError: there is no such model, or its files are not on this machine.
        """
        logged = _LOGGED_MODEL_URI.fullmatch(model_uri)
        location = self._location(logged[1]) if logged else self.resolve(model_uri).location
        if location is None:
            raise InputError(f"{model_uri}: no model of this id was logged in {self.home.root}")
        folder = local_path(location)
        if folder is None:
            raise InputError(f"{model_uri}: its files lie at {location}, not on this machine")
        return folder

    def files_of(self, model_uri: str) -> str | None:
        """The SHA-256 of each file of a model as they were when it was registered, as JSON; None if not recorded.

        The address is one of :meth:`folder_of`; that of a logged model stands for the versions that it is.
        """
        logged = _LOGGED_MODEL_URI.fullmatch(model_uri)
        if logged is None:
            return self.resolve(model_uri).tags.get(FILES_TAG)
        own = (entry.tags.get(FILES_TAG) for entry in self.registered() if entry.model_id == logged[1])
        return next((recorded for recorded in own if recorded is not None), None)

    def recompute_weights_version(self, entry: RegisteredVersion) -> str | None:
        """What the weights in the files of a version come to; None where the files are gone.

        Raises:
            DamagedModelError: the file of the weights is damaged.
        """
        from har_core.inference.archive import archived_weights_version

        folder = local_path(entry.location)
        path = folder / MODEL_FILE if folder is not None else None
        return archived_weights_version(path) if path is not None and path.is_file() else None

    def _location(self, model_id: str) -> str | None:
        if not self.path.is_file():
            return None
        with self.open() as connection:
            row = connection.execute(_LOCATION, (model_id,)).fetchone()
            return None if row is None else self._here(row[0], recorded_artifacts(connection))

    def _here(self, uri: str, recorded: str | None) -> str:
        """The address of an artifact now, of which MLflow recorded ``uri`` while artifacts lay below ``recorded``."""
        if recorded is None or not uri.startswith(f"{recorded}/"):
            return uri
        return self.home.artifacts.as_uri() + uri.removeprefix(recorded)


def recorded_artifacts(connection: sqlite3.Connection) -> str | None:
    """The URI of the folder of artifacts where the home lay when it was last written; None in an empty store."""
    found = connection.execute(_ARTIFACTS, (EXPERIMENT_NAME,)).fetchone()
    return None if found is None else str(found[0])


def local_path(uri: str) -> Path | None:
    """The file or folder on this machine that ``file:///…`` or an absolute path names; None for other addresses."""
    if uri.startswith("file:"):
        return Path(unquote(urlsplit(uri).path))
    return Path(uri) if uri.startswith("/") else None
