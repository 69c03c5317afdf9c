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
    chosen = experiment.windows.activities
    if isinstance(chosen, dict):
        return dataset.asking_for({name for names in chosen.values() for name in names})
    return dataset.asking_for(chosen)
