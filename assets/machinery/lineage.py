"""What the instance knows of the materialisations of an asset: the one way assets learn of each other."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets.machinery.keys import FOLD_PARTITIONS, FOLDS_GROUP, SENSOR_PARTITIONS, SENSORS
from har_core.base.errors import HarError
from har_core.datasets.origin import Origin

DATA_VERSION_TAG = "dagster/data_version"
CODE_VERSION_TAG = "dagster/code_version"
INPUT_VERSION_TAG = "dagster/input_data_version/"
"""Tag, followed by the key of a dependency: the data version that went in."""
ORIGIN = "har/origin"
"""Metadata: ``real`` or ``synthetic``, of the recordings that everything below was made from."""
OUTPUTS = "har/outputs"
"""Metadata: JSON, path below the home -> SHA-256 of each file that the materialisation wrote."""
RUN_ID = "har/mlflow_run_id"
RUN_URL = "har/mlflow_run"
REGISTERED_MODEL = "har/registered_model"
REGISTERED_VERSION = "har/registered_version"
REGISTERED_MODEL_URL = "har/registered_model_url"
KEEPS_SCORE = "keeps_macro_f1"
"""Check of each model that is made from another one, and metadata: whether it is as good, or nearly so."""
HOLDERS = "har/holders"
"""Metadata of ``champion``: JSON, registered model -> version that the alias ``champion`` was left on."""
CHOSEN = "har/chosen"
"""Metadata of ``champion``: JSON, the version of ``har`` that holds the alias, what it is a copy of, and why; empty
where none is chosen."""
OVER_FOLDS = "har/over_folds"
"""Metadata of ``champion``: JSON, what the validation subjects of folds said of those that hold an alias."""
SUBJECTS = "subjects"
"""Metadata of ``raw_recordings`` and ``windows``: the subjects of the data, ``[1, 2, 3]``."""
SECONDS = "har/seconds"
"""Metadata: what the materialisation took."""
_PARTITIONS = {FOLDS_GROUP: FOLD_PARTITIONS, SENSORS: SENSOR_PARTITIONS}
"""By the first part of the keys of assets that have partitions."""
_PAGE = 20


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest materialisation of one asset, or of one partition of it."""

    key: dg.AssetKey
    data_version: str
    metadata: dict[str, Any]

    @property
    def is_ours(self) -> bool:
        """Whether an asset of ours made it; what is reported by hand in Dagster's UI has none of our metadata."""
        return RUN_ID in self.metadata

    @property
    def seconds(self) -> float | None:
        """What it took; None where it was reported by hand."""
        return self.metadata.get(SECONDS)

    @property
    def outputs(self) -> dict[str, str]:
        """Path below the home -> SHA-256."""
        return self.metadata.get(OUTPUTS) or {}


@dataclass(frozen=True, slots=True)
class Remembered:
    """One materialisation of an asset or of one partition, the latest or an earlier one."""

    entry: Latest
    number: int
    """Grows with time, over all assets: what was made later has a larger one."""
    time: datetime
    run_id: str
    """Of Dagster's run; empty where it was reported without one."""
    code_version: str
    inputs: Mapping[str, str]
    """Data version of each dependency, by its key joined by ``/``."""


def latest(instance: dg.DagsterInstance, key: dg.AssetKey) -> Latest | None:
    """The latest materialisation of ``key``, None where there is none."""
    event = instance.get_latest_materialization_event(key)
    return read_materialization(key, event.asset_materialization if event else None)


def latest_of_partition(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> Latest | None:
    """The latest materialisation of one partition of ``key``, None where there is none."""
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    return read_materialization(key, records[0].asset_materialization if records else None)


def history(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    partition: str | None = None,
    *,
    before: int | None = None,
    after: int | None = None,
) -> Iterator[Remembered]:
    """Every materialisation of ``key``, or of a partition of it, that the instance remembers, newest first.

    ``before`` and ``after`` are numbers of materialisations.
    """
    wanted = dg.AssetRecordsFilter(
        asset_key=key,
        asset_partitions=None if partition is None else [partition],
        before_storage_id=before,
        after_storage_id=after,
    )
    cursor, has_more = None, True
    while has_more:
        page = instance.fetch_materializations(wanted, limit=_PAGE, cursor=cursor)
        for record in page.records:
            entry = read_materialization(key, record.asset_materialization)
            if entry is not None:
                yield _remembered(entry, record)
        cursor, has_more = page.cursor, page.has_more


def fold_partitions(instance: dg.DagsterInstance) -> list[str]:
    """The folds there are, as in ``loso-p1``; one that has gone is not among them, whatever was materialised for it."""
    return list(instance.get_dynamic_partitions(FOLD_PARTITIONS))


def sensor_partitions(instance: dg.DagsterInstance) -> list[str]:
    """The same of ``sensors/``."""
    return list(instance.get_dynamic_partitions(SENSOR_PARTITIONS))


def read_materialization(key: dg.AssetKey, materialization: dg.AssetMaterialization | None) -> Latest | None:
    """What a materialisation of ``key`` says; None for none."""
    if materialization is None:
        return None
    metadata = {name: entry.value for name, entry in materialization.metadata.items()}
    return Latest(key, (materialization.tags or {}).get(DATA_VERSION_TAG, ""), metadata)


def _remembered(entry: Latest, record: dg.EventLogRecord) -> Remembered:
    tags = (record.asset_materialization.tags if record.asset_materialization else None) or {}
    return Remembered(
        entry=entry,
        number=record.storage_id,
        time=datetime.fromtimestamp(record.timestamp, tz=UTC),
        run_id=record.run_id,
        code_version=tags.get(CODE_VERSION_TAG, ""),
        inputs={
            name.removeprefix(INPUT_VERSION_TAG): version
            for name, version in tags.items()
            if name.startswith(INPUT_VERSION_TAG)
        },
    )


def upstream_versions(context: dg.AssetExecutionContext) -> dict[str, str]:
    """Data version of each dependency that has one, by its key joined by ``/``; a fold by ``folds/lstm[loso-p1]``.

    Of folds, a fold takes its own alone, and names it as Dagster does, by the key.
    """
    spec = context.assets_def.get_asset_spec(context.asset_key)
    return _upstream_versions(context.instance, spec, context.partition_key if context.has_partition_key else None)


def made_from(instance: dg.DagsterInstance, spec: dg.AssetSpec) -> str:
    """What a materialisation would be made from now: code version and upstream data versions, as JSON."""
    return json.dumps([spec.code_version, _upstream_versions(instance, spec)], sort_keys=True)


def latest_if_current(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    specs: Mapping[dg.AssetKey, dg.AssetSpec],
    partition: str | None = None,
) -> Latest | None:
    """The latest materialisation, where it was made with the code version and from the data versions of now.

    So must have been what it was made from, as far as ``specs`` has it.
    """
    spec, entry = specs[key], next(history(instance, key, partition), None)
    if entry is None or entry.code_version != spec.code_version:
        return None
    above = [dep.asset_key for dep in spec.deps if dep.asset_key in specs]
    if any(latest_if_current(instance, parent, specs, partition) is None for parent in above):
        return None
    now = _upstream_versions(instance, spec, partition)
    return entry.entry if all(entry.inputs.get(name) == version for name, version in now.items()) else None


def _upstream_versions(
    instance: dg.DagsterInstance, spec: dg.AssetSpec, partition: str | None = None
) -> dict[str, str]:
    found: dict[str, Latest | None] = {}
    for key in (dep.asset_key for dep in spec.deps):
        name = key.to_user_string()
        if key.path[0] in _PARTITIONS and partition is not None:
            found[name] = latest_of_partition(instance, key, partition)
        elif key.path[0] in _PARTITIONS:
            folds = instance.get_dynamic_partitions(_PARTITIONS[key.path[0]])
            found |= {f"{name}[{fold}]": latest_of_partition(instance, key, fold) for fold in folds}
        else:
            found[name] = latest(instance, key)
    return {name: entry.data_version for name, entry in found.items() if entry is not None}


def require_upstream(context: dg.AssetExecutionContext, key: dg.AssetKey) -> str:
    """The data version of a dependency that an asset cannot do without.

    Raises:
        HarError: it was never materialised.
    """
    entry = _above(context, key)
    if entry is None:
        name, needed = context.asset_key.to_user_string(), key.to_user_string()
        raise HarError(f"{name} needs {needed}, which was never materialised; run that first")
    return entry.data_version


def upstream_origin(context: dg.AssetExecutionContext) -> Origin:
    """``real`` where every dependency that says so is, else ``synthetic``."""
    spec = context.assets_def.get_asset_spec(context.asset_key)
    found = [_above(context, dep.asset_key) for dep in spec.deps]
    origins = {entry.metadata.get(ORIGIN) for entry in found if entry is not None}
    return "real" if origins - {None} == {"real"} else "synthetic"


def _above(context: dg.AssetExecutionContext, key: dg.AssetKey) -> Latest | None:
    """The latest materialisation of a dependency: of the same fold, where both have folds."""
    if key.path[0] in _PARTITIONS and context.has_partition_key:
        return latest_of_partition(context.instance, key, context.partition_key)
    return latest(context.instance, key)
