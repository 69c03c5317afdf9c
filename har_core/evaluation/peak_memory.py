"""How much memory a model takes while it answers: its own numbers, and the most that its steps hold at one time."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_bytes(model: nn.Module, num_timepoints: int, num_channels: int) -> int:
    """Bytes of all parameters and buffers, and of what is held besides while one window (1, T, C) is answered.

    Counted is what PyTorch's operations take and return. What an operation needs within itself, as the unrolled matrix
    of a convolution, differs by processor and does not count. The model is moved to the CPU and set to evaluation mode.
    """
    model.to("cpu").eval()
    own = [tensor.untyped_storage() for tensor in (*model.parameters(), *model.buffers())]
    held = _Held({storage.data_ptr() for storage in own})
    with torch.inference_mode():
        window = torch.zeros(1, num_timepoints, num_channels)
        held.hold(window)
        with held:
            model(window)
    return sum({storage.data_ptr(): storage.nbytes() for storage in own}.values()) + held.most


class _Held(TorchDispatchMode):
    """While it is open, it counts the bytes of the tensors that there are."""

    def __init__(self, known: set[int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._known = known
        self._now = 0
        self.most = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.hold(leaf)
        return result

    def hold(self, tensor: Tensor) -> None:
        """Count ``tensor`` until it is gone; views of what is counted already take nothing."""
        storage = tensor.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if size and place not in self._known:
            self._known.add(place)
            self._now += size
            self.most = max(self.most, self._now)
            weakref.finalize(storage, self._release, place, size)

    def _release(self, place: int, size: int) -> None:
        self._known.discard(place)
        self._now -= size
