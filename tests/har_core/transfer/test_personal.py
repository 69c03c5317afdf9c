"""A model is fitted on to one person by each way, from its graph alone, and its parent stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from compressing import K, assert_same_weights, check_exported, exported, material_of, parent_of, weights
from torch import Tensor, fx, nn

from har_core.base.errors import HarError, InputError
from har_core.compression.recipe import Compressed, compress
from har_core.inference.classifier import predict_probabilities
from har_core.inference.ensemble import Ensemble, Stack, Vote
from har_core.models.registry import fit_model
from har_core.settings.recipes import Int8Settings
from har_core.settings.transfer import WAYS, PersonalSettings, Way
from har_core.transfer.ahead import split
from har_core.transfer.moved import moved
from har_core.transfer.personal import personalise

SETTINGS = PersonalSettings(epochs=20, batch_size=8, last_layer_rate=0.01, adapters_rate=0.03, all_rate=0.003, rank=2)
NAMES = ("cnn", "lstm", "gru", "transformer")


def of_person(num_windows: int = 12) -> tuple[Tensor, Tensor]:
    """Windows of one who does everything the other way round: labels are those of other windows."""
    material = material_of("cnn")
    labels = (material.windows.roles["test"].labels[:num_windows] + 1) % (K - 1)
    return material.raw("test")[:num_windows], labels


def right(model: nn.Module, windows: Tensor, labels: Tensor) -> float:
    return float((predict_probabilities(model, windows).argmax(axis=1) == labels.numpy()).mean())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_learns_the_person_and_leaves_the_parent(name: str, way: Way) -> None:
    parent, (windows, labels) = parent_of(name).model, of_person()
    before = weights(parent)
    personal = personalise(parent, windows, labels, way, SETTINGS, seed=0)
    assert_same_weights(parent, before)
    losses = [
        torch.nn.functional.nll_loss(model(windows).clamp_min(1e-9).log(), labels)
        for model in (parent, personal.classifier)
    ]
    assert losses[1] < 0.9 * losses[0]
    check_exported(Compressed(classifier=personal.classifier))


@pytest.mark.parametrize("way", WAYS)
def test_moves_what_the_way_says_and_nothing_else(way: Way) -> None:
    parent, (windows, labels) = parent_of("cnn").model, of_person()
    personal = personalise(parent, windows, labels, way, SETTINGS, seed=0)
    changed = {
        name
        for name, tensor in personal.classifier.state_dict().items()
        if not torch.equal(tensor, weights(parent)[name])
    }
    matrices = {name for name, tensor in parent.named_parameters() if tensor.dim() > 1}
    expected = {
        "last_layer": {name for name, _ in parent.named_parameters() if "classifier" in name or "head" in name},
        "adapters": matrices,
        "all": {name for name, _ in parent.named_parameters()},
    }
    assert changed == expected[way]


def test_what_an_adapter_adds_has_its_rank() -> None:
    parent, (windows, labels) = parent_of("cnn").model, of_person()
    personal = personalise(parent, windows, labels, "adapters", SETTINGS, seed=0)
    after, num_trained = dict(personal.classifier.named_parameters()), 0
    for name, before in parent.named_parameters():
        if before.dim() > 1:
            added = (after[name] - before).flatten(1)
            assert 1 <= torch.linalg.matrix_rank(added, atol=1e-5) <= SETTINGS.rank
            num_trained += min(SETTINGS.rank, *added.shape) * sum(added.shape)
    assert personal.num_moved == num_trained
    assert personalise(parent, windows, labels, None, SETTINGS, seed=0).way == "adapters"


def test_adapters_begin_as_the_parent() -> None:
    parent = parent_of("gru").model
    assert isinstance(parent, fx.GraphModule)
    for name, tensor in moved(parent, "adapters", rank=2)().items():
        assert torch.equal(tensor, parent.state_dict()[name]), name


def test_the_same_seed_gives_the_same_model() -> None:
    parent, (windows, labels) = parent_of("cnn").model, of_person()
    first, again, other = (
        weights(personalise(parent, windows, labels, "adapters", SETTINGS, seed=seed).classifier) for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_model_that_was_made_smaller_learns_too() -> None:
    """In 8 bits, only what is left in float32 can be moved: the biases."""
    compressed = compress(Int8Settings(), parent_of("compact"), material_of("compact"))
    parent = parent_of("compact")
    graph = check_exported(compressed)
    windows, labels = of_person()
    personal = personalise(graph, windows, labels, "all", SETTINGS, seed=0)
    assert personal.num_moved < sum(tensor.numel() for tensor in parent.model.parameters())
    check_exported(Compressed(classifier=personal.classifier))


def test_a_classical_model_learns_by_its_last_layer() -> None:
    material = material_of("cnn")
    training = material.windows.roles["training"]
    model = fit_model("lda", training.windows, training.labels, num_classes=K, seed=0, sampling_rate_hz=25.0)
    graph = check_exported(Compressed(classifier=nn.Sequential(model, nn.Softmax(dim=1))))
    windows, labels = of_person()
    personal = personalise(graph, windows, labels, "last_layer", PersonalSettings(last_layer_rate=0.1), seed=0)
    assert right(personal.classifier, windows, labels) > right(graph, windows, labels)
    with pytest.raises(InputError, match=r"by the way all: it has no weights that were trained; ways .*: last_layer"):
        personalise(graph, windows, labels, "all", SETTINGS, seed=0)


def test_a_vote_has_no_last_layer_and_a_stack_has() -> None:
    members, numbers = [parent_of("cnn").model, parent_of("gru").model], np.random.default_rng(0)
    (windows, labels), settings = of_person(), PersonalSettings(epochs=1)
    vote = exported(Ensemble(members, Vote(np.array([0.5, 0.5]))))
    with pytest.raises(InputError, match="by the way last_layer: it does not end in a linear layer"):
        personalise(vote, windows, labels, "last_layer", settings, seed=0)
    both = sum(tensor.numel() for member in members for tensor in member.parameters())
    assert personalise(vote, windows, labels, "all", settings, seed=0).num_moved == both
    stack = exported(Ensemble(members, Stack(numbers.normal(size=(2 * K, K)), numbers.normal(size=K))))
    assert personalise(stack, windows, labels, "last_layer", settings, seed=0).num_moved == 2 * K * K + K


def test_refuses_what_it_cannot_do() -> None:
    parent, (windows, labels) = parent_of("cnn").model, of_person()
    with pytest.raises(InputError, match="no window"):
        personalise(parent, windows[:0], labels[:0], "all", SETTINGS, seed=0)
    with pytest.raises(InputError, match="exported graph"):
        personalise(nn.Flatten(), windows, labels, "all", SETTINGS, seed=0)
    with pytest.raises(HarError, match="cannot be fitted on at a learning rate of 1e"):
        personalise(parent, windows, labels, "all", PersonalSettings(all_rate=1e30), seed=0)


def test_what_is_not_trained_is_computed_once() -> None:
    graph, (windows, _) = parent_of("cnn").model, of_person()
    assert isinstance(graph, fx.GraphModule)
    names = moved(graph, "last_layer", rank=1).names
    parts = split(graph, names)
    assert parts is not None
    first, second = parts
    assert set(names) == {name for name, _ in second.named_parameters()}
    with torch.inference_mode():
        torch.testing.assert_close(second(first(windows)), graph(windows))
        with pytest.raises(RuntimeError, match="no finite number"):
            first(torch.full_like(windows, torch.nan))


def test_windows_that_are_no_numbers_are_refused() -> None:
    windows, labels = of_person()
    with pytest.raises(HarError, match=r"cannot be fitted on at a learning rate of .*: a channel of the unit T"):
        personalise(parent_of("cnn").model, torch.full_like(windows, torch.nan), labels, None, SETTINGS, seed=0)
