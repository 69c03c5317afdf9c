"""The UIs and a model server as real processes: they answer, and end together."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
import torch
from narrowing import as_type, present
from pages import logged_in, read_links
from processes import processes_naming

from assets.resources.home import Home
from assets.resources.model_files import find_model, told_of
from assets.resources.store import Store
from har_core.datasets.dsads.dataset import DSADS
from har_core.inference.graph import load_graph
from har_core.inference.served import NoAnswerError, ask

if TYPE_CHECKING:
    from tests.e2e.conftest import Har

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return as_type(int, probe.getsockname()[1])


def answer(url: str, content: object = None) -> bytes:
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(  # noqa: S310 - loopback
        url, data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        return as_type(bytes, response.read())


def wait_for(url: str, process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            answer(url)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.5)
        else:
            return
    raise AssertionError(f"{url}: the server ended with {process.returncode}")


@pytest.fixture
def fresh(har: Har, tmp_path: Path) -> Har:
    """A home where nothing has run."""
    return replace(har, home=tmp_path / "home")


@pytest.fixture
def ui(fresh: Har) -> Iterator[tuple[subprocess.Popen[str], tuple[str, str]]]:
    """A started ``har ui`` in a home where nothing has run, and its two links."""
    with fresh.start("ui", "--dagster-port", free_port(), "--mlflow-port", free_port()) as process:
        try:
            yield process, read_links(process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_uis_answer_and_a_signal_ends_all(
    fresh: Har, ui: tuple[subprocess.Popen[str], tuple[str, str]], number: signal.Signals
) -> None:
    process, links = ui
    with logged_in(links[0]) as client:
        nodes = client.post("/graphql", json={"query": "{ assetNodes { assetKey { path } groupName } }"}).json()
    assert ["models", "lstm"] in [node["assetKey"]["path"] for node in nodes["data"]["assetNodes"]]
    with logged_in(links[1]) as client:
        assert "MLflow" in client.get("/").text
        searched = client.get("/ajax-api/2.0/mlflow/experiments/search?max_results=10").json()
    assert "har" in [experiment["name"] for experiment in searched["experiments"]]
    process.send_signal(number)
    assert process.wait(60) == 0
    assert processes_naming(f"HAR_HOME={fresh.home}") == []
    assert not (fresh.home / ".dagster" / "ui.json").exists()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc")
def test_end_of_one_ends_all(fresh: Har, ui: tuple[subprocess.Popen[str], tuple[str, str]]) -> None:
    process, _ = ui
    (webserver,) = [
        number
        for number in processes_naming(f"HAR_HOME={fresh.home}")
        if b"pipelines.servers.pages" in Path(f"/proc/{number}/cmdline").read_bytes()
    ]
    os.kill(webserver, signal.SIGKILL)
    assert process.wait(120) == 1
    assert "Dagster's pages ended" in present(process.stdout).read()
    assert processes_naming(f"HAR_HOME={fresh.home}") == []


def test_port_that_is_taken_is_refused(fresh: Har) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port}" in fresh("ui", "--mlflow-port", port, expect=2).stderr


def test_registered_model_is_served(har: Har, tmp_path: Path) -> None:
    har("run", har.experiment, "--data", har.data)
    port = free_port()
    store = f"sqlite:///{har.home / 'mlruns' / 'mlflow.db'}"
    environment = {
        **har.environment,
        "MLFLOW_TRACKING_URI": store,
        "MLFLOW_DEFAULT_PREDICTION_DEVICE": "cpu",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    }
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/har@champion", "-h", "127.0.0.1"]
    command += ["-p", str(port), "--env-manager", "local"]
    with subprocess.Popen(command, env=environment, cwd=har.home, start_new_session=True) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/ping", server)
            windows = [[[0.5] * 45] * 125] * 3
            address = f"http://127.0.0.1:{port}/invocations"
            answered = json.loads(answer(address, {"inputs": windows}))["predictions"]
            for value in (None, float("nan"), float("inf")):
                with pytest.raises(urllib.error.HTTPError) as refused:
                    answer(address, {"inputs": [[[0.5] * 45] * 125, [[*[0.5] * 44, value]] * 125]})
                assert refused.value.code == 400
                assert "a channel of the unit LL has a value that is no finite number" in refused.value.read().decode()
            asked_in_bytes(har, port)
            asked_as_documented(har, port, tmp_path)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
    assert [len(row) for row in answered] == [19] * 3
    assert all(abs(sum(row) - 1) < 1e-4 for row in answered)


def asked_in_bytes(har: Har, port: int) -> None:
    """Names and numbers are those of the model as ``har predict`` loads it, and the model says what it refuses."""
    files = find_model(Store(Home(har.home)), "models:/har@champion")
    told = {**told_of(files.spec), "window_length": files.window_length}
    windows = np.random.default_rng(0).normal(scale=3, size=(7, 125, 45)).astype(np.float32)
    with torch.inference_mode():
        expected = load_graph(files.graph)(torch.from_numpy(windows)).numpy()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as server:
        table = ask(server, windows, told)
        windows[6, 124, 44] = np.nan
        with pytest.raises(NoAnswerError, match=r"status 400.*\n.*unit LL has a value that is no finite number"):
            ask(server, windows, told)
    rows = table.to_pylist()
    assert [list(row["probabilities"]) for row in rows] == [list(DSADS.activities)] * 7
    numbers = np.array([list(row["probabilities"].values()) for row in rows])
    np.testing.assert_allclose(numbers, expected, atol=1e-5)
    assert [row["activity"] for row in rows] == [DSADS.activities[k] for k in expected.argmax(axis=1)]
    np.testing.assert_allclose(table["probability"], expected.max(axis=1), atol=1e-5)


def asked_as_documented(har: Har, port: int, folder: Path) -> None:
    """The example runs as it stands there, but for the port."""
    page = (Path(__file__).parents[2] / "docs" / "model_lookup.md").read_text(encoding="utf-8")
    (code,) = (
        code for code in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL) if "import ask" in code
    )
    (folder / ".demo").symlink_to(har.home)
    command = [sys.executable, "-c", code.replace(":5001", f":{port}")]
    done = subprocess.run(command, env=har.environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert {line.rsplit(" ", 2)[0] for line in lines} <= set(DSADS.activities)


def test_prediction_of_files_folders_and_zips(har: Har, tmp_path: Path) -> None:
    har("run", har.experiment, "--data", har.data)
    single = tmp_path / "my walk.dat"
    single.write_bytes((har.data / "a10" / "p1" / "s01.txt").read_bytes())
    rows = json.loads(har("predict", single, har.data / "a10", har.data, "--format", "json").stdout)
    assert len(rows) == 1 + 6 + 19 * 3 * 2
    assert rows[0] == {**rows[1], "path": str(single), "probability": pytest.approx(rows[1]["probability"], abs=1e-5)}
    assert set(rows[0]) == {"path", "start_s", "activity", "probability", "unlike_training", "unlike_because"}
    faster = ("--engine", "openvino", "--precision", "auto", "--format", "json")
    fast = json.loads(
        har("predict", single, har.data / "a10", *faster, "--model", "models:/har-shufflenet@challenger").stdout
    )
    exact = json.loads(
        har(
            "predict", single, har.data / "a10", "--format", "json", "--model", "models:/har-shufflenet@challenger"
        ).stdout
    )
    assert [row["path"] for row in fast] == [row["path"] for row in exact]
    assert [row["probability"] for row in fast] == pytest.approx([row["probability"] for row in exact], abs=0.02)
    csv = har("predict", single, "--format", "csv", "--model", "models:/har-lstm@challenger").stdout.splitlines()
    assert csv[0].replace('"', "") == "path,start_s,activity,probability,unlike_training,unlike_because"
    assert len(csv) == 2


def test_models_lists_architectures_and_versions(har: Har) -> None:
    har("run", har.experiment, "--data", har.data)
    listed = har("models").stdout
    rows = [line.split() for line in listed.splitlines()]
    assert ["shufflenet", "614,551", "84,032,505", "har_core/models/shufflenet.py"] in rows
    assert ["har", "synthetic", "champion"] in [[row[0], *row[2:]] for row in rows if len(row) == 4]
    assert "challenger" in listed
