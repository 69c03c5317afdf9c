"""The plain way of everything that the benches measure: what one would first write, in few lines."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from plain_networks import make_plain
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


def read_folder(folder: Path) -> np.ndarray:
    """Every segment file of a folder, one after the other, as one array (N, 125, 45). No checks, nothing is written."""
    files = sorted(folder.glob("a*/p*/s*.txt"))
    return np.stack([pd.read_csv(file, header=None).to_numpy(np.float32) for file in files])


def read_zip(path: Path) -> np.ndarray:
    """The same of a zip."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".txt"))
        return np.stack([pd.read_csv(archive.open(name), header=None).to_numpy(np.float32) for name in names])


def load_windows(path: Path, training_subjects: tuple[int, ...]) -> dict[str, Tensor]:
    """A table of windows as normalised tensors: training windows, and the others."""
    table = pd.read_parquet(path)
    columns = [name for name in table.columns if table[name].dtype == object]
    windows = np.stack([np.stack(table[name].to_numpy()) for name in columns], axis=2)
    is_training = table["subject"].isin(training_subjects).to_numpy()
    mean = windows[is_training].mean(axis=(0, 1))
    windows = (windows - mean) / windows[is_training].std(axis=(0, 1))
    return {"training": torch.from_numpy(windows[is_training]), "other": torch.from_numpy(windows[~is_training])}


def training_epoch(name: str, windows: Tensor, labels: Tensor, batch_size: int) -> Callable[[], list[float]]:
    """One pass in float32 over a DataLoader; returns the loss of each step."""
    model = make_plain(name, num_channels=windows.shape[2], num_classes=19)
    loader = DataLoader(TensorDataset(windows, labels), batch_size=batch_size, shuffle=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=1e-3)
    criterion = nn.CrossEntropyLoss()

    def epoch() -> list[float]:
        losses = []
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    return epoch


def answering(name: str, num_channels: int) -> Callable[[Tensor], Tensor]:
    """Logits in float32, in evaluation mode."""
    model = make_plain(name, num_channels=num_channels, num_classes=19).eval()

    def answer(windows: Tensor) -> Tensor:
        with torch.no_grad():
            logits: Tensor = model(windows)
        return logits

    return answer
