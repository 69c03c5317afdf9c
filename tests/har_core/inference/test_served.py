"""What is made of a server that is not there, is another one, or is asked for what it does not take."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest

from har_core.base.errors import InputError
from har_core.inference.served import NoAnswerError, ask

TOLD = {"activities": ["walking", "sitting"], "channels": ["x", "y", "z"], "window_length": 4}
WINDOWS = np.arange(24, dtype=np.float32).reshape(2, 4, 3)


def server_that(answers: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(base_url="http://model", transport=httpx.MockTransport(answers))


def server_with(content: object, status: int = 200) -> httpx.Client:
    return server_that(
        lambda _: httpx.Response(status, text=content if isinstance(content, str) else json.dumps(content))
    )


def test_a_window_goes_as_one_list_sample_by_sample_and_comes_back_with_names() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url == "http://model/invocations"
        assert request.headers["Content-Type"] == "application/vnd.apache.parquet"
        table = pq.read_table(io.BytesIO(request.content))
        assert table.column_names == ["windows"]
        assert table["windows"].to_pylist() == [list(range(12)), list(range(12, 24))]
        return httpx.Response(200, json={"predictions": [[0.25, 0.75], [0.5, 0.5]]})

    assert ask(server_that(answer), WINDOWS, TOLD).to_pylist() == [
        {"activity": "sitting", "probability": 0.75, "probabilities": {"walking": 0.25, "sitting": 0.75}},
        {"activity": "walking", "probability": 0.5, "probabilities": {"walking": 0.5, "sitting": 0.5}},
    ]


@pytest.mark.parametrize("windows", [WINDOWS.transpose(0, 2, 1), WINDOWS[0], WINDOWS.astype(np.float64)])
def test_windows_that_the_server_would_misread_are_not_sent(windows: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"expected float32 of shape \(\d, 4, 3\)"):
        ask(server_with({"predictions": [[0.25, 0.75]] * 2}), windows, TOLD)


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (server_with("<html>", 502), "http://model: status 502: <html>"),
        (server_with({"message": "No.", "stack_trace": "Traceback\n  a\nWhy\n"}, 400), "status 400: No.\nWhy"),
        (server_with("<html>"), "answers no list of `predictions`"),
        (server_with([1]), "answers no list of `predictions`"),
        (server_with({"predictions": [["a", "b"]] * 2}), "answers no list of `predictions`"),
        (server_with({"predictions": [[0.1, 0.2, 0.7]] * 2}), "shape (2, 3), expected (2, 2)"),
        (server_with({"predictions": [[0.5, 0.5]]}), "shape (1, 2), expected (2, 2)"),
        (server_with({"predictions": [[None, 0.5]] * 2}), "not finite"),
    ],
)
def test_what_is_no_answer_is_told(server: httpx.Client, reason: str) -> None:
    with pytest.raises(NoAnswerError) as told:
        ask(server, WINDOWS, TOLD)
    assert reason in str(told.value)


def test_nobody_is_there() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(NoAnswerError, match="http://model: no answer \\(refused\\)"):
        ask(server_that(refuse), WINDOWS, TOLD)
