"""Distillation: a network learns what its parent, whatever it is made of, says of the training windows.

Method: G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural network", 2015, section 2. The loss is
(1 - w) times that of the activities, and w T² times the Kullback-Leibler divergence from the parent's answers, both
softened by the temperature T. The parent answers each training window once, as it was recorded: a window that is
changed at random keeps that answer, and one that is mixed of two gets the mean of theirs.

Where ``feature_weight`` is above 0, the last features of both are compared as well (:mod:`har_core.compression.hints`).

A parent is sure of the windows that it was fitted to, and a classical one by far: where the logits of a discriminant
lie hundreds apart, answers softened by 4 are the activities again, and only a temperature of that size tells more.
A parent's logits are the logarithms of its probabilities, taken before small ones are rounded to zero where its graph
ends in a softmax.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, fx, nn

from har_core.base.errors import InputError
from har_core.compression.hints import Matching, features_of
from har_core.compression.logarithms import with_logarithms
from har_core.compression.recipe import Compressed, Material, Parent
from har_core.fitting.fit import classifier_of, fit_architecture
from har_core.fitting.recipe import channels_seen
from har_core.fitting.trained import labelled
from har_core.settings.recipes import DistilledSettings
from har_core.training.data import SoftLabels

_BATCH_SIZE = 256


def compress(settings: DistilledSettings, parent: Parent, material: Material) -> Compressed:
    """Train the student on the training windows and on what ``parent`` says of them.

    Raises:
        InputError: the student's options or the device cannot be used; nothing chooses its epoch; features are to be
            compared, and one of both has none.
        HarError: its loss is no longer finite.
    """
    if material.student is None:
        raise InputError("a student cannot be trained without settings")
    windows, recipe = material.windows, material.student.training
    raw_NTC = material.raw("training")
    logits_NK = logarithms(parent.model, raw_NTC)
    features = features_of(parent.model, raw_NTC, name=parent.name) if settings.feature_weight else None
    soft = SoftLabels(
        shares=torch.softmax(logits_NK / settings.temperature, dim=1),
        temperature=settings.temperature,
        weight=settings.soft_weight,
        features=features,
        feature_weight=settings.feature_weight,
    )
    channels = channels_seen(windows.spec, recipe)
    training = replace(labelled(windows.roles["training"]), soft=soft)
    validation = labelled(windows.roles["validation"])

    def match(network: nn.Module) -> nn.Module:
        if features is None:
            return network
        shape = training.windows.shape[1], len(channels)
        return Matching(network, shape, num_features=features.shape[1])

    fitted = fit_architecture(
        settings.student,
        training,
        validation if len(validation.labels) else None,
        material.student,
        material.runtime,
        spec=windows.spec,
        channels=channels,
        statistics=windows.statistics,
        seed=material.seed,
        listener=material.listener,
        wrap=match,
    )
    return Compressed(
        classifier=classifier_of(fitted, windows.statistics, windows.spec, channels, fills_gaps=material.fills_gaps),
        history=fitted.history,
        best_epoch=fitted.best_epoch,
        seconds=fitted.seconds,
        device=fitted.device,
        precision=fitted.precision,
    )


def logarithms(model: nn.Module, windows_NTC: Tensor) -> Tensor:
    """Logarithms, float32 (N, K), of the probabilities that ``model`` gives raw windows; all are finite.

    Of a graph that ends in a softmax they are exact. Of any other a probability that was rounded to zero counts as the
    smallest that float32 has.
    """
    logs = with_logarithms(model) if isinstance(model, fx.GraphModule) else None
    with torch.inference_mode():
        if logs is not None:
            return torch.cat([logs(batch) for batch in torch.split(windows_NTC, _BATCH_SIZE)]).clone()
        answers_NK = torch.cat([model(batch) for batch in torch.split(windows_NTC, _BATCH_SIZE)])
    return answers_NK.clamp_min(torch.finfo(torch.float32).tiny).log()
