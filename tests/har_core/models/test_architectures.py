"""The four first architectures have exactly the parameters of their design, at both published shapes."""

from __future__ import annotations

import pytest
from torch import nn

from har_core.base.errors import InputError
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


@pytest.mark.parametrize(
    ("options", "num_parameters"),
    [
        ({}, 56_947),
        ({"depth": 3, "kernel_size": 5}, 56_947),
        ({"depth": 1}, 24_979),
        ({"depth": 5}, 92_019),
    ],
)
def test_compact_grows_by_its_options_and_is_what_it_was_without_them(
    options: dict[str, int], num_parameters: int
) -> None:
    model = create_model("compact", num_channels=45, num_timepoints=125, num_classes=19, **options)
    assert sum(parameter.numel() for parameter in model.parameters()) == num_parameters


@pytest.mark.parametrize("options", [{"depth": 0}, {"kernel_size": 4}, {"kernel_size": -1}, {"width": 7}])
def test_compact_refuses_what_it_cannot_be(options: dict[str, int]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        create_model("compact", num_channels=45, num_timepoints=125, num_classes=19, **options)


def test_filters_of_compact_have_the_size_asked_for() -> None:
    model = create_model("compact", num_channels=3, num_timepoints=25, num_classes=4, width=4, kernel_size=9, depth=4)
    along_time = [layer for layer in model.modules() if isinstance(layer, nn.Conv1d) and layer.kernel_size != (1,)]
    assert [(layer.kernel_size, layer.stride) for layer in along_time] == [((9,), (2,))] * 3 + [((9,), (1,))] * 2
