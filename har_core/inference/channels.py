"""Whether recordings are what a model takes: its channels, in its order and units, at its rate or a higher one."""

from __future__ import annotations

from har_core.base.errors import InputError, Problem
from har_core.spec.dataset import DatasetSpec


def require_fit(model_spec: DatasetSpec, spec: DatasetSpec, *, where: str) -> None:
    """Refuse recordings of ``spec`` that have other channels than ``model_spec``, or a lower rate.

    Where sensors are worn and what they can measure may differ: nothing is computed from that.

    Raises:
        InputError: names the data set that the model expects, and every channel that is missing, too many, of another
            unit or out of order; ``where`` names the recordings.
    """
    wanted, given = ({channel.name: channel.unit for channel in one.channels} for one in (model_spec, spec))
    missing, unexpected = [name for name in wanted if name not in given], [name for name in given if name not in wanted]
    problems = []
    if missing:
        problems.append(Problem(path=where, expected=f"the channels {' '.join(missing)}, which are missing"))
    if unexpected:
        problems.append(Problem(path=where, value=" ".join(unexpected), expected="no channels that the model has not"))
    problems += [
        Problem(path=f"{where}: {name}", value=given[name] or "no unit", expected=unit or "no unit")
        for name, unit in wanted.items()
        if given.get(name, unit) != unit
    ]
    if not (missing or unexpected) and list(wanted) != list(given):
        problems.append(Problem(path=where, value=" ".join(given), expected=f"in this order: {' '.join(wanted)}"))
    if spec.sampling_rate_hz < model_spec.sampling_rate_hz:  # to a lower rate recordings are brought
        value, expected = (f"{one.sampling_rate_hz:g} samples in a second" for one in (spec, model_spec))
        problems.append(Problem(path=where, value=value, expected=f"{expected}, or more"))
    if problems:
        takes = f"the model takes recordings of {model_spec.name} ({model_spec.title})"
        raise InputError(f"{where}: recordings of {spec.name} ({spec.title}), and {takes}", problems)
