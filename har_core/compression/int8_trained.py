"""Int8 of a network that was trained on before, with every product computed from rounded weights and values.

Method: quantisation-aware training (B. Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", CVPR 2018, section 3): rounding has the gradient of the identity (the
straight-through estimator of Y. Bengio et al., "Estimating or propagating gradients through stochastic neurons for
conditional computation", 2013). Weights are rounded as :mod:`har_core.compression.int8` does it; values by the range
that they have in the batch, where the paper has a running average of such ranges. Then ``int8`` measures ranges on
training windows, and makes of the network what it makes of others.

torchao's own way (``prepare_qat_pt2e``) is not taken, because it trains an exported graph: that has the branches of
training for ever (the batch norm of ``resnext`` cannot be exported so at all), and neither the loss that some networks
bring along nor the layers that Muon asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from har_core.compression.int8 import HIGHEST, LOWEST, affine, quantise, require_torchao, weight_scales
from har_core.compression.recipe import Compressed, Material, Parent, fine_tune, with_input
from har_core.compression.trained_under import TrainedUnder
from har_core.settings.recipes import Int8TrainedSettings

_PRODUCTS = {functional.linear, functional.conv1d, functional.conv2d}
_RECURRENT = {torch.lstm, torch.gru, torch.rnn_tanh}


def compress(settings: Int8TrainedSettings, parent: Parent, material: Material) -> Compressed:
    """Train the network of ``parent`` on with rounded products, and quantise it.

    Raises:
        InputError: torchao is not installed, the parent is no network of an architecture, or there is nothing to
            quantise.
    """
    require_torchao()
    network = parent.network(material)
    fitted = fine_tune(
        TrainedUnder(network, lambda _: Rounding()),
        material,
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
    )
    windows = material.training_sample(settings.windows_per_activity)
    return Compressed(
        classifier=quantise(with_input(network, material), windows, first_layer=settings.first_layer),
        history=fitted.history,
        seconds=fitted.seconds,
        device=fitted.device,
        precision=fitted.precision,
    )


class Rounding(TorchFunctionMode):
    """While it is open, products take int8 values and weights, written in float32; of recurrent layers the weights."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call ``func`` with what it may see."""
        if func in _PRODUCTS:
            values, weights, *others = args
            args = (_rounded_values(values), _rounded_weights(weights), *others)
        elif func in _RECURRENT:
            sequences, start, weights, *others = args
            args = (sequences, start, [_rounded_weights(w) if w.dim() > 1 else w for w in weights], *others)
        return func(*args, **(kwargs or {}))


def _rounded_weights(weights: Tensor) -> Tensor:
    """Symmetric, by output: (outputs, ...)."""
    scales = weight_scales(weights.detach().float())
    zeros = torch.zeros_like(scales, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weights.float(), scales, zeros, 0, -HIGHEST, HIGHEST)


def _rounded_values(values: Tensor) -> Tensor:
    """Affine, by tensor."""
    scale, zero = affine(*(end.float() for end in values.detach().aminmax()))
    return torch.fake_quantize_per_tensor_affine(values.float(), scale, zero, LOWEST, HIGHEST)
