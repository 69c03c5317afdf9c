"""What is gone after each step, and one history of all trainings."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import pytest
from compressing import material_of, parent_of
from hypothesis import given
from hypothesis import strategies as st

from har_core.compression.gradual import prune_gradually, shares
from har_core.settings.recipes import WeightsSettings


@given(share=st.floats(0.01, 0.99), steps=st.integers(1, 20))
def test_most_goes_first_and_the_share_is_reached(share: float, steps: int) -> None:
    found = shares(share, steps)
    gone = [after - before for before, after in zip([0.0, *found], found, strict=False)]
    assert len(found) == steps
    assert found[-1] == share
    assert gone == sorted(gone, reverse=True)
    assert gone[-1] > 0


def test_each_step_is_followed_by_a_training() -> None:
    material, asked = material_of("lstm"), []

    def prune(share: float) -> AbstractContextManager[None]:
        asked.append(share)
        return nullcontext()

    settings = WeightsSettings(share=0.8, steps=3, epochs=2, learning_rate=0.01)
    network = parent_of("lstm").network(material)
    compressed = prune_gradually(network, material, settings, prune)
    assert asked == shares(0.8, 3)
    assert [record.epoch for record in compressed.history] == [1, 2, 3, 4, 5, 6]
    assert compressed.seconds == pytest.approx(sum(record.seconds for record in compressed.history))
    assert not compressed.classifier.training
