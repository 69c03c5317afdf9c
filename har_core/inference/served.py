"""Asks a model that ``mlflow models serve`` runs: windows go there as bytes, numbers come back under their names.

The server answers bare numbers, whatever it is asked, so names are put beside them here. MLflow is not imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from har_core.base.errors import HarError, InputError

PARQUET = "application/vnd.apache.parquet"
"""The type of content of what :func:`to_parquet` gives."""
_LONGEST_REASON = 1000


class NoAnswerError(HarError):
    """The server is not there, does not take the windows, or answers something else than probabilities."""


def ask(server: httpx.Client, windows: npt.NDArray[np.float32], told: Mapping[str, Any]) -> pa.Table:
    """What a served model makes of ``windows``: a row a window, in their order.

    Args:
        server: with the server's address as ``base_url``, as ``http://127.0.0.1:5001``, and with what a front before it
            wants to know.
        windows: raw windows (N, T, C) in sensor units, as the model takes them.
        told: the metadata of the registered model. It names K ``activities`` in class order and C ``channels``, and has
            T as ``window_length``.

    Returns:
        ``activity``, the most probable one, its ``probability``, and ``probabilities``, a field for each activity.

    Raises:
        InputError: the windows are not float32, or have another shape than the model takes.
        NoAnswerError: nobody answers there, the server refuses the windows, or it does not answer K finite
            probabilities a window.
    """
    activities, where = told["activities"], str(server.base_url)
    shape = (len(windows), told["window_length"], len(told["channels"]))
    if windows.dtype != np.float32 or windows.shape != shape:  # of a window turned round the server would see nothing
        raise InputError(f"windows are {windows.dtype} of shape {windows.shape}, expected float32 of shape {shape}")
    try:
        answer = server.post("/invocations", content=to_parquet(windows), headers={"Content-Type": PARQUET})
    except httpx.HTTPError as error:
        raise NoAnswerError(f"{where}: no answer ({error})") from error
    if answer.status_code != httpx.codes.OK:
        raise NoAnswerError(f"{where}: status {answer.status_code}: {_reason(answer)}")
    try:
        probabilities = np.asarray(answer.json()["predictions"], dtype=np.float32)
    except (ValueError, TypeError, KeyError) as error:
        raise NoAnswerError(f"{where}: answers no list of `predictions`; is it a server of MLflow?") from error
    expected = (len(windows), len(activities))
    if probabilities.shape != expected:
        raise NoAnswerError(
            f"{where}: answers numbers of shape {probabilities.shape}, expected {expected}: one for each window and "
            "activity; does it serve the model that the names are of?"
        )
    if not np.isfinite(probabilities).all():
        raise NoAnswerError(f"{where}: answers probabilities that are not finite numbers")
    return _named(probabilities, activities)


def to_parquet(windows: npt.NDArray[np.float32]) -> bytes:
    """Windows (N, T, C) in the only bytes of which MLflow's server makes a tensor: one column, a row a window.

    A row is the list of a window's T times C numbers, sample by sample.
    """
    numbers = pa.array(np.ascontiguousarray(windows).reshape(-1))
    column = pa.FixedSizeListArray.from_arrays(numbers, windows.shape[1] * windows.shape[2])
    sink = pa.BufferOutputStream()
    # Numbers of sensors hardly repeat: a dictionary of them takes more bytes, and several times as long.
    pq.write_table(pa.table({"windows": column}), sink, use_dictionary=False, compression="none")
    return bytes(sink.getvalue().to_pybytes())


def _reason(answer: httpx.Response) -> str:
    """Why the server refused: what it says, and the last line of its trace, which is what the model says."""
    try:
        told = answer.json()
        lines = [told["message"], *told.get("stack_trace", "").strip().splitlines()[-1:]]
    except (ValueError, TypeError, KeyError, AttributeError):
        lines = [answer.text]
    return "\n".join(str(line)[-_LONGEST_REASON:] for line in lines)


def _named(probabilities: npt.NDArray[np.float32], activities: Sequence[str]) -> pa.Table:
    by_activity = [pa.array(np.ascontiguousarray(column)) for column in probabilities.T]
    return pa.table(
        {
            "activity": pa.array([activities[k] for k in probabilities.argmax(axis=1)], pa.string()),
            "probability": pa.array(probabilities.max(axis=1)),
            "probabilities": pa.StructArray.from_arrays(by_activity, names=list(activities)),
        }
    )
