"""Records of trainings with plain figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from har_core.evaluation.complexity import Complexity
from har_core.evaluation.latency import Latency, Machine
from har_core.evaluation.records import ModelRecord

_RECORD = ModelRecord(
    architecture="cnn",
    origin="synthetic",
    seed=7,
    training_settings={"epochs": 30, "clip_norm": None, "optimizer": "adamw"},
    history=(),
    best_epoch=30,
    complexity=Complexity(num_parameters=956_947, macs=248_708_160, size_bytes=3_835_500),
    latency=Latency(
        batch1_median_ms=3.6,
        batch1_p95_ms=4.4,
        throughput_windows_per_s=412.0,
        num_threads=2,
        warmup=10,
        repeats=50,
        batch_size=128,
        machine=Machine(processor="AMD EPYC", num_cores=2, system="Linux x86_64", torch_version="2.13.0"),
    ),
    num_windows={"training": 5700, "validation": 1140, "test": 2280},
    training_seconds=45.0,
    device="cpu",
    precision="off",
)


def model_record(**fields: Any) -> ModelRecord:
    """Of a ``cnn``, but for the ``fields`` given."""
    return replace(_RECORD, **fields)
