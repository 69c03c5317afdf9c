"""Quicker answers of finished models: the same answers, on every engine and in every precision."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from data_sets import small_dsads
from narrowing import present
from torch import nn

from har_core.base.errors import InputError
from har_core.inference import acceleration
from har_core.inference.acceleration import Engine, Precision, accelerate, random_windows
from har_core.inference.classifier import RawWindowClassifier, predict_probabilities
from har_core.inference.graph import load_graph
from har_core.inference.likeness import describe_training
from har_core.inference.openvino_engine import convert, quantise
from har_core.models import create_model, fit_model
from har_core.training.devices import has_bf16

T, C, K = 40, 6, 19
SPEC = small_dsads(C, K)
OPTIONS = {
    "cnn": {"base_width": 16},
    "resnet": {"base_width": 8},
    "shufflenet": {"base_width": 16},
    "compact": {"width": 16},
    "lstm": {"hidden_size": 16},
    "bilstm": {"hidden_size": 16},
    "gru": {"hidden_size": 16},
    "rnn": {"hidden_size": 16},
    "capsnet": {"width": 16},
    "lite_time": {"width": 8},
}
TOLERANCE = {"fp32": 1e-3, "bf16": 0.1, "int8": 0.25}
"""Of an answer, in parts of how much answers differ from window to window: what is the same for all is far off."""


@pytest.fixture(scope="module")
def windows() -> np.ndarray:
    return np.random.default_rng(0).normal(3.0, 2.0, (150, T, C)).astype(np.float32)


def classifier(name: str, **options: int) -> RawWindowClassifier:
    """With statistics of batch norm that are not those of the beginning, and probabilities that are not all alike."""
    torch.manual_seed(0)
    network = create_model(name, num_channels=C, num_timepoints=T, num_classes=K, **OPTIONS[name] | options)
    with torch.no_grad():
        for _ in range(5):
            network(torch.randn(32, T, C))
        for parameter in network.parameters():
            parameter.mul_(1.5)
    mean, deviation = torch.full((C,), 3.0), torch.full((C,), 2.0)
    return RawWindowClassifier(network, SPEC, mean=mean, standard_deviation=deviation).eval()


def test_random_windows_have_levels_and_movements_of_the_training_where_a_channel_is_seen() -> None:
    generator = np.random.default_rng(1)
    levels, movements = generator.uniform(90, 110, (50, 1, C)), generator.uniform(2, 5, (50, 1, C))
    own = (levels + movements * generator.normal(size=(50, 400, C))).astype(np.float32)
    drawn = random_windows(describe_training([own], SPEC, [0, 2]), 400, C)
    assert drawn.dtype == np.float32
    means, deviations = drawn[:, :, [0, 2]].mean(axis=1), drawn[:, :, [0, 2]].std(axis=1)
    for found, low, high in ((means, 90, 110), (deviations, 2, 5)):
        slack = (high - low) / 5
        assert abs(found.min() - low) < slack
        assert abs(found.max() - high) < slack
    unseen = np.delete(drawn, [0, 2], axis=2)
    assert np.allclose(unseen.std(axis=1).mean(axis=1)[:3], [0.01, 1, 10], rtol=0.1)


def spread(answers: np.ndarray) -> float:
    """The largest difference between two windows in one activity."""
    return float(np.ptp(answers, axis=0).max())


@pytest.mark.parametrize(
    ("name", "engine", "precision"),
    [
        *((name, "torch", precision) for name in OPTIONS for precision in ("fp32", "bf16")),
        *(("cnn", "openvino", precision) for precision in ("fp32", "bf16")),
        ("lstm", "openvino", "fp32"),
        *(
            pytest.param(name, "openvino", precision, marks=pytest.mark.slow)  # seconds each, to convert
            for name in ("resnet", "shufflenet", "lstm", "bilstm", "gru", "rnn")
            for precision in ("fp32", "bf16")
            if (name, precision) != ("lstm", "fp32")
        ),
    ],
)
def test_answers_are_those_of_the_model(name: str, engine: Engine, precision: Precision, windows: np.ndarray) -> None:
    model = classifier(name)
    expected = predict_probabilities(model, torch.from_numpy(windows))
    fast = accelerate(model, num_timepoints=T, num_channels=C, engine=engine, precision=precision)
    for size in (1, fast.batch_size, 150):
        answered = fast(windows[:size])
        assert answered.dtype == np.float32
        assert answered.shape == (size, K)
        np.testing.assert_allclose(answered, expected[:size], atol=TOLERANCE[precision] * spread(expected))
        np.testing.assert_allclose(answered.sum(axis=1), 1, atol=1e-3)
        if (engine, precision) == ("torch", "bf16"):  # OpenVINO takes it where the processor has it, PyTorch anywhere
            assert np.abs(answered - expected[:size]).max() > 1e-6


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("shufflenet", "torch"),
        ("lstm", "torch"),
        ("lstm", "openvino"),
        *(pytest.param(name, "openvino", marks=pytest.mark.slow) for name in ("shufflenet", "gru")),
    ],
)
def test_exported_model_is_taken_too(name: str, engine: Engine, windows: np.ndarray) -> None:
    model = classifier(name)
    with torch.no_grad():
        example = torch.zeros(2, T, C)
        exported = torch.export.export(model, (example,), dynamic_shapes=({0: torch.export.Dim("N")},)).module()
    fast = accelerate(exported, num_timepoints=T, num_channels=C, engine=engine, precision="fp32")
    expected = predict_probabilities(model, torch.from_numpy(windows))
    for size in (1, len(windows)):
        np.testing.assert_allclose(fast(windows[:size]), expected[:size], atol=TOLERANCE["fp32"] * spread(expected))


@pytest.mark.parametrize("name", ["capsnet", "lite_time"])  # which compute in float32 what they may
def test_graph_from_a_file_is_taken_in_bf16(name: str, windows: np.ndarray, tmp_path: Path) -> None:
    model = classifier(name)
    with torch.no_grad():
        example = torch.zeros(2, T, C)
        program = torch.export.export(model, (example,), dynamic_shapes=({0: torch.export.Dim("N")},))
    torch.export.save(program, tmp_path / "model.pt2")
    graph = load_graph(tmp_path / "model.pt2")
    fast = accelerate(graph, num_timepoints=T, num_channels=C, engine="torch", precision="bf16")
    expected = predict_probabilities(model, torch.from_numpy(windows))
    np.testing.assert_allclose(fast(windows), expected, atol=TOLERANCE["bf16"] * spread(expected))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "mean_difference"),
    [("cnn", {"base_width": 64}, 0.06), ("shufflenet", {"base_width": 64}, 0.12), ("lstm", {"hidden_size": 64}, 0.3)],
)
def test_int8_is_near(windows: np.ndarray, name: str, options: dict[str, int], mean_difference: float) -> None:
    model = classifier(name, **options)
    fast = accelerate(model, num_timepoints=T, num_channels=C, precision="int8", calibration=windows)
    assert (fast.engine, fast.precision) == ("openvino", "int8")
    answered, expected = fast(windows), predict_probabilities(model, torch.from_numpy(windows))
    tolerance = TOLERANCE["int8"] * spread(expected)
    np.testing.assert_allclose(answered, expected, atol=tolerance)
    np.testing.assert_allclose(fast(windows[:1]), expected[:1], atol=tolerance)
    found = np.abs(answered - expected).mean() / np.abs(expected - expected.mean(axis=0)).mean()
    assert 0 < found < mean_difference  # twice as much where not only matrix products are of int8


def test_int8_takes_the_weights_of_recurrent_layers_too(windows: np.ndarray) -> None:
    model = classifier("lstm")
    converted = convert(model, num_timepoints=T, num_channels=C, is_recurrent=True)
    constants = [op for op in quantise(converted, windows).get_ops() if op.get_type_name() == "Constant"]
    num_int8 = sum(np.prod(op.get_output_shape(0)) for op in constants if op.get_element_type().get_type_name() == "i8")
    matrices = [parameter for parameter in model.network.parameters() if parameter.ndim == 2]
    assert num_int8 == sum(matrix.numel() for matrix in matrices)


@pytest.mark.parametrize("name", ["cnn", "lstm"])
def test_auto_takes_openvino_where_it_is_installed(name: str) -> None:
    fast = accelerate(classifier(name), num_timepoints=T, num_channels=C)
    assert (fast.engine, fast.precision) == ("openvino", "bf16" if has_bf16() else "fp32")


def test_auto_takes_pytorch_where_openvino_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceleration, "_is_installed", lambda package: False)
    assert accelerate(classifier("cnn"), num_timepoints=T, num_channels=C).engine == "torch"


def test_exact_models_stay_exact(windows: np.ndarray) -> None:
    labels = torch.arange(len(windows)) % K
    model: nn.Module = RawWindowClassifier(
        fit_model(
            "logistic_regression", torch.from_numpy(windows), labels, num_classes=K, seed=0, sampling_rate_hz=25.0
        ),
        SPEC,
        mean=torch.zeros(C),
        standard_deviation=torch.ones(C),
    ).eval()
    fast = accelerate(model, num_timepoints=T, num_channels=C, precision="fp32")
    assert fast.engine == "torch"
    np.testing.assert_array_equal(fast(windows[:64]), predict_probabilities(model, torch.from_numpy(windows[:64])))


def test_everything_that_is_impossible_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceleration, "_is_installed", lambda package: False)
    with pytest.raises(InputError) as error:
        accelerate(classifier("lstm"), num_timepoints=T, num_channels=C, engine="torch", precision="int8")
    assert [(problem.path, problem.value) for problem in error.value.problems] == [
        ("engine", "no OpenVINO"),
        ("engine", "torch"),
        ("precision", "int8, no NNCF"),
        ("calibration", "none"),
    ]


class Unknown(nn.Module):
    """An operator that OpenVINO does not have."""

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = torch.linalg.svdvals(windows)
        return values


class Fixed(nn.Module):
    """Made for the number of windows that it is traced with."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(C, 8, batch_first=True)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        state = torch.zeros(1, int(windows.shape[0]), 8)
        states: torch.Tensor = self.lstm(windows, (state, state))[0]
        return states[:, -1]


class Failing(Fixed):
    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        raise ValueError("no reason\nor one\n")


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Unknown(), "No conversion rule found for operations: aten._linalg_svd.default"),
        (Fixed(), "it would be fixed to one number of windows"),
        (Failing(), "or one"),
    ],
)
def test_what_openvino_cannot_take_is_told(model: nn.Module, reason: str) -> None:
    with pytest.raises(InputError) as error:
        accelerate(model.eval(), num_timepoints=T, num_channels=C, engine="openvino", precision="fp32")
    (problem,) = error.value.problems
    assert present(problem.value).startswith(f"openvino, fp32: {reason}")


def test_several_threads_may_ask_at_once(windows: np.ndarray) -> None:
    fast = accelerate(classifier("cnn"), num_timepoints=T, num_channels=C, engine="openvino", precision="fp32")
    alone = [fast(window[None]) for window in windows]
    with ThreadPoolExecutor(4) as threads:
        together = [*threads.map(lambda window: fast(window[None]), windows)]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("engine", ["torch", "openvino"])
@pytest.mark.parametrize(
    ("precision", "value"),
    [
        ("fp32", np.inf),
        ("bf16", np.nan),
        pytest.param("fp32", np.nan, marks=pytest.mark.slow),
        pytest.param("bf16", np.inf, marks=pytest.mark.slow),
    ],
)
def test_values_that_are_not_finite_are_refused_with_their_place(
    windows: np.ndarray, engine: Engine, precision: Precision, value: float
) -> None:
    faster = accelerate(classifier("cnn"), num_timepoints=T, num_channels=C, engine=engine, precision=precision)
    damaged = windows.copy()
    damaged[70, 3, 5] = value
    with pytest.raises(InputError, match="window 70, row 3, channel 5: found nothing, expected a finite number"):
        faster(damaged)


def test_no_windows_are_refused() -> None:
    fast = accelerate(classifier("cnn"), num_timepoints=T, num_channels=C, engine="torch")
    with pytest.raises(InputError, match="no windows"):
        fast(np.zeros((0, T, C), np.float32))


@pytest.mark.slow
def test_nobody_is_told_of_the_use() -> None:
    code = """
import sys, numpy as np, torch
from torch import nn
from har_core.inference.acceleration import accelerate
model = nn.Sequential(nn.Flatten(), nn.Linear(8, 3), nn.Softmax(dim=-1)).eval()
windows = np.zeros((4, 4, 2), np.float32)
fast = accelerate(model, num_timepoints=4, num_channels=2, precision="int8", calibration=windows)
print(fast.engine, [name for name in sys.modules if name.startswith("openvino_telemetry.")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["openvino []"], done.stdout + done.stderr
