"""The module that is exported and registered: a model with what precedes it inside, and what names its weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, groupby

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from har_core.base.errors import InputError
from har_core.inference.weights import Weight, digest_of
from har_core.spec.dataset import DatasetSpec
from har_core.windows.gaps import fill_gaps


class RawWindowClassifier(nn.Module):
    """A model with what precedes it inside: raw windows (N, T, C) in sensor units to probabilities (N, K)."""

    def __init__(
        self,
        network: nn.Module,
        spec: DatasetSpec,
        *,
        mean: Tensor | None = None,
        standard_deviation: Tensor | None = None,
        channels: Sequence[int] | None = None,
        fills_gaps: bool = False,
    ) -> None:
        """Keep ``network`` and what comes before it.

        Args:
            network: windows (N, T, C) of the channels that it sees to logits (N, K).
            spec: what the windows are of.
            mean: (C,) of the training windows, kept as a buffer; None where ``network`` takes windows as they are.
            standard_deviation: (C,), given together with ``mean``.
            channels: indices of the channels that ``network`` sees, kept as a buffer; None for all of them.
            fills_gaps: whether zeros of a place are filled first, see :func:`har_core.windows.gaps.fill_gaps`.

        Raises:
            InputError: the shapes are not those of ``spec``, a deviation is not positive and finite, or there is no
                such channel.
        """
        super().__init__()
        self.network = network
        self.places = tuple(channel.place for channel in spec.channels)
        self.groups = spec.channels_of_place
        self.fills_gaps = fills_gaps
        if fills_gaps:  # a buffer, so that the weights of a model tell whether it fills
            self.lost = nn.Buffer(torch.zeros(()))
        self.is_normalising = mean is not None or standard_deviation is not None
        self.has_all_channels = channels is None
        self.channel_indices = None if channels is None else tuple(channels)
        if channels is not None:
            if not (channels and set(channels) <= set(range(spec.num_channels))):
                raise InputError(f"channels are {list(channels)}, expected some of 0 to {spec.num_channels - 1}")
            self.channels = nn.Buffer(torch.tensor(list(channels), dtype=torch.int64))
        if mean is not None and standard_deviation is not None:
            _check_statistics(mean, standard_deviation, spec.num_channels)
            self.mean = nn.Buffer(mean.detach().to(torch.float32).clone())
            self.standard_deviation = nn.Buffer(standard_deviation.detach().to(torch.float32).clone())

    def forward(self, windows: Tensor) -> Tensor:
        """Raw float32 windows (N, T, C) to float32 probabilities (N, K).

        Once exported it raises ``RuntimeError`` where a channel that it sees has NaN or infinity, and names the
        place: a forest would answer with a class, and others with NaN, of which ``argmax`` makes a class.
        """
        if torch.compiler.is_exporting():
            is_finite = windows.abs().amax(dim=1).isfinite().all(dim=0)
            if self.channel_indices is None:
                _refuse_what_is_not_finite(is_finite, range(windows.shape[2]), self.places)
            else:
                _refuse_what_is_not_finite(is_finite.index_select(0, self.channels), self.channel_indices, self.places)
        if self.fills_gaps:
            windows = fill_gaps(windows, self.groups, self.lost)
        if self.is_normalising:
            windows = (windows - self.mean) / self.standard_deviation
        if not self.has_all_channels:
            windows = windows.index_select(2, self.channels)
        probabilities = torch.softmax(self.network(windows), dim=-1, dtype=torch.float32)
        if torch.compiler.is_exporting():
            _require(probabilities.sum().isfinite(), "the values are too large: no probability comes of them")
        return probabilities


def _refuse_what_is_not_finite(is_finite: Tensor, channels: Sequence[int], places: Sequence[str]) -> None:
    """Have the exported graph look whether all values of ``channels`` (C indices) are: ``is_finite`` (C,).

    Place by place: a check of each channel by itself made one window through the compact network a fifth slower.
    """
    first = 0
    for place, own in groupby(channels, lambda channel: places[channel]):
        end = first + len([*own])
        message = f"a channel of the unit {place} has a value that is no finite number (NaN, null or infinity)"
        _require(is_finite[first:end].all(), message)
        first = end


def _require(condition: Tensor, message: str) -> None:
    """A check that a graph keeps when it is exported, and saved."""
    torch._assert_async(condition, message)  # noqa: SLF001 - what the public forms become, with a text


def _check_statistics(mean: Tensor, standard_deviation: Tensor, num_channels: int) -> None:
    if not mean.shape == standard_deviation.shape == (num_channels,):
        raise InputError(
            f"mean has shape {tuple(mean.shape)} and standard deviation {tuple(standard_deviation.shape)}, "
            f"expected ({num_channels},) for both"
        )
    if not (mean.isfinite().all() and standard_deviation.isfinite().all() and (standard_deviation > 0).all()):
        raise InputError("means must be finite and standard deviations positive and finite")


def weights_version(module: nn.Module) -> str:
    """SHA-256 over the names, types, shapes and bytes of all parameters and buffers, sorted by name.

    The order in which a module registers them, the device they are on, and how they lie in memory do not count; one
    with two names counts under both. :func:`har_core.inference.archive.archived_weights_version` is that of a file.
    """
    named = chain(module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False))
    return digest_of(_weight(name, tensor.detach().cpu().contiguous()) for name, tensor in named)


def predict_probabilities(model: nn.Module, windows: Tensor, batch_size: int = 256) -> npt.NDArray[np.float32]:
    """Probabilities (N, K) float32 of ``windows`` (N, T, C), in evaluation mode, on the device of the model.

    ``model`` must return probabilities (:class:`RawWindowClassifier`); it is left in evaluation mode.

    Raises:
        InputError: there are no windows.
    """
    if not len(windows):
        raise InputError("there are no windows to predict")
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    model.eval()
    with torch.inference_mode():
        batches = [model(batch.to(device)).to("cpu", torch.float32) for batch in torch.split(windows, batch_size)]
    probabilities: npt.NDArray[np.float32] = torch.cat(batches).numpy()
    return probabilities


def _weight(name: str, values: Tensor) -> Weight:
    # Cloned, because a single value may count as contiguous and still have another stride than 1.
    flat = values.reshape(-1).clone(memory_format=torch.contiguous_format)
    return name, str(values.dtype), tuple(values.shape), flat.view(torch.uint8).numpy().data
