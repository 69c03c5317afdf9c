"""Recordings that a model does not take are refused, with every channel that is wrong."""

from __future__ import annotations

import pytest
from data_sets import POCKET_AND_WRIST, SPECS

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.inference.channels import require_fit
from har_core.spec.dataset import DatasetSpec


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_recordings_of_the_same_channels_fit(spec: DatasetSpec) -> None:
    require_fit(spec, spec, where="x")
    require_fit(spec, spec.replaced(activities=["one"], title="Other", none=None), where="x")


def refused(spec: DatasetSpec) -> list[str]:
    with pytest.raises(InputError, match="takes recordings of pocket_and_wrist") as caught:
        require_fit(POCKET_AND_WRIST, spec, where="folder")
    return [str(problem) for problem in caught.value.problems]


def test_missing_and_unexpected_channels_are_named() -> None:
    [missing, unexpected, rate] = refused(DSADS)
    assert "the channels pocket_acc_x pocket_acc_y" in missing
    assert "wrist_acc_z, which are missing" in missing
    assert "found 'T_xacc T_yacc" in unexpected
    assert rate == "folder: found '25 samples in a second', expected 50 samples in a second, or more"


def test_other_orders_and_units_are_named() -> None:
    first, second, *others = POCKET_AND_WRIST.channels
    [order] = refused(POCKET_AND_WRIST.replaced(channels=[second, first, *others]))
    assert order.startswith("folder: found 'pocket_acc_y pocket_acc_x pocket_acc_z")
    [unit] = refused(POCKET_AND_WRIST.replaced(channels=[first.model_copy(update={"unit": "g"}), second, *others]))
    assert unit == "folder: pocket_acc_x: found 'g', expected m/s²"
