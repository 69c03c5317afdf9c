"""Makes the record of a model that was fitted on to new people, and the version of what came of it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

import numpy as np
import pyarrow as pa

from har_core.datasets.origin import Origin
from har_core.evaluation.records import TransferRecord, dump_json
from har_core.inference.predictions import probabilities_of
from har_core.settings.experiment import Experiment
from har_core.training.devices import computed_with
from har_core.transfer.curves import Curves
from har_core.transfer.roots import settings_read


def describe_transferred(
    name: str, experiment: Experiment, curves: Curves, *, seed: int, origin: Origin
) -> TransferRecord:
    """The record of the model ``name`` after all people were measured."""
    computed = computed_with(experiment.runtime)
    return TransferRecord(
        model=name,
        origin=origin,
        seed=seed,
        settings=settings_read(name, experiment),
        num_moved=curves.num_moved,
        seconds=curves.seconds,
        device="cpu",
        num_threads=int(computed["num_threads"]),
        cpu_capability=str(computed["cpu_capability"]),
    )


def transfer_version(record: TransferRecord, predictions: pa.Table) -> str:
    """A hash of the predictions and the record; of neither times nor threads."""
    content = asdict(record)
    for name in ("seconds", "device", "num_threads", "cpu_capability"):
        del content[name]
    digest = hashlib.sha256(dump_json(content).encode())
    for name in predictions.drop(["probabilities"]).column_names:
        digest.update(repr(predictions[name].to_pylist()).encode())
    digest.update(np.ascontiguousarray(probabilities_of(predictions)).tobytes())
    return digest.hexdigest()
