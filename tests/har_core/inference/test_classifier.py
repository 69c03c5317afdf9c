from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from data_sets import POCKET_AND_WRIST, small_dsads
from narrowing import present
from torch import nn

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.inference.acceleration import Engine, accelerate
from har_core.inference.classifier import RawWindowClassifier, predict_probabilities, weights_version
from har_core.inference.graph import load_graph
from har_core.models import create_model
from har_core.training.devices import has_bf16
from har_core.windows.gaps import fill_gaps

T, C, K = 20, 4, 5
SPEC = small_dsads(C, K)


class _Network(nn.Module):
    """Logits (N, K) of normalised windows (N, T, C)."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(C, K)
        self.dropout = nn.Dropout(0.5)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.dropout(self.linear(windows.mean(dim=1)))
        return logits


@pytest.fixture
def classifier() -> RawWindowClassifier:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    mean = torch.randn(C, generator=generator) * 5
    return RawWindowClassifier(_Network(), SPEC, mean=mean, standard_deviation=torch.tensor([0.1, 1.0, 3.0, 20.0]))


@pytest.fixture
def windows() -> torch.Tensor:
    return torch.randn(11, T, C, generator=torch.Generator().manual_seed(1)) * 4 + 2


def test_raw_windows_give_what_normalised_ones_give_the_network(
    classifier: RawWindowClassifier, windows: torch.Tensor
) -> None:
    normalised = (windows - classifier.mean) / classifier.standard_deviation
    expected = torch.softmax(classifier.network.eval()(normalised), dim=1)
    torch.testing.assert_close(classifier.eval()(windows), expected)
    assert expected.std() > 0.01


def test_probabilities_are_float32_and_sum_to_one(classifier: RawWindowClassifier, windows: torch.Tensor) -> None:
    probabilities = predict_probabilities(classifier, windows)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (11, K)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 4, 11, 256])
def test_the_batch_size_changes_nothing(
    classifier: RawWindowClassifier, windows: torch.Tensor, batch_size: int
) -> None:
    classifier.train()  # dropout would change the answers if it stayed on
    expected = classifier.eval()(windows).detach().numpy()
    classifier.train()
    np.testing.assert_allclose(predict_probabilities(classifier, windows, batch_size), expected, atol=1e-6)


def exported(classifier: RawWindowClassifier, windows: torch.Tensor) -> nn.Module:
    batch = torch.export.Dim("num_windows")
    return torch.export.export(classifier.eval(), (windows[:2],), dynamic_shapes=({0: batch},)).module()


def test_an_exported_model_names_the_channel_that_is_not_finite() -> None:
    windows, network = torch.randn(3, T, DSADS.num_channels), nn.Sequential(nn.Flatten(), nn.Linear(T * 2, K))
    graph = exported(RawWindowClassifier(network, DSADS, channels=[0, 9]), windows)
    windows[2, 3, 1] = torch.nan  # which the model does not see
    assert graph(windows).isfinite().all()
    windows[1, 0, 9] = torch.nan
    with pytest.raises(RuntimeError, match="a channel of the unit RA has a value that is no finite number"):
        graph(windows)


def test_an_exported_model_fills_places_of_unequal_size_and_names_them() -> None:
    torch.manual_seed(0)
    network = create_model("compact", num_channels=10, num_timepoints=T, num_classes=4, width=4).eval()
    windows = torch.randn(3, T, 10) + 5
    windows[0, 3:9, :6] = windows[1, 12:, 6:] = 0
    graph = exported(RawWindowClassifier(network, POCKET_AND_WRIST, fills_gaps=True), windows)
    whole = fill_gaps(windows, POCKET_AND_WRIST.channels_of_place)
    assert not torch.equal(whole, windows)
    torch.testing.assert_close(graph(windows), torch.softmax(network(whole), dim=1))
    windows[2, 0, 6] = torch.inf
    with pytest.raises(RuntimeError, match="a channel of the unit wrist has a value"):
        graph(windows)


def test_an_exported_model_refuses_what_comes_to_no_probability(
    classifier: RawWindowClassifier, windows: torch.Tensor
) -> None:
    graph = exported(classifier, windows)
    with pytest.raises(RuntimeError, match="too large"):
        graph(torch.full_like(windows, 3e38))


def test_no_windows_are_refused(classifier: RawWindowClassifier) -> None:
    with pytest.raises(InputError, match="no windows"):
        predict_probabilities(classifier, torch.empty(0, T, C))


def test_statistics_are_saved_with_the_weights(classifier: RawWindowClassifier, windows: torch.Tensor) -> None:
    other = RawWindowClassifier(_Network(), SPEC, mean=torch.zeros(C), standard_deviation=torch.ones(C))
    other.load_state_dict(classifier.state_dict())
    torch.testing.assert_close(other.eval()(windows), classifier.eval()(windows))


def test_statistics_are_no_view_of_what_was_given() -> None:
    mean = torch.zeros(C)
    classifier = RawWindowClassifier(_Network(), SPEC, mean=mean, standard_deviation=torch.ones(C))
    mean += 1
    assert torch.equal(classifier.mean, torch.zeros(C))
    assert not any(name in {"mean", "standard_deviation"} for name, _ in classifier.named_parameters())


def test_channels_are_chosen_after_normalising(windows: torch.Tensor) -> None:
    mean, deviation = torch.linspace(-2, 2, 6), torch.linspace(1, 3, 6)
    network = _Network()
    classifier = RawWindowClassifier(
        network, small_dsads(6, K), mean=mean, standard_deviation=deviation, channels=[5, 0, 2, 3]
    ).eval()
    raw = torch.randn(7, T, 6, generator=torch.Generator().manual_seed(2))
    expected = torch.softmax(network.eval()(((raw - mean) / deviation)[:, :, [5, 0, 2, 3]]), dim=1)
    torch.testing.assert_close(classifier(raw), expected)
    assert torch.equal(classifier.state_dict()["channels"], torch.tensor([5, 0, 2, 3]))


@pytest.mark.parametrize("channels", [[], [4], [-1, 2]])
def test_channels_that_are_not_there_are_refused(channels: list[int]) -> None:
    with pytest.raises(InputError, match="expected some of 0 to 3"):
        RawWindowClassifier(_Network(), SPEC, mean=torch.zeros(C), standard_deviation=torch.ones(C), channels=channels)


def test_it_exports_for_any_number_of_windows(classifier: RawWindowClassifier, windows: torch.Tensor) -> None:
    batch = torch.export.Dim("batch", min=1)
    exported = torch.export.export(classifier.eval(), (windows[:2],), dynamic_shapes=({0: batch},)).module()
    for num_windows in (1, 2, 7):
        torch.testing.assert_close(exported(windows[:num_windows]), classifier(windows[:num_windows]))


@pytest.mark.parametrize(
    ("mean", "deviation", "message"),
    [
        (torch.zeros(C), torch.ones(C + 1), "expected \\(4,\\) for both"),
        (torch.zeros(C + 1), torch.ones(C + 1), "expected \\(4,\\) for both"),
        (torch.zeros(1, C), torch.ones(1, C), "expected \\(4,\\) for both"),
        (torch.zeros(C), torch.tensor([1.0, 1.0, 0.0, 1.0]), "positive"),
        (torch.zeros(C), torch.tensor([1.0, 1.0, -1.0, 1.0]), "positive"),
        (torch.full((C,), torch.nan), torch.ones(C), "finite"),
        (torch.zeros(C), torch.full((C,), torch.inf), "finite"),
    ],
)
def test_impossible_statistics_are_refused(mean: torch.Tensor, deviation: torch.Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        RawWindowClassifier(_Network(), SPEC, mean=mean, standard_deviation=deviation)


def test_the_version_is_that_of_the_weights(classifier: RawWindowClassifier) -> None:
    version = weights_version(classifier)
    assert len(bytes.fromhex(version)) == 32
    copy = RawWindowClassifier(_Network(), SPEC, mean=torch.zeros(C), standard_deviation=torch.ones(C))
    assert weights_version(copy) != version
    copy.load_state_dict(classifier.state_dict())
    assert weights_version(copy.eval()) == version


@pytest.mark.parametrize("name", ["network.linear.weight", "network.linear.bias", "mean", "standard_deviation"])
def test_one_changed_number_changes_the_version(classifier: RawWindowClassifier, name: str) -> None:
    version = weights_version(classifier)
    state = classifier.state_dict()
    state[name].view(-1)[0] = torch.nextafter(state[name].view(-1)[0], torch.tensor(torch.inf))
    assert weights_version(classifier) != version


def _module(**tensors: torch.Tensor) -> nn.Module:
    module = nn.Module()
    for name, tensor in tensors.items():
        module.register_buffer(name, tensor)
    return module


def test_order_and_layout_do_not_count_but_names_shapes_and_types_do() -> None:
    a, b = torch.arange(6.0).reshape(2, 3), torch.ones(3)
    version = weights_version(_module(a=a, b=b))
    assert weights_version(_module(b=b, a=a)) == version
    assert weights_version(_module(a=a.t().contiguous().t(), b=torch.ones(6)[::2])) == version
    alone = torch.arange(2).reshape(1, 2)[:, 0]  # contiguous for PyTorch, with a stride of 2
    assert weights_version(_module(a=alone)) == weights_version(_module(a=torch.tensor([0])))
    for other in ({"a": a, "c": b}, {"a": a.reshape(3, 2), "b": b}, {"a": a.double(), "b": b}, {"a": b, "b": a}):
        assert weights_version(_module(**other)) != version


def test_parameters_and_buffers_of_every_type_count() -> None:
    module = nn.BatchNorm1d(3).to(torch.bfloat16)
    module.register_buffer("scalar", torch.tensor(True))
    version = weights_version(module)
    module.num_batches_tracked = present(module.num_batches_tracked) + 1
    assert weights_version(module) != version


@pytest.fixture
def filling() -> tuple[RawWindowClassifier, torch.Tensor]:
    """A classifier that sees two units, of three, and windows with gaps."""
    torch.manual_seed(0)
    network = create_model("compact", num_channels=18, num_timepoints=T, num_classes=K, width=4).eval()
    classifier = RawWindowClassifier(
        network,
        small_dsads(27, K),
        mean=torch.full((27,), 5.0),
        standard_deviation=torch.full((27,), 0.5),
        channels=range(9, 27),
        fills_gaps=True,
    )
    windows = torch.randn(6, T, 27) + 5
    windows[0, 12:, 9:18] = windows[1, :5, 18:] = windows[2, 6:9] = windows[3, :, 9:18] = 0
    return classifier.eval(), windows


def test_gaps_are_filled_before_anything_is_normalised(filling: tuple[RawWindowClassifier, torch.Tensor]) -> None:
    classifier, windows = filling
    whole = fill_gaps(windows, small_dsads(27, K).channels_of_place)
    answers = classifier(windows)
    torch.testing.assert_close(answers, classifier(whole))
    classifier.fills_gaps = False
    torch.testing.assert_close(answers, classifier(whole))
    difference = (classifier(windows) - answers).abs().amax(dim=1)
    assert (difference[:3] > 1e-3).all()
    assert (difference[3:] == 0).all(), "nothing to fill, or nothing to fill it from"


def test_weights_tell_whether_a_classifier_fills(filling: tuple[RawWindowClassifier, torch.Tensor]) -> None:
    """Else what is below a model would not be made again when it begins to."""
    network = filling[0].network
    spec = small_dsads(27, K)
    versions = {weights_version(RawWindowClassifier(network, spec, fills_gaps=fills)) for fills in (False, True)}
    assert len(versions) == 2


def test_an_exported_classifier_fills_gaps_on_every_engine(
    filling: tuple[RawWindowClassifier, torch.Tensor], tmp_path: Path
) -> None:
    classifier, windows = filling
    with torch.no_grad():
        expected = classifier(windows).numpy()
        program = torch.export.export(classifier, (windows[:2],), dynamic_shapes=({0: torch.export.Dim("N")},))
    torch.export.save(program, tmp_path / "model.pt2")
    graph = load_graph(tmp_path / "model.pt2")
    assert graph(windows[:0]).shape == (0, K)
    for size in (1, len(windows)):
        np.testing.assert_allclose(predict_probabilities(graph, windows[:size]), expected[:size], atol=1e-6)
        engines: tuple[Engine, ...] = ("torch", "openvino")
        for engine in engines:
            fast = accelerate(graph, num_timepoints=T, num_channels=27, engine=engine, precision="fp32")
            np.testing.assert_allclose(fast(windows[:size].numpy()), expected[:size], atol=1e-4)


@pytest.mark.skipif(not has_bf16(), reason="OpenVINO takes bf16 where the processor has it")
def test_an_engine_in_bf16_fills_windows_longer_than_it_can_count() -> None:
    """Of whole numbers above 256, bf16 holds only some."""
    torch.manual_seed(0)
    network = create_model("cnn", num_channels=9, num_timepoints=300, num_classes=K, base_width=4).eval()
    classifier = RawWindowClassifier(network, small_dsads(9, K), fills_gaps=True).eval()
    windows = torch.randn(4, 300, 9)
    windows[0, 250:] = windows[1, 260:290] = windows[2, ::2] = 0
    fast = accelerate(classifier, num_timepoints=300, num_channels=9, engine="openvino", precision="bf16")
    with torch.no_grad():
        expected = classifier(windows).numpy()
    np.testing.assert_allclose(fast(windows.numpy()), expected, atol=0.01)


def test_a_single_value_counts_whatever_stride_it_came_with() -> None:
    assert weights_version(_module(a=torch.arange(4)[::2][:1])) == weights_version(_module(a=torch.zeros(1).long()))
