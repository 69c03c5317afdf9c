"""Checks ``[training.pretraining]`` of an experiment file: which networks can be pretrained, and on which windows.

Like all that reads the file it imports no PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from har_core.base.errors import InputError
from har_core.settings.pretraining import PretrainingSettings
from har_core.spec.channels import match_other
from har_core.spec.dataset import DatasetSpec


def with_whole_path(training: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The values of ``[training]`` with the path of other windows as it is from anywhere; ``folder`` has the file."""
    own = training.get("pretraining")
    if not isinstance(own, Mapping) or not isinstance(own.get("windows"), str) or not own["windows"]:
        return dict(training)
    path = (folder / Path(own["windows"]).expanduser()).absolute()
    return {**training, "pretraining": {**own, "windows": str(path)}}


def windows_expected(settings: PretrainingSettings, spec: DatasetSpec, channels: Sequence[int]) -> str | None:
    """What should stand in place of ``windows``; None where they can be read and share a channel.

    Args:
        settings: the section.
        spec: of the recordings that the network is trained on.
        channels: indices of those that it sees.
    """
    if settings.windows is None:
        return None
    from har_core.windows.dataset import content_version_of, open_windows, spec_of  # noqa: PLC0415 - Arrow is heavy

    path = Path(settings.windows)
    try:
        content_version_of(path)
        with open_windows(path) as file:
            match_other(spec, channels, spec_of(file))
    except InputError as error:
        if error.problems:
            return error.problems[0].expected
        return f"other windows. {error.summary}"
    return None
