"""``har home check``: looks at everything in a home, and says of each thing what is wrong and what mends it.

Nothing is written and nothing mended. What is merely stale is not wrong: ``har status`` tells that.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from assets.resources.home import Home
from assets.resources.memory import recall
from assets.resources.model_files import read_model_files
from assets.resources.occupation import holder_of
from assets.resources.sqlite import Trouble, stores_of, trouble_of
from assets.resources.store import Store, local_path, recorded_artifacts
from har_core.base.errors import HarError, InputError
from har_core.experiment.loader import load_experiment
from har_core.inference.archive import DamagedModelError
from pipelines.diagnosis import explain
from pipelines.homes import served_file

_RUN = "`har run` makes it again"
_ADOPT = "say where it lies now: har home adopt EXPERIMENT.toml"
_RUNS = """
    SELECT artifact_uri FROM runs WHERE lifecycle_stage = 'active' AND status = 'FINISHED'
    AND run_uuid NOT IN (SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId')"""
"""Those of materialisations: the runs below them, of seeds and trials, have metrics alone."""
_MODELS = "SELECT artifact_location FROM logged_models WHERE lifecycle_stage = 'active'"


@dataclass(frozen=True, slots=True)
class Looked:
    """One kind of thing that was looked at."""

    what: str
    troubles: tuple[Trouble, ...]


def check_home(home: Home) -> Iterator[Looked]:
    """Look at one kind of thing after the other."""
    for what, look in _LOOKS.items():
        yield Looked(what, tuple(_told(home, look)))


def _told(home: Home, look: Callable[[Home], Iterator[Trouble]]) -> Iterator[Trouble]:
    """What was found, up to what keeps from looking further."""
    try:
        yield from look(home)
    except Exception as error:
        ours = error if isinstance(error, HarError) else explain(error, home)
        if ours is None:
            raise
        yield Trouble(home.root, f"cannot be looked at any further ({ours})", "mend that first")


def _permissions(home: Home) -> Iterator[Trouble]:
    for folder in (home.root, home.dagster, home.mlruns):
        if folder.is_dir() and folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            yield Trouble(folder, "others may write in it", f"close it to them: chmod go-w '{folder}'")
    for path in _files(home):
        if not os.access(path, os.R_OK):
            yield Trouble(path, "may not be read", "give yourself the right to")


def _stores(home: Home) -> Iterator[Trouble]:
    for path, kind in stores_of(home).items():
        if (trouble := trouble_of(path, kind, thorough=True)) is not None:
            yield trouble


def _json_files(home: Home) -> Iterator[Trouble]:
    for path in _files(home):
        if path.suffix == ".json" and not path.is_relative_to(home.artifacts) and not _is_json(path):
            way_out = "name the experiment again: har home adopt EXPERIMENT.toml"
            yield Trouble(path, "is no JSON", way_out if path == home.memory else f"remove it, and {_RUN}")


def _settings(home: Home) -> Iterator[Trouble]:
    from pipelines.session import read_settings

    settings = home.dagster / "dagster.yaml"
    if settings.exists():
        try:
            read_settings(home, home.dagster)
        except InputError as error:
            yield Trouble(settings, *str(error).removeprefix(f"{settings}: ").split("; ", 1))


def _experiment(home: Home) -> Iterator[Trouble]:
    path = served_file(home)
    if path is not None and not path.exists():
        yield Trouble(path, "the experiment file is not there any more", _ADOPT)
    elif path is not None:
        try:
            load_experiment(path)
        except InputError as error:
            yield Trouble(path, str(error), "mend the file")


def _recordings(home: Home) -> Iterator[Trouble]:
    location = recall(home).data_location
    if location is not None and not location.exists():
        yield Trouble(location, "the recordings are not there", "say where they lie now: har run --data PATH")


def _outputs(home: Home) -> Iterator[Trouble]:
    """What was made and is not there any more as it was, by the records of Dagster; as ``har status`` sees it."""
    path = served_file(home)
    if path is None or not path.exists() or not (home.dagster / "history" / "runs.db").exists():
        return
    from pipelines.definitions import build_definitions
    from pipelines.session import open_instance
    from pipelines.staleness import State, ask, is_by_hand

    with open_instance(home) as instance:
        asset_graph = build_definitions(load_experiment(path), home).resolve_asset_graph()
        every = asset_graph.materializable_asset_keys
        for status in ask(asset_graph, instance, home.root, also=every).values():
            if status.state is State.MISSING and status.was_made:
                key = status.item.key
                by_hand = f"`har search --model {key.path[-1]}` makes it again"
                mends = by_hand if is_by_hand(key, asset_graph) else _RUN
                yield Trouble(home.root, f"{status.item}: {'; '.join(status.causes)}", mends)


def _models(home: Home) -> Iterator[Trouble]:
    """What MLflow recorded, and what lies there."""
    store = Store(home)
    if not store.path.exists():
        return
    with store.open() as connection:
        recorded, here = recorded_artifacts(connection), home.artifacts.as_uri()
        uris = [uri for query in (_RUNS, _MODELS) for (uri,) in connection.execute(query)]
    if recorded not in {None, here}:
        yield Trouble(store.path, f"names files where the home lay, at {recorded}", "mend that: har home adopt")
    for uri in uris:
        folder = local_path(here + uri.removeprefix(recorded) if recorded and uri.startswith(recorded) else uri)
        if folder is not None and not folder.is_dir():
            yield Trouble(folder, "files that MLflow recorded are gone", "`har run` makes again what is needed of them")
    for entry in store.registered():
        uri = f"models:/{entry.name}/{entry.version}"
        try:
            read_model_files(store.folder_of(uri), uri)
            version = store.recompute_weights_version(entry)
        except (InputError, DamagedModelError) as error:
            yield Trouble(store.path, str(error), f"`har run` trains a model anew; or delete version {entry.version}")
            continue
        if version not in {None, entry.tags.get("har.data_version", version)}:
            yield Trouble(store.path, f"{uri}: its weights are not those that were recorded", "`har trace` says more")


def _leftovers(home: Home) -> Iterator[Trouble]:
    for path in (path for folder in (home.dagster, home.data, home.mlruns) for path in folder.rglob(".*")):
        if path.name.endswith((".part", ".retired")):
            yield Trouble(path, "was left by a process that was killed", f"`har run` removes it; or: rm -r '{path}'")
    if (holder := holder_of(home)) is not None and not holder.is_alive:
        yield Trouble(home.holder, f"{holder} ended without a word", "the next `har run` closes what it left open")


def _files(home: Home) -> Iterator[Path]:
    for folder in (home.dagster, home.data, home.mlruns):
        for place, _, names in os.walk(folder):
            yield from (Path(place, name) for name in names)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    except OSError:
        return True  # told among the permissions
    return True


_LOOKS: dict[str, Callable[[Home], Iterator[Trouble]]] = {
    "permissions": _permissions,
    "Dagster's settings": _settings,
    "stores": _stores,
    "JSON files": _json_files,
    "experiment file": _experiment,
    "recordings": _recordings,
    "outputs": _outputs,
    "MLflow's files": _models,
    "leftovers": _leftovers,
}
