"""Names that all assets share: their groups, their owner, their keys, and the tags that the assembly reads."""

import dagster as dg

from har_core.settings.recipes import is_compressed

OWNERS = ["team:har"]
DATA_GROUP = "data"
MODELS_GROUP = "models"
COMPRESSED_GROUP = "compressed"
TRANSFERRED_GROUP = "transferred"
FOLDS_GROUP = "folds"
COMPARISON_GROUP = "comparison"
SEARCH_GROUP = "search"
SENSORS = "sensors"
"""First part of the keys of :func:`sensors_key`, which stand in the group of folds."""

SOURCE_FILES = dg.AssetKey("source_files")
RAW_RECORDINGS = dg.AssetKey("raw_recordings")
RECORDING_AUDIT = dg.AssetKey("recording_audit")
WINDOWS = dg.AssetKey("windows")
SPLITS = dg.AssetKey("splits")
COMPARISON_REPORT = dg.AssetKey("comparison_report")
CHAMPION = dg.AssetKey("champion")

FOLD_PARTITIONS = "folds"
"""Name of the dynamic partitions, one for each fold of each protocol, that all assets of :func:`fold_key` share."""
SENSOR_PARTITIONS = "sensor_folds"
"""The same of :func:`sensors_key`: of these folds, those of the protocol that leads."""

PARTIAL_INPUTS = "har/partial_inputs"
"""Tag of assets that run although something above them failed: they take what the instance knows of. Its value names
the groups of which there must be something, with dots between them."""
BY_HAND = {"har/by_hand": "true"}
"""Tag of assets that only a person starts, by name. They are never missing or stale to those who ask what is due."""


def model_key(name: str) -> dg.AssetKey:
    """``models/lstm``; ``compressed/lstm-int8`` of a model that is made from another one."""
    return dg.AssetKey([COMPRESSED_GROUP if is_compressed(name) else MODELS_GROUP, name])


def transferred_key(model: str) -> dg.AssetKey:
    """``transferred/lstm``: a model fitted on to new people."""
    return dg.AssetKey([TRANSFERRED_GROUP, model])


def fold_key(architecture: str) -> dg.AssetKey:
    """``folds/lstm``, partitioned by fold."""
    return dg.AssetKey([FOLDS_GROUP, architecture])


def sensors_key(architecture: str) -> dg.AssetKey:
    """``sensors/lda``, partitioned by fold."""
    return dg.AssetKey([SENSORS, architecture])


def search_key(architecture: str) -> dg.AssetKey:
    """``search/compact``."""
    return dg.AssetKey([SEARCH_GROUP, architecture])
