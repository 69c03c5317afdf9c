"""Scores of models that were fitted on to people, against scikit-learn's and scipy's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from data_sets import small_dsads
from hypothesis import given
from hypothesis import strategies as st
from narrowing import present
from scipy import stats
from sklearn.metrics import f1_score
from window_examples import named_windows

from har_core.evaluation.intervals import interval_of_mean
from har_core.evaluation.transfer import TransferScore, score_transfer
from har_core.inference.predictions import tabulate_predictions
from har_core.transfer.table import curves_schema

K = 5
SPEC = small_dsads(3, K)
LEARNT = (0, 1, 2, 3)
PEOPLE = {2: (0, 1, 2, 4), 5: (1, 3), 7: (0, 1, 2, 3)}
"""Activities that each person does later; nobody who trained did the last one."""


def predicted(way: str, number: int, seed: int) -> tuple[pa.Table, dict[int, float]]:
    """A table of one way and number, and what scikit-learn says of each person."""
    labels = np.concatenate([np.repeat(own, 6) for own in PEOPLE.values()])
    subjects = np.repeat(list(PEOPLE), [6 * len(own) for own in PEOPLE.values()])
    said = np.random.default_rng(seed).integers(0, K, len(labels))
    said = np.where(np.arange(len(labels)) % 3 == 0, said, labels)
    windows = named_windows(labels, subjects, segments=np.arange(len(labels)) + 1, spec=SPEC)
    table = tabulate_predictions(windows, np.eye(K)[said], role="test", seed=seed, learnt=LEARNT)
    extra = [pa.repeat(way, len(labels)), pa.repeat(pa.scalar(number, pa.int32()), len(labels))]
    scores = {}
    for subject, own in PEOPLE.items():
        is_own = subjects == subject
        counted = [activity for activity in own if activity in LEARNT]
        scores[subject] = f1_score(labels[is_own], said[is_own], labels=counted, average="macro", zero_division=0)
    return pa.table([*table.columns, *extra], schema=curves_schema(SPEC, LEARNT)), scores


def test_each_person_way_and_number_is_scored_by_what_the_person_does_and_the_model_knows() -> None:
    asked = [("as_it_is", 0), ("last_layer", 1), ("last_layer", 5), ("all", 5)]
    tables, expected = zip(*(predicted(*own, seed) for seed, own in enumerate(asked)), strict=True)
    scores = score_transfer(pa.concat_tables(tables))
    assert [(own.way, own.windows_per_activity) for own in scores] == asked
    for own, by_subject in zip(scores, expected, strict=True):
        assert own.per_subject == pytest.approx(by_subject)
        assert own.macro_f1 == pytest.approx(np.mean(list(by_subject.values())))
        low, high = present(own.interval)
        assert low <= own.macro_f1 <= high


def test_a_mean_over_two_people_has_no_interval() -> None:
    own = TransferScore(way="all", windows_per_activity=1, per_subject={1: 0.5, 2: 0.9})
    assert own.macro_f1 == pytest.approx(0.7)
    assert own.interval is None
    assert replace(own, per_subject={1: 0.5, 2: 0.9, 3: 0.6}).interval is not None


@given(st.lists(st.floats(0, 1), max_size=8))
def test_an_interval_is_within_the_values(values: list[float]) -> None:
    found = interval_of_mean(values)
    if found is None:
        assert len(values) < 3 or np.ptp(values) < 1e-6
    else:
        assert min(values) - 1e-9 <= found[0] <= found[1] <= max(values) + 1e-9


def test_an_interval_is_as_wide_as_the_spread_says() -> None:
    """Of many people, it is nearly that of a normal distribution."""
    values = np.random.default_rng(0).normal(0.7, 0.1, 400)
    low, high = present(interval_of_mean(values.tolist()))
    error = stats.sem(values)
    assert (low, high) == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.002)
    assert interval_of_mean(values.tolist()) == (low, high)
