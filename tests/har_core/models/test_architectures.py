"""The four first architectures have exactly the parameters of their design, at both published shapes."""

from __future__ import annotations

import pytest

from har_core.models import create_model

NUM_PARAMETERS = {  # name: (T=125, C=45, K=19), (T=125, C=113, K=17)
    "cnn": (956_947, 1_502_737),
    "resnet": (1_827_155, 2_372_945),
    "lstm": (3_255_827, 3_394_065),
    "shufflenet": (614_551, 1_160_341),
}


@pytest.mark.parametrize("name", NUM_PARAMETERS)
def test_number_of_parameters(name: str) -> None:
    counts = []
    for num_channels, num_classes in ((45, 19), (113, 17)):
        model = create_model(name, num_channels=num_channels, num_timepoints=125, num_classes=num_classes)
        counts.append(sum(parameter.numel() for parameter in model.parameters()))
    assert tuple(counts) == NUM_PARAMETERS[name]
