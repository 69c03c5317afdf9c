"""Small parents of recipes, and windows that they learn from."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from data_sets import small_dsads
from torch import Tensor, nn
from window_examples import named_windows

from har_core.compression.recipe import Compressed, Material, Parent, with_input
from har_core.inference.exporting import quick_export
from har_core.inference.graph import load_graph
from har_core.models.registry import create_model
from har_core.settings.experiment import ModelSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.splits.build import SplitWindows
from har_core.splits.normalization import Statistics
from har_core.windows.tensors import WindowTensors

T, C, K = 12, 6, 4
SPEC = small_dsads(C, K)
STATISTICS = Statistics(
    channels=SPEC.channel_names,
    mean=np.linspace(-3, 9, C, dtype=np.float32),
    standard_deviation=np.linspace(0.5, 4, C, dtype=np.float32),
)
OPTIONS: dict[str, dict[str, Any]] = {
    "cnn": {"base_width": 8},
    "resnet": {"base_width": 4},
    "compact": {"width": 16},
    "lstm": {"hidden_size": 16},
    "bilstm": {"hidden_size": 8},
    "gru": {"hidden_size": 16},
    "rnn": {"hidden_size": 16},
    "deepconvlstm": {"width": 4, "hidden_size": 8, "kernel_size": 3},
    "tinyhar": {"width": 8},
    "vgg": {"base_width": 4},
    "shufflenet": {"base_width": 8},
    "sknet": {"base_width": 8},
    "transformer": {},
    "capsnet": {"width": 16},
}
"""Of networks small enough to be trained and exported in a test."""


def material_of(name: str, **training: Any) -> Material:
    """Windows of three activities, which differ in level, and how the network ``name`` learnt from them."""
    recipe = TrainingSettings.model_validate({"epochs": 1, "batch_size": 16} | training)
    roles = {"training": _windows(48, 0), "validation": _windows(12, 1), "test": _windows(12, 2)}
    return Material(
        windows=SplitWindows(spec=SPEC, roles=roles, statistics=STATISTICS, num_dropped={}),
        settings=ModelSettings(training=recipe, architecture_options=OPTIONS[name]),
        runtime=RuntimeSettings(device="cpu", num_threads=1),
        seed=5,
    )


@cache
def parent_of(name: str) -> Parent:
    """A network with random weights that it answers with as a registered model; nobody may change it."""
    material = material_of(name)
    torch.manual_seed(0)
    network = create_model(name, num_channels=C, num_timepoints=T, num_classes=K, **OPTIONS[name])
    with torch.no_grad():
        network.train()(material.windows.roles["training"].windows)  # statistics of batch norm that are not the first
    return Parent(name=name, model=exported(with_input(network.eval(), material)))


def exported(model: nn.Module) -> nn.Module:
    """``model`` as it comes back from its file."""
    with TemporaryDirectory() as folder:
        return load_graph(saved(model, Path(folder)))


def saved(model: nn.Module, folder: Path) -> Path:
    """The file of ``model`` in ``folder``."""
    with quick_export():
        program = torch.export.export(model, (torch.zeros(2, T, C),), dynamic_shapes=({0: torch.export.Dim("N")},))
    torch.export.save(program, folder / "model.pt2")
    return folder / "model.pt2"


def raw_windows(num_windows: int) -> Tensor:
    """Test windows (N, T, C) in sensor units."""
    return material_of("cnn").raw("test")[:num_windows]


def weights(model: nn.Module) -> dict[str, Tensor]:
    """Copies of all parameters and buffers."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_same_weights(model: nn.Module, before: dict[str, Tensor]) -> None:
    """All parameters and buffers are those of before, bit for bit."""
    after = model.state_dict()
    assert after.keys() == before.keys()
    for name, tensor in before.items():
        assert torch.equal(after[name], tensor), name


def check_exported(compressed: Compressed) -> nn.Module:
    """The model comes back from its file and answers alike, with any number of windows; returns what came back."""
    loaded = exported(compressed.classifier)
    for num_windows in (1, 2, 7):
        windows = raw_windows(num_windows)
        with torch.inference_mode():
            torch.testing.assert_close(loaded(windows), compressed.classifier(windows), rtol=0, atol=1e-4)
    return loaded


def _windows(num_windows: int, seed: int) -> WindowTensors:
    labels = np.arange(num_windows) % (K - 1)
    own = torch.randn(num_windows, T, C, generator=torch.Generator().manual_seed(seed))
    named = named_windows(labels, 1, spec=SPEC)
    return replace(named, windows=own + torch.from_numpy(labels).float()[:, None, None])
