"""Makes the record of a model that was made from another one: its own cost, and how it came from its parent."""

from __future__ import annotations

from dataclasses import asdict

from har_core.compression.recipe import Compressed
from har_core.compression.roots import settings_read
from har_core.evaluation.complexity import measure_complexity
from har_core.evaluation.latency import measure_latency
from har_core.evaluation.records import ModelRecord
from har_core.settings.experiment import Experiment
from har_core.training.devices import computed_with


def describe_compressed(
    name: str, experiment: Experiment, parent: ModelRecord, compressed: Compressed, *, seed: int
) -> ModelRecord:
    """The record of the model ``name``, with its cost and its speed on this machine measured now.

    Its windows, their subjects and their origin are the parent's; ``training_seconds`` are those of the recipe alone.
    """
    parent_name, recipe = experiment.parents[name]
    length, student = experiment.window_length, experiment.student_settings(recipe)
    keep = "last" if student is None else student.training.keep
    num_channels, computed = experiment.windowed.num_channels, computed_with(experiment.runtime)
    return ModelRecord(
        architecture=name,
        origin=parent.origin,
        seed=seed,
        training_settings={"parent": parent_name, "keep": keep, **settings_read(recipe, experiment)},
        history=tuple(asdict(record) for record in compressed.history),
        best_epoch=compressed.best_epoch or len(compressed.history),
        complexity=measure_complexity(compressed.classifier, length, num_channels),
        latency=measure_latency(compressed.classifier, length, num_channels, experiment.evaluation),
        num_windows=parent.num_windows,
        subjects=parent.subjects,
        training_seconds=compressed.seconds,
        device=compressed.device,
        precision=compressed.precision,
        num_threads=int(computed["num_threads"]),
        cpu_capability=str(computed["cpu_capability"]),
        parent=parent_name,
    )
