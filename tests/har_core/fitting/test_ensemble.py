"""Combining predictions: what a vote and a stack answer, what they are fitted on, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.fitting.ensemble import combine, combine_by_seed, fit_weights
from har_core.inference.ensemble import Ensemble, Vote
from har_core.inference.predictions import column_of, predictions_schema, probabilities_of
from har_core.settings.ensembles import EnsembleSettings

NUM_WINDOWS = 60
LABELS = np.arange(NUM_WINDOWS) % 5
ROLES = np.where(np.arange(NUM_WINDOWS) < 40, "validation", "test")


def predictions(
    sharpness: float, *, seed: int = 0, draw: int = 0, roles: Any = ROLES, labels: Any = LABELS
) -> pa.Table:
    """A model that is the better, the sharper it is."""
    logits = np.random.default_rng(draw).normal(size=(NUM_WINDOWS, DSADS.num_activities))
    logits[np.arange(NUM_WINDOWS), LABELS] += sharpness
    probabilities = torch.from_numpy(logits).softmax(dim=1).numpy().astype(np.float32)
    columns: dict[str, Any] = {
        "subject": np.ones(NUM_WINDOWS, int),
        "session": LABELS + 1,
        "segment": np.arange(NUM_WINDOWS) + 1,
        "start": np.zeros(NUM_WINDOWS, int),
        "label": LABELS,
        "damaged": np.zeros(NUM_WINDOWS, bool),
        "probabilities": column_of(probabilities),
        "role": roles,
        "seed": np.full(NUM_WINDOWS, seed),
    }
    schema = predictions_schema(DSADS)
    return pa.table([pa.array(columns[field.name]).cast(field.type) for field in schema], schema=schema)


def vote(weights: str = "equal") -> EnsembleSettings:
    return EnsembleSettings.model_validate({"members": ("a", "b"), "weights": weights})


STACK = EnsembleSettings(members=("a", "b"), combine="stack")


def test_an_equal_vote_is_the_mean() -> None:
    a, b = predictions(2), predictions(1, draw=1)
    combined = combine(vote(), {"a": a, "b": b}, seed=7)
    expected = (probabilities_of(a) + probabilities_of(b)) / 2
    np.testing.assert_allclose(probabilities_of(combined.predictions), expected, rtol=1e-5)
    assert set(combined.predictions["seed"].to_pylist()) == {7}
    same = [name for name in a.column_names if name not in {"probabilities", "seed"}]
    assert combined.predictions.select(same).equals(a.select(same))


def test_a_fitted_vote_prefers_who_is_right_on_validation_windows() -> None:
    weights = combine(vote("fitted"), {"a": predictions(3), "b": predictions(0, draw=1)}, seed=0).combination.weights_M
    assert torch.is_tensor(weights)
    assert weights[0] > 0.8
    assert weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("how", [vote("fitted"), STACK])
def test_what_is_fitted_sees_no_test_window(how: EnsembleSettings) -> None:
    a, b = predictions(2), predictions(1, draw=1)
    other = np.where(ROLES == "test", (LABELS + 1) % 5, LABELS)
    told = combine(how, {"a": a, "b": b}, seed=0).combination.state_dict()
    misled = combine(how, {"a": relabelled(a, other), "b": relabelled(b, other)}, seed=0).combination.state_dict()
    assert all(torch.equal(tensor, misled[name]) for name, tensor in told.items())


def relabelled(table: pa.Table, labels: Any) -> pa.Table:
    place = table.schema.get_field_index("label")
    return table.set_column(place, table.schema.field("label"), pa.array(labels.astype(np.int8)))


def test_a_stack_learns_to_trust_and_never_answers_what_validation_lacks() -> None:
    combined = combine(STACK, {"a": predictions(4), "b": predictions(0, draw=1)}, seed=0)
    answers = probabilities_of(combined.predictions)
    is_test = ROLES == "test"
    assert (answers[is_test].argmax(axis=1) == LABELS[is_test]).mean() > 0.7
    assert answers[:, 5:].max() < 1e-6
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)


def test_seeds_are_combined_with_each_other() -> None:
    a = pa.concat_tables([predictions(2, seed=3), predictions(1, seed=4)])
    b = pa.concat_tables([predictions(0, seed=4, draw=1), predictions(3, seed=5)])
    (combined,) = combine_by_seed(vote(), {"a": a, "b": b})
    assert combined.seed == 4
    expected = (probabilities_of(predictions(1)) + probabilities_of(predictions(0, draw=1))) / 2
    np.testing.assert_allclose(probabilities_of(combined.predictions), expected, rtol=1e-5)
    with pytest.raises(InputError, match="share no seed"):
        list(combine_by_seed(vote(), {"a": predictions(1, seed=1), "b": predictions(1, seed=2)}))


def test_other_windows_are_refused() -> None:
    a, b = predictions(2), predictions(1)
    renamed = DSADS.replaced(activities=[*DSADS.activities[:-1], "basketball"])
    others = b.replace_schema_metadata(predictions_schema(renamed).metadata)
    for other in (b.slice(1), b.take(pa.array(np.arange(NUM_WINDOWS)[::-1])), others):
        with pytest.raises(InputError, match="The members a and b predict other windows"):
            combine(vote(), {"a": a, "b": other}, seed=0)


@pytest.mark.parametrize("how", [vote("fitted"), STACK])
def test_without_validation_windows_nothing_is_fitted(how: EnsembleSettings) -> None:
    a = predictions(1, roles=np.full(NUM_WINDOWS, "test"))
    with pytest.raises(InputError, match="no validation windows"):
        combine(how, {"a": a, "b": a}, seed=0)


@given(seed=st.integers(0, 2**32 - 1), num_members=st.integers(2, 4))
@settings(max_examples=20, deadline=None)
def test_fitted_weights_are_at_the_maximum(seed: int, num_members: int) -> None:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(3, 0.5), size=(50, num_members))
    labels = generator.integers(0, 3, 50)
    weights = fit_weights(probabilities, labels)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)

    def likelihood(candidate: Any) -> float:
        of_label = np.take_along_axis(probabilities, labels[:, None, None], axis=2)[:, :, 0]
        return float(np.log(np.maximum(of_label, 1e-6) @ candidate).sum())

    for other in generator.dirichlet(np.ones(num_members), size=30):
        assert likelihood(weights) >= likelihood(0.9 * weights + 0.1 * other) - 1e-3


def test_the_module_answers_as_the_predictions_say() -> None:
    class Constant(nn.Module):
        def __init__(self, answer: list[float]) -> None:
            super().__init__()
            self.answer = nn.Buffer(torch.tensor(answer))

        def forward(self, x_NTC: torch.Tensor) -> torch.Tensor:
            return self.answer.expand(len(x_NTC), -1)

    ensemble = Ensemble([Constant([0.9, 0.1]), Constant([0.2, 0.8])], Vote(np.array([0.75, 0.25])))
    torch.testing.assert_close(ensemble(torch.zeros(3, 5, 2)), torch.tensor([[0.725, 0.275]]).expand(3, -1))
