"""Fits a registered model, whatever it is of, on to one person: from a few labelled windows of theirs.

The graph that was exported is trained on as it answers: dropout is off, and batch norms keep the statistics that they
have, which so few windows of one person would not give. So nothing needs to be known of how the model was made.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call
from torch.nn.functional import nll_loss

from har_core.base.errors import HarError, InputError
from har_core.compression.logarithms import with_logarithms
from har_core.settings.transfer import PersonalSettings, Way
from har_core.training.seeding import seed_everything
from har_core.transfer.ahead import split
from har_core.transfer.moved import moved, usual_way

_BATCH_SIZE = 256


@dataclass(frozen=True, slots=True)
class Personal:
    """A model that was fitted on."""

    classifier: fx.GraphModule
    """Raw windows (N, T, C) to probabilities (N, K), as its parent, with other weights."""
    way: Way
    """What was changed."""
    num_moved: int
    """Numbers that were trained."""


def personalise(
    parent: nn.Module, windows: Tensor, labels: Tensor, way: Way | None, settings: PersonalSettings, *, seed: int
) -> Personal:
    """Fit a copy of ``parent`` on to ``windows``; it stays as it is itself.

    AdamW without decay makes the cross entropy of the activities small, at a rate that falls to 0 along a cosine.

    Args:
        parent: the graph of a registered model, on the CPU: raw windows (N, T, C) to probabilities (N, K).
        windows: float32 (n, T, C) of the person, in sensor units.
        labels: their class ids, int64 (n,).
        way: what is changed; None for :func:`~har_core.transfer.moved.usual_way`.
        settings: how.
        seed: of adapters and of the order of windows.

    Raises:
        InputError: there are no windows, or nothing that this way could change.
        HarError: the model refuses the windows, or the weights that it was given: they are no longer finite.
    """
    if not isinstance(parent, fx.GraphModule):
        raise InputError("only the exported graph of a model is fitted on")
    if not len(windows):
        raise InputError("no window to fit the model on to")
    way = way or usual_way(parent)
    seed_everything(seed)
    change = moved(parent, way, rank=settings.rank)
    answers = with_logarithms(parent)
    parts = split(answers, change.names) if way == "last_layer" else None  # of others, too little comes before
    if parts is not None:
        first, answers = parts
        with torch.no_grad(), _refusing("The windows cannot be learnt from"):
            windows = torch.cat([first(batch) for batch in torch.split(windows, _BATCH_SIZE)])
    trained = [parameter for parameter in change.parameters() if parameter.requires_grad]
    rate = settings.rate_of(way)
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.0, fused=True)
    steps_per_epoch = math.ceil(len(windows) / settings.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs * steps_per_epoch)
    for _ in range(settings.epochs):
        for batch in torch.split(torch.randperm(len(windows)), settings.batch_size):
            optimizer.zero_grad()
            with _refusing(f"The model cannot be fitted on at a learning rate of {rate:.3g}"):
                logs_NK = functional_call(answers, change(), (windows[batch],))
            loss = nll_loss(logs_NK, labels[batch])
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    classifier = copy.deepcopy(parent)
    own = classifier.state_dict()  # shares the tensors
    for name, tensor in change().items():
        own[name].copy_(tensor.detach())
    return Personal(classifier, way, sum(parameter.numel() for parameter in trained))


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    """Graphs themselves refuse what is no number."""
    try:
        yield
    except RuntimeError as error:
        raise HarError(f"{what}: {error}") from error
