"""The data set of an experiment, as something that can be read."""

from __future__ import annotations

from har_core.datasets.catalogue import find_dataset
from har_core.datasets.dataset import Dataset
from har_core.settings.experiment import Experiment


def dataset_of(experiment: Experiment) -> Dataset:
    """The data set that ``[source]`` names, asked for the activities that ``[windows]`` uses.

    Raises:
        InputError: it is not there any more, or its card is wrong now.
    """
    dataset = find_dataset(experiment.source.dataset, relative_to=experiment.path.parent)
    chosen, none = experiment.windows.activities, dataset.spec.none
    if chosen is None:
        return dataset
    names = {name for merged in chosen.values() for name in merged} if isinstance(chosen, dict) else set(chosen)
    return dataset.asking_for(names if none is None or experiment.windows.none == "drop" else names | {none})
