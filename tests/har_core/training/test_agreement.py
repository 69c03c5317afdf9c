"""Training gives the losses that the plain way gives: PyTorch's own layers, a hand-written loop, float32."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from har_core.models import create_model
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.training.data import LabelledWindows
from har_core.training.loop import train
from har_core.training.seeding import seed_everything

make_plain = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "plain_networks.py"))["make_plain"]

ARCHITECTURES = ("cnn", "resnet", "shufflenet", pytest.param("lstm", marks=pytest.mark.slow))
SIZES = {"num_channels": 3, "num_classes": 3}
NUM_WINDOWS, NUM_TIMEPOINTS = 36, 24
SETTINGS = TrainingSettings(epochs=4, batch_size=8, seed=3)
TOLERANCE = {"off": 1e-4, "bf16": 2e-2}
"""Of the mean loss of an epoch, as a share of it."""


def made_windows() -> LabelledWindows:
    """Classes that differ in their offset, so that the loss falls."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(NUM_WINDOWS) % SIZES["num_classes"]
    noise = torch.randn(NUM_WINDOWS, NUM_TIMEPOINTS, SIZES["num_channels"], generator=generator)
    return LabelledWindows(noise + labels[:, None, None] * 0.5, labels)


def networks(name: str) -> tuple[nn.Module, nn.Module]:
    """Ours and the plain one, with the same weights."""
    seed_everything(SETTINGS.seed)
    options = {} if name == "lstm" else {"base_width": 16}
    ours = create_model(name, num_timepoints=NUM_TIMEPOINTS, **SIZES, **options)
    plain = make_plain(name, **SIZES, **options)
    with torch.no_grad():
        for own, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
            theirs.copy_(own.reshape(theirs.shape))
    return ours, plain


def plain_losses(model: nn.Module, data: LabelledWindows) -> list[float]:
    """Mean loss of each epoch; the order of the windows and the learning rate are those of the settings."""
    order = torch.Generator().manual_seed(SETTINGS.seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=SETTINGS.learning_rate, weight_decay=SETTINGS.weight_decay, fused=False
    )
    losses = []
    for epoch in range(SETTINGS.epochs):
        optimizer.param_groups[0]["lr"] = SETTINGS.learning_rate * 0.5 ** (
            epoch * SETTINGS.num_steps // SETTINGS.epochs
        )
        total = 0.0
        for indices in torch.split(torch.randperm(len(data), generator=order), SETTINGS.batch_size):
            optimizer.zero_grad()
            loss: Tensor = nn.functional.cross_entropy(model(data.windows[indices]), data.labels[indices])
            torch.autograd.backward(loss)
            optimizer.step()
            total += loss.item() * len(indices)
        losses.append(total / len(data))
    return losses


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So little work is done faster by one, and far faster where the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("mixed_precision", TOLERANCE)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_loss_curve_is_that_of_the_plain_way(name: str, mixed_precision: str) -> None:
    data, (ours, plain) = made_windows(), networks(name)
    settings = SETTINGS.model_copy(update={"mixed_precision": mixed_precision})
    result = train(ours, data, data, settings, RuntimeSettings(device="cpu"), num_classes=SIZES["num_classes"])
    own, expected = [record.training_loss for record in result.history], plain_losses(plain, data)
    assert expected[-1] < 0.8 * expected[0]
    assert own == pytest.approx(expected, rel=TOLERANCE[mixed_precision])
