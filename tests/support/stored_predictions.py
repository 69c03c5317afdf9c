"""What each architecture answers after a tiny fit, as stored in ``tests/contracts/predictions``.

To store the answers of a new architecture, or of one that was changed on purpose::

    python tests/support/stored_predictions.py NAME…
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from data_sets import as_in_dsads
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from har_core.models import create_model, fit_model
from har_core.models.catalogue import is_network

FOLDER = Path(__file__).parents[1] / "contracts" / "predictions"
NUM_TIMEPOINTS, WIDTH, NUM_CLASSES = 64, 9, 6
_NUM_TRAINING, _NUM_TEST = 36, 5
_NUM_STEPS = 2
_DIGITS = 6


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.json"


def stored(name: str) -> Tensor:
    """As :func:`answers` gives them."""
    return torch.tensor(json.loads(path_of(name).read_text(encoding="utf-8")))


def answers(name: str) -> Tensor:
    """Logits (N, K) of a network after two steps of training, probabilities (N, K) of a classical model after its fit.

    Windows and weights come from fixed seeds. The steps are plain gradient descent: those of AdamW have the size of the
    learning rate however small a gradient is, so that another processor's rounding could turn one round.
    """
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        labels = torch.arange(_NUM_TRAINING) % NUM_CLASSES
        rhythm = torch.sin(torch.arange(NUM_TIMEPOINTS) * (labels[:, None] + 1) / 10)
        windows = torch.randn(_NUM_TRAINING, NUM_TIMEPOINTS, WIDTH) + rhythm[:, :, None] + labels[:, None, None] / 4
        if is_network(name):
            logits: Tensor = _trained(name, windows, labels).eval()(windows[:_NUM_TEST])
            return logits.detach()
        model = fit_model(name, windows, labels, num_classes=NUM_CLASSES, seed=0, **as_in_dsads(WIDTH))
        scores: Tensor = model(windows[:_NUM_TEST] + torch.randn(_NUM_TEST, NUM_TIMEPOINTS, WIDTH))
        return scores.softmax(dim=1)
    finally:
        torch.set_num_threads(threads)


def _trained(name: str, windows: Tensor, labels: Tensor) -> nn.Module:
    model = create_model(name, num_channels=WIDTH, num_timepoints=NUM_TIMEPOINTS, num_classes=NUM_CLASSES)
    optimizer = torch.optim.SGD(model.train().parameters(), lr=0.05)
    for _ in range(_NUM_STEPS):
        optimizer.zero_grad()
        torch.autograd.backward(cross_entropy(model(windows), labels))
        optimizer.step()
    return model


def store(name: str) -> None:
    rows = [[float(f"{value:.{_DIGITS}g}") for value in row] for row in answers(name).tolist()]
    FOLDER.mkdir(exist_ok=True)
    path_of(name).write_text("[\n" + ",\n".join(f" {json.dumps(row)}" for row in rows) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        store(name)
        print(f"Stored {path_of(name)}")  # noqa: T201
