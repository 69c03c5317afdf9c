"""The partitions of ``folds/<architecture>``: a fold each, as the protocols give them for the subjects of the data.

``sensors/<architecture>`` has those of the protocol that leads.
"""

import json
from collections.abc import Collection, Iterable, Sequence

import dagster as dg

from assets.machinery.keys import FOLD_PARTITIONS, RAW_RECORDINGS, SENSOR_PARTITIONS
from assets.machinery.lineage import SUBJECTS, latest
from har_core.base.errors import InputError, Problem
from har_core.settings.experiment import Experiment
from har_core.splits.protocols import folds

FOLDS = dg.DynamicPartitionsDefinition(name=FOLD_PARTITIONS)
SENSOR_FOLDS = dg.DynamicPartitionsDefinition(name=SENSOR_PARTITIONS)
MAX_FOLDS = 99
"""Of one asset. Dagster's staleness passes over an edge with more partitions in silence: a report would stay fresh."""


def planned_folds(experiment: Experiment, subjects: Collection[int]) -> list[str]:
    """Names of the folds of all protocols of ``experiment``, in order.

    Raises:
        InputError: more than :data:`MAX_FOLDS`, or too few subjects for a protocol.
    """
    settings = experiment.evaluation
    by_protocol = {
        protocol: folds(
            protocol,
            subjects,
            num_validation_subjects=settings.validation_subjects,
            test_subjects=experiment.splits.test_subjects,
            num_groups=settings.num_groups,
        )
        for protocol in settings.protocols
    }
    names = [fold.name for found in by_protocol.values() for fold in found]
    if len(names) > MAX_FOLDS:
        counts = ", ".join(f"{protocol} {len(found)}" for protocol, found in by_protocol.items())
        problem = Problem(
            path=f"{experiment.path}: [evaluation] protocols",
            value=f"{len(names)} folds for {len(subjects)} subjects ({counts})",
            expected=f"at most {MAX_FOLDS} folds",
        )
        raise InputError("The protocols give more folds than the system keeps track of", [problem])
    return names


def subjects_of(instance: dg.DagsterInstance, key: dg.AssetKey) -> tuple[int, ...]:
    """The subjects in the latest ``raw_recordings`` or ``windows``, ascending; none where there is none."""
    entry = latest(instance, key)
    return tuple(json.loads(entry.metadata.get(SUBJECTS, "[]"))) if entry is not None else ()


def sync_folds(instance: dg.DagsterInstance, experiment: Experiment, subjects: Iterable[int] | None = None) -> None:
    """Add and remove partitions, so that there is one for each fold. What was materialised for one that goes is kept.

    Args:
        instance: where the partitions are.
        experiment: says which protocols there are.
        subjects: of the data; by default those that ``instance`` knows of, and nothing is done where it knows none.

    Raises:
        InputError: more folds than :data:`MAX_FOLDS`, or too few subjects for a protocol.
    """
    present = subjects_of(instance, RAW_RECORDINGS) if subjects is None else tuple(subjects)
    if not present:
        return
    wanted, measured = planned_folds(experiment, present), f"{experiment.evaluation.leading}-"
    _sync(instance, FOLD_PARTITIONS, wanted)
    is_measured = bool(experiment.evaluation.sensors)
    _sync(instance, SENSOR_PARTITIONS, [name for name in wanted if is_measured and name.startswith(measured)])


def _sync(instance: dg.DagsterInstance, partitions: str, wanted: Sequence[str]) -> None:
    known = instance.get_dynamic_partitions(partitions)
    for name in known:
        if name not in wanted:
            instance.delete_dynamic_partition(partitions, name)
    instance.add_dynamic_partitions(partitions, [name for name in wanted if name not in known])
