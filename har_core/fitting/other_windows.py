"""Windows of another data set, as a network of this one can be pretrained on them.

Letters: N windows, T timepoints of the network, S timepoints of the other windows, M channels that both sets have.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from har_core.fitting.layout import layout_of
from har_core.spec.channels import match_other
from har_core.spec.dataset import DatasetSpec
from har_core.splits.normalization import apply, measure
from har_core.training.data import LabelledWindows
from har_core.training.pretraining.pretrain import PretrainingWindows
from har_core.windows.dataset import content_version_of
from har_core.windows.resampling import resample, up_and_down
from har_core.windows.tensors import read_tensors


def read_other_windows(
    path: Path, spec: DatasetSpec, channels: Sequence[int], *, num_timepoints: int
) -> PretrainingWindows:
    """Read a table of windows in sensor units, all but those that are flagged as damaged.

    A channel stands where that of the same place, kind of sensor and axis stands in ``spec``, whose others are zero. It
    is normalised with the statistics of these windows, so that units of measure need not agree, and then resampled to
    the rate of ``spec``. A window that is longer than those of the network is cut into as many as it has room for, so
    that little is lost, and one that is shorter is repeated from its start: zeros after it would teach a silence that
    windows of the network never hold, and most activities are repeated movements.

    Args:
        path: a ``windows.parquet``.
        spec: what the windows of the network are of.
        channels: indices of those that it sees.
        num_timepoints: T.

    Raises:
        InputError: the windows cannot be read, are of the same data set, or share no channel with what is seen.
    """
    version, tensors = content_version_of(path), read_tensors(path)
    source = tensors.spec
    matched = match_other(spec, channels, source)
    own = [index for _, index in matched]
    kept = ~tensors.damaged
    windows_NSM = tensors.windows[kept][:, :, own].numpy()
    names = [source.channel_names[index] for index in own]
    statistics = measure([windows_NSM.reshape(-1, len(own)).T], names)
    made_MNS = apply(statistics, np.ascontiguousarray(windows_NSM.transpose(2, 0, 1)))
    if up_and_down(source.sampling_rate_hz, spec.sampling_rate_hz) != (1, 1):
        made_MNS = resample(made_MNS, source.sampling_rate_hz, spec.sampling_rate_hz)
    made_MNT = with_length(made_MNS, num_timepoints)
    num_pieces = made_MNT.shape[1] // len(windows_NSM)
    seen = source.replaced(channels=tuple(source.channels[index] for index in own), place_names={})
    return PretrainingWindows(
        data=LabelledWindows(
            torch.from_numpy(np.ascontiguousarray(made_MNT.transpose(1, 2, 0))),
            tensors.labels[kept].repeat_interleave(num_pieces),
        ),
        num_classes=source.num_activities,
        layout=layout_of(seen, range(len(own)), statistics),
        at=[place for place, _ in matched],
        version=version,
    )


def with_length(windows_MNS: npt.NDArray[np.float32], num_timepoints: int) -> npt.NDArray[np.float32]:
    """Windows of another length: the pieces of a longer one follow each other, a shorter one is repeated.

    >>> with_length(np.float32([[[1, 2, 3, 4, 5]]]), 2).tolist()
    [[[1.0, 2.0], [3.0, 4.0]]]
    >>> with_length(np.float32([[[1, 2, 3]]]), 5).tolist()
    [[[1.0, 2.0, 3.0, 1.0, 2.0]]]
    """
    num_channels, _, length = windows_MNS.shape
    if length < num_timepoints:
        return windows_MNS[:, :, np.arange(num_timepoints) % length]
    whole = length // num_timepoints * num_timepoints
    return windows_MNS[:, :, :whole].reshape(num_channels, -1, num_timepoints)
