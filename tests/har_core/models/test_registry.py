"""Names of architectures and their options: what is unknown, mistyped or taken is refused with help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from har_core.base.errors import InputError, UnknownNameError
from har_core.models import create_model, fit_model, list_models
from har_core.models.catalogue import describe, is_network
from har_core.models.registry import check_options, register_classical, register_model

SIZES: dict[str, Any] = {"num_channels": 45, "num_timepoints": 125, "num_classes": 19}


def test_the_first_four_are_there() -> None:
    assert {"cnn", "lstm", "resnet", "shufflenet"} <= set(list_models())
    assert list_models() == sorted(list_models())


def test_options_with_their_defaults() -> None:
    assert describe("lstm").options == {"hidden_size": 512, "num_layers": 2}
    assert describe("cnn").options == {"base_width": 64}


def test_an_option_changes_the_network() -> None:
    small = create_model("lstm", **SIZES, hidden_size=8, num_layers=1)
    assert sum(p.numel() for p in small.parameters()) == 4 * 8 * (45 + 8 + 2) + 8 * 19 + 19


@pytest.mark.parametrize(("name", "nearest"), [("resnt", "'resnet'"), ("shuffelnet", "'shufflenet'"), ("CNN", "cnn")])
def test_an_unknown_name_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=nearest):
        create_model(name, **SIZES)
    with pytest.raises(UnknownNameError, match=nearest):
        describe(name)


def test_an_unknown_option_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"option of lstm is called 'hidden'; did you mean 'hidden_size'\?"):
        create_model("lstm", **SIZES, hidden=3)


@pytest.mark.parametrize(
    ("name", "override", "expected"),
    [
        ("lstm", {"hidden_size": "512"}, "models.lstm.hidden_size: found '512', expected a value of type int"),
        ("lstm", {"hidden_size": True}, "type int"),
        ("lstm", {"hidden_size": 0}, "at least 1"),
        ("cnn", {"base_width": -1}, "at least 1"),
        ("shufflenet", {"base_width": 12}, "multiple of 8"),
        ("cnn", {"num_classes": 0}, "models.cnn.num_classes: found '0'"),
    ],
)
def test_an_impossible_value_is_refused(name: str, override: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        create_model(name, **{**SIZES, **override})


def test_a_taken_name_is_refused() -> None:
    list_models()

    class Other(nn.Module):
        def __init__(self, *, num_channels: int, num_timepoints: int, num_classes: int) -> None:
            super().__init__()

    with pytest.raises(ValueError, match=r"'cnn' is registered twice: in har_core\.models\.cnn and by .*Other"):
        register_model("cnn")(Other)


def test_an_init_of_another_form_is_refused() -> None:
    class Odd(nn.Module):
        def __init__(self, *, num_classes: int) -> None:
            super().__init__()

    class Swallows(nn.Module):
        def __init__(self, *, num_channels: int, num_timepoints: int, num_classes: int, **anything: int) -> None:
            super().__init__()

    with pytest.raises(ValueError, match="first arguments must be num_channels, num_timepoints, num_classes"):
        register_model("odd")(Odd)
    with pytest.raises(ValueError, match="anything must be a keyword with a plain default"):
        register_model("swallows")(Swallows)
    assert "odd" not in list_models()


def test_networks_and_classical_models_are_told_apart() -> None:
    files = {name: Path(describe(name).source).read_text(encoding="utf-8") for name in list_models()}
    classical = [name for name in list_models() if not is_network(name)]
    assert classical == [name for name, text in files.items() if f'@register_classical("{name}")' in text]
    assert {"extra_trees", "lda", "logistic_regression", "multirocket_hydra", "random_forest", "rocket"} <= set(
        classical
    )
    with pytest.raises(UnknownNameError, match="'rocket'"):
        is_network("rockett")


def test_options_of_classical_models() -> None:
    assert describe("random_forest").options == {"num_trees": 100, "max_depth": 8}
    assert describe("extra_trees").options == {"num_trees": 300}  # sensors are no option
    measured = {"shrinkage": 0.01, "num_quantiles": 10, "farthest": 2.5}  # docs/results/champion.md
    assert describe("invariant_lda").options == measured
    assert describe("invariant_mlp").options == measured | {"hidden_size": 256, "num_epochs": 10, "penalty": 1.0}


def test_what_is_fitted_cannot_be_created_and_the_other_way_round() -> None:
    with pytest.raises(InputError, match="'rocket' is a classical model: it is fitted, not created; use fit_model"):
        create_model("rocket", **SIZES)
    with pytest.raises(InputError, match="'cnn' is a network: it is created and trained; use create_model"):
        fit_model("cnn", torch.zeros(2, 9, 3), torch.arange(2), num_classes=2, seed=0, sampling_rate_hz=25.0)


@pytest.mark.parametrize(
    ("name", "option", "value", "expected"),
    [
        ("random_forest", "num_trees", 0, "models.random_forest.num_trees: found '0', expected a number above 0"),
        ("random_forest", "num_trees", 2.5, "type int"),
        ("logistic_regression", "inverse_penalty", float("nan"), "above 0"),
        ("cnn", "base_width", 0, "at least 1"),
        ("random_forest", "depth", 3, "did you mean 'max_depth'"),
    ],
)
def test_options_are_checked_before_there_are_windows(name: str, option: str, value: float, expected: str) -> None:
    options: dict[str, Any] = {option: value}
    with pytest.raises(InputError, match=expected):
        check_options(name, **SIZES, **options)
    if not is_network(name):
        with pytest.raises(InputError, match=expected):
            fit_model(
                name, torch.zeros(2, 9, 3), torch.arange(2), num_classes=2, seed=0, sampling_rate_hz=25.0, **options
            )


def test_options_that_are_possible_pass() -> None:
    for name in list_models():
        options: dict[str, Any] = dict(describe(name).options)
        check_options(name, **SIZES, **options)


def test_a_fit_function_of_another_form_or_a_taken_name_is_refused() -> None:
    def other(windows_NTC: Tensor, labels_N: Tensor, *, num_classes: int, seed: int) -> nn.Module:
        return nn.Identity()

    def odd(windows_NTC: Tensor, *, seed: int) -> nn.Module:
        return nn.Identity()

    def swallows(windows_NTC: Tensor, labels_N: Tensor, num_classes: int, seed: int, **rest: int) -> nn.Module:
        return nn.Identity()

    with pytest.raises(ValueError, match=r"'cnn' is registered twice: in har_core\.models\.cnn and by .*other"):
        register_classical("cnn")(other)
    with pytest.raises(ValueError, match=r"'rocket' is registered twice"):
        register_model("rocket")(nn.Linear)
    with pytest.raises(ValueError, match="first arguments must be windows_NTC, labels_N, num_classes, seed"):
        register_classical("odd")(odd)
    with pytest.raises(ValueError, match="rest must be a keyword with a plain default"):
        register_classical("swallows")(swallows)
    assert not {"odd", "swallows"} & set(list_models())
