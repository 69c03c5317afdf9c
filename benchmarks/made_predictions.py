"""Trainings that never were: predictions and records as folds and models leave them, of made windows, quick to make.

Probabilities are the softmax of noise in which the true activity stands out, more for some subjects and activities than
for others. Letters: N windows, K activities.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from har_core.evaluation.complexity import Complexity
from har_core.evaluation.latency import Latency, Machine
from har_core.evaluation.records import FoldRecord, ModelRecord, SeedRecord, read_record, write_record
from har_core.evaluation.results import FoldResult, ModelResult, score_fold, score_model
from har_core.inference.predictions import column_of, predictions_schema, read_predictions, write_predictions
from har_core.spec.dataset import DatasetSpec

Roles = Mapping[str, Sequence[int]]
"""Subjects of each role."""
_MACHINE = Machine(processor="none", num_cores=2, system="none", torch_version="none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What all trainings share."""

    spec: DatasetSpec
    windows_each: int
    """Of each subject and activity."""
    lacking: Mapping[int, tuple[int, ...]]
    """Class ids that a subject has no windows of."""
    damaged: float
    """The share of windows that is."""

    def predictions(
        self, roles: Roles, *, seeds: Sequence[int], skill: float, salt: int, learnt: Iterable[int] | None = None
    ) -> pa.Table:
        """Of the validation and test windows of one fold or model, for each of ``seeds``; 3 is a good ``skill``."""
        tables = [
            self._of_role(
                roles[role],
                role,
                seed=seed,
                skill=skill,
                rng=np.random.default_rng([salt, seed, number]),
                learnt=learnt,
            )
            for seed in seeds
            for number, role in enumerate(("validation", "test"))
        ]
        return pa.concat_tables(tables)

    def _of_role(
        self,
        subjects: Sequence[int],
        role: str,
        *,
        seed: int,
        skill: float,
        rng: np.random.Generator,
        learnt: Iterable[int] | None,
    ) -> pa.Table:
        num_activities = self.spec.num_activities
        each = np.repeat(np.arange(num_activities), self.windows_each)
        kept = {subject: each[~np.isin(each, self.lacking.get(subject, ()))] for subject in subjects}
        labels = np.concatenate([*kept.values(), np.zeros(0, np.int64)]).astype(np.int64)
        own_subject = np.repeat([*kept], [len(own) for own in kept.values()]).astype(np.int64)
        num_windows = len(labels)
        damaged = np.random.default_rng([num_windows, *subjects]).random(num_windows) < self.damaged
        stands_out = skill * (1 - 0.05 * (own_subject % 5) - 0.08 * (labels % 4) - 0.3 * damaged)
        logits = rng.normal(size=(num_windows, num_activities))
        logits[np.arange(num_windows), labels] += stands_out
        powers = np.exp(1.7 * logits)
        schema = predictions_schema(self.spec, learnt)
        segments = np.concatenate([np.arange(len(own)) for own in kept.values()] or [own_subject])
        columns = [
            *(own_subject, np.ones(num_windows, np.int64), segments + 1, np.zeros(num_windows, np.int64)),
            *(labels, damaged, column_of(powers / powers.sum(axis=1, keepdims=True))),
            *(np.full(num_windows, role), np.full(num_windows, seed)),
        ]
        return pa.table(
            [pa.array(own).cast(field.type) for own, field in zip(columns, schema, strict=True)], schema=schema
        )


def fold_record(name: str, fold: str, roles: Roles, predictions: pa.Table, *, num_parameters: int) -> FoldRecord:
    """Of a fold with these predictions."""
    seeds = sorted(set(predictions["seed"].to_pylist()))
    return FoldRecord(
        architecture=name,
        origin="synthetic",
        fold=fold,
        protocol=fold.partition("-")[0],
        subjects={role: tuple(own) for role, own in roles.items()},
        seeds=tuple(SeedRecord(seed=seed, best_epoch=3, training_seconds=10.0) for seed in seeds),
        num_windows=_num_windows(predictions, len(seeds)),
        num_dropped={},
        num_parameters=num_parameters,
        training_settings={"epochs": 5},
        device="cpu",
        precision="fp32",
    )


def model_record(name: str, roles: Roles, predictions: pa.Table, *, num_parameters: int) -> ModelRecord:
    """Of a model with these predictions."""
    return ModelRecord(
        architecture=name,
        origin="synthetic",
        seed=predictions["seed"][0].as_py(),
        training_settings={"epochs": 30},
        history=tuple(
            {
                "epoch": epoch,
                "learning_rate": 5e-4,
                "training_loss": 2.0 / epoch,
                "validation_loss": 2.1 / epoch,
                "validation_macro_f1": 0.9 - 0.5 / epoch,
                "validation_accuracy": 0.9 - 0.5 / epoch,
                "seconds": 10.0,
            }
            for epoch in range(1, 31)
        ),
        best_epoch=24,
        complexity=Complexity(num_parameters=num_parameters, macs=90 * num_parameters, size_bytes=4 * num_parameters),
        latency=Latency(
            batch1_median_ms=num_parameters / 1e5,
            batch1_p95_ms=num_parameters / 8e4,
            throughput_windows_per_s=1e8 / num_parameters,
            num_threads=2,
            warmup=10,
            repeats=50,
            batch_size=128,
            machine=_MACHINE,
        ),
        num_windows=_num_windows(predictions, 1),
        subjects={role: tuple(own) for role, own in roles.items()},
        training_seconds=300.0,
        device="cpu",
        precision="fp32",
        file_bytes=5 * num_parameters,
    )


def store(path: Path, record: FoldRecord | ModelRecord, predictions: pa.Table) -> None:
    """Write both as a home has them: ``path`` with ``.json`` and ``.parquet``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_record(path.with_suffix(".json"), record)
    write_predictions(path.with_suffix(".parquet"), predictions)


def read_fold(path: Path) -> FoldResult:
    """Read what :func:`store` wrote of a fold, and score it."""
    return score_fold(
        read_record(path.with_suffix(".json"), FoldRecord), read_predictions(path.with_suffix(".parquet"))
    )


def read_model(path: Path) -> ModelResult:
    """Read what :func:`store` wrote of a model, and score it."""
    predictions = read_predictions(path.with_suffix(".parquet"))
    return score_model(read_record(path.with_suffix(".json"), ModelRecord), predictions)


def _num_windows(predictions: pa.Table, num_seeds: int) -> dict[str, int]:
    roles = predictions["role"].to_pylist()
    return {"training": 1000} | {role: roles.count(role) // num_seeds for role in ("validation", "test")}
