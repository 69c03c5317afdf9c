"""Makes the record of an ensemble from those of its members: what they cost together, and how fast it is here."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from har_core.datasets.origin import Origin
from har_core.evaluation.complexity import Complexity
from har_core.evaluation.describe import digest_of_record
from har_core.evaluation.latency import measure_latency
from har_core.evaluation.records import FoldRecord, ModelRecord, SeedRecord
from har_core.fitting.ensemble import Combined
from har_core.inference.predictions import spec_of
from har_core.settings.ensembles import EnsembleSettings
from har_core.settings.experiment import Experiment


def describe_ensemble(
    name: str,
    experiment: Experiment,
    members: Sequence[ModelRecord],
    model: nn.Module,
    combined: Combined,
    *,
    origin: Origin,
) -> ModelRecord:
    """The record of an ensemble, with its speed on this machine measured now; its cost is the sum of its members'.

    ``training_seconds`` are those of the members, which it is made of; it trained for none itself.
    """
    num_channels = spec_of(combined.predictions).num_channels
    return ModelRecord(
        architecture=name,
        origin=origin,
        seed=combined.seed,
        training_settings=experiment.ensembles[name].model_dump(mode="json"),
        history=(),
        best_epoch=0,
        complexity=Complexity(
            num_parameters=sum(member.complexity.num_parameters for member in members) + _num_learnt(combined),
            macs=sum(member.complexity.macs for member in members),
            size_bytes=sum(member.complexity.size_bytes for member in members),
        ),
        latency=measure_latency(model, experiment.window_length, num_channels, experiment.evaluation),
        num_windows=members[0].num_windows,
        subjects=members[0].subjects,
        training_seconds=sum(member.training_seconds for member in members),
        device="cpu",
        precision="fp32",
        num_threads=members[0].num_threads,
        cpu_capability=members[0].cpu_capability,
    )


def describe_ensemble_fold(
    name: str,
    settings: EnsembleSettings,
    members: Sequence[FoldRecord],
    combined: Sequence[Combined],
    *,
    origin: Origin,
) -> FoldRecord:
    """The record of an ensemble in the fold of ``members``, over the seeds that they share."""
    first = members[0]
    seconds = [{seed.seed: seed.training_seconds for seed in member.seeds} for member in members]
    return FoldRecord(
        architecture=name,
        origin=origin,
        fold=first.fold,
        protocol=first.protocol,
        subjects=first.subjects,
        seeds=tuple(
            SeedRecord(seed=own.seed, best_epoch=0, training_seconds=sum(of[own.seed] for of in seconds))
            for own in combined
        ),
        num_windows=first.num_windows,
        num_dropped=first.num_dropped,
        num_parameters=sum(member.num_parameters for member in members) + _num_learnt(combined[0]),
        training_settings=settings.model_dump(mode="json"),
        device="cpu",
        precision="fp32",
        num_threads=first.num_threads,
        cpu_capability=first.cpu_capability,
    )


def ensemble_fold_version(record: FoldRecord, combined: Sequence[Combined]) -> str:
    """A hash of what was combined, and of the record without times, devices and threads."""
    digest = digest_of_record(record)
    for own in combined:
        digest.update(own.version.encode())
    return digest.hexdigest()


def _num_learnt(combined: Combined) -> int:
    return sum(tensor.numel() for tensor in combined.combination.state_dict().values())
