"""First weights of a network, in place of those that its layers come with."""

from __future__ import annotations

import torch
from torch import nn

from har_core.settings.training import TrainingSettings

Dense = nn.Linear | nn.Conv1d | nn.Conv2d
"""Layers whose weights are matrices of outputs by inputs, and by places where they are convolutions."""


def initialise(model: nn.Module, settings: TrainingSettings) -> None:
    """Draw weights of ``model`` anew, in place, with PyTorch's global generator, where ``settings`` ask for it.

    Linear and convolution layers: ``he`` draws normal weights that keep the variance through ReLUs (K. He et al.,
    "Delving deep into rectifiers", 2015, section 2.2), ``xavier`` uniform ones that keep it through near-linear layers
    (X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010,
    equation 16), where an input of a grouped convolution feeds the outputs of its group alone; biases become 0. A layer
    whose weights begin at 0 keeps them, and its biases. Recurrent layers: ``orthogonal`` makes the matrix of each gate
    from state to state orthogonal (A. M. Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks", 2014). Parameters of other layers stay.
    """
    for module in model.modules():
        if isinstance(module, Dense) and settings.initialisation != "default" and module.weight.any():
            if settings.initialisation == "he":
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            else:
                nn.init.xavier_uniform_(module.weight, gain=_gain(module))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.RNNBase) and settings.recurrent_initialisation == "orthogonal":
            for name, parameter in module.named_parameters():
                if name.startswith("weight_hh"):
                    for gate in torch.split(parameter.data, module.hidden_size):
                        nn.init.orthogonal_(gate)


def _gain(layer: Dense) -> float:
    """What makes up for PyTorch counting all outputs of a grouped convolution for each of its inputs."""
    outputs, inputs = layer.weight.shape[:2]
    return float(((inputs + outputs) / (inputs + outputs / getattr(layer, "groups", 1))) ** 0.5)
