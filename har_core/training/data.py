"""Windows to train on, and their batches. It reads no files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from har_core.base.errors import InputError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftLabels:
    """What a teacher says of the same windows, and how much that counts beside their activities."""

    shares: Tensor
    """Of the activities, float32 (N, K), softened by ``temperature``."""
    temperature: float
    """What the logits of whoever learns are divided by, too."""
    weight: float
    """Share of the loss, 0 to 1; the activities have the rest."""
    features: Tensor | None = None
    """What the teacher's last layer takes, float32 (N, F); None where they are not compared."""
    feature_weight: float = 0.0
    """Share of that comparison in the loss, 0 to 1; all of the above has the rest."""

    def of(self, change: Callable[[Tensor], Tensor]) -> SoftLabels:
        """Those of other windows, which ``change`` makes of what there is for each window (N, ...)."""
        features = None if self.features is None else change(self.features)
        return replace(self, shares=change(self.shares), features=features)


@dataclass(frozen=True, slots=True)
class LabelledWindows:
    """Windows of one role and their activities, as two tensors on one device."""

    windows: Tensor
    """Normalised samples, float32 (N, T, C)."""
    labels: Tensor
    """Activities counted from 0, int64 (N,)."""
    soft: SoftLabels | None = None
    """Of a teacher; None where there is none."""

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> LabelledWindows:
        """The same windows on ``device``; tensors that are already there are not copied."""
        soft = None if self.soft is None else self.soft.of(lambda own: own.to(device))
        return LabelledWindows(self.windows.to(device), self.labels.to(device), soft)

    def near(self, device: torch.device) -> LabelledWindows:
        """The same windows on ``device``, or unchanged if they would take more than half of a CUDA card's free memory.

        On the CPU nothing is copied, so windows that are mapped from a file stay there.
        """
        if device.type == "cuda" and self.windows.nbytes > torch.cuda.mem_get_info(device)[0] // 2:
            return self
        return self.to(device)

    def select(self, indices: Tensor) -> LabelledWindows:
        """The windows at ``indices`` (int64, of any length, on the device of the windows), in one operation."""
        soft = None if self.soft is None else self.soft.of(lambda own: own[indices])
        return LabelledWindows(self.windows[indices], self.labels[indices], soft)


def batch_sizes(num_windows: int, batch_size: int) -> list[int]:
    """The sizes of the batches of one epoch.

    The last batch takes what is left. A single window left over joins the batch before it, because batch norm cannot
    normalise a single value.

    >>> batch_sizes(300, 128), batch_sizes(257, 128)
    ([128, 128, 44], [128, 129])
    """
    sizes = [batch_size] * (num_windows // batch_size)
    rest = num_windows % batch_size
    if rest == 1 and sizes:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes


def check(role: str, data: LabelledWindows, *, num_classes: int, at_least: int) -> None:
    """Check that windows can be trained on.

    Raises:
        InputError: wrong shapes or types, too few windows, or a label outside 0 … ``num_classes`` - 1.
    """
    windows, labels = data.windows, data.labels
    problems = []
    if windows.dim() != 3 or windows.dtype != torch.float32:  # noqa: PLR2004 - windows, timepoints, channels
        found = f"{windows.dtype} {tuple(windows.shape)}"
        problems.append(Problem(path=f"{role} windows", value=found, expected="a float32 tensor (N, T, C)"))
    if labels.shape != windows.shape[:1] or labels.dtype != torch.int64:
        found = f"{labels.dtype} {tuple(labels.shape)}"
        problems.append(Problem(path=f"{role} labels", value=found, expected="int64, one label for each window"))
    if data.soft is not None and data.soft.shares.shape != (len(labels), num_classes):
        found, expected = str(tuple(data.soft.shares.shape)), f"shares {(len(labels), num_classes)}"
        problems.append(Problem(path=f"{role} soft labels", value=found, expected=expected))
    if len(labels) < at_least:
        found = f"{len(labels)} windows"
        problems.append(Problem(path=f"{role} windows", value=found, expected=f"at least {at_least}"))
    elif labels.min() < 0 or labels.max() >= num_classes:
        found = f"{int(labels.min())} to {int(labels.max())}"
        problems.append(Problem(path=f"{role} labels", value=found, expected=f"0 to {num_classes - 1}"))
    if problems:
        raise InputError(f"The {role} windows cannot be used", problems)
