"""Multi-task self-supervision: a network learns to say whether a window was changed, for each of several changes.

Method: A. Saeed, T. Ozcelebi and J. Lukkien, "Multi-task self-supervised learning for human activity detection", 2019.
Each change is a task of its own, with a head that tells changed windows from those that were left as they are, half of
them each, and the encoder is shared. The eight changes are theirs, their strengths ours. There every window goes
through all tasks; here each window of a batch draws one of them, which costs one pass of the network instead of eight.
A set without complete triads of axes has no rotation, and one of a single channel no shuffle.

Letters: N windows, T timepoints, M channels of the windows, F features, B changes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from har_core.settings.augmentation import AugmentationSettings
from har_core.training.augmentation import Change, Layout, make_augmentation
from har_core.training.pretraining.heads import Encoder, make_head

NUM_PIECES = 4
"""That a window is cut into and put together of in another order."""
_STRENGTHS = (
    AugmentationSettings(jitter=0.5),
    AugmentationSettings(scaling=0.5),
    AugmentationSettings(rotation_degrees=90.0),
    AugmentationSettings(time_warp=0.5),
)


class MultiTask(nn.Module):
    """An encoder and the heads of all changes, of which the first layer is shared."""

    def __init__(self, encoder: Encoder, *, layout: Layout) -> None:
        super().__init__()
        self.encoder = encoder
        self.changes = changes_of(layout)
        self.heads = make_head(encoder.num_features, len(self.changes))

    def training_loss(self, x_NTM: Tensor, _targets: Tensor, _criterion: Callable[..., Tensor]) -> Tensor:
        """Mean cross entropy of whether a window was changed, told by the head of the change that it drew."""
        drawn_N = torch.randint(len(self.changes), (len(x_NTM),))
        is_changed_N = torch.rand(len(x_NTM)) < 0.5  # noqa: PLR2004 - half of them
        with torch.autocast(x_NTM.device.type, enabled=False):
            x_NTM = changed(x_NTM, self.changes, torch.where(is_changed_N, drawn_N, -1))
        logits_NB = self.heads(self.encoder(x_NTM)).float()
        logits_N = logits_NB.gather(1, drawn_N.to(logits_NB.device).unsqueeze(1)).squeeze(1)
        return binary_cross_entropy_with_logits(logits_N, is_changed_N.to(logits_N.device).float())


def changes_of(layout: Layout) -> list[Change]:
    """What can be done to windows of such channels."""
    made = [change for strength in _STRENGTHS if (change := make_augmentation(strength, layout)) is not None]
    return [*made, negate, reverse, permute, *([shuffle_channels] if len(layout.units) > 1 else [])]


def changed(x_NTM: Tensor, changes: list[Change], drawn_N: Tensor) -> Tensor:
    """The windows, each after the change of this number; -1 leaves one as it is."""
    made_NTM = x_NTM.clone()
    for number, change in enumerate(changes):
        rows = (drawn_N == number).nonzero().squeeze(1).to(x_NTM.device)
        if len(rows):
            made_NTM[rows] = change(x_NTM[rows])
    return made_NTM


def negate(x_NTM: Tensor) -> Tensor:
    """The mirror image of each channel about its mean."""
    return -x_NTM


def reverse(x_NTM: Tensor) -> Tensor:
    """Windows that run backwards."""
    return x_NTM.flip(1)


def permute(x_NTM: Tensor) -> Tensor:
    """Windows whose :data:`NUM_PIECES` pieces come in another order, the same for all of these windows."""
    pieces = torch.tensor_split(x_NTM, NUM_PIECES, dim=1)
    return torch.cat([pieces[index] for index in _another_order(NUM_PIECES)], dim=1)


def shuffle_channels(x_NTM: Tensor) -> Tensor:
    """Windows whose channels stand in another order, the same for all of these windows."""
    return x_NTM[:, :, _another_order(x_NTM.shape[2])]


def _another_order(number: int) -> list[int]:
    """A random order that is not the first one."""
    order = torch.randperm(number).tolist()
    return order if order != sorted(order) else [*order[1:], order[0]]
