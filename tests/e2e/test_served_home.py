"""What a started ``har ui`` shows to other processes and other users of this machine, and what a kill leaves of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from narrowing import present
from pages import address, logged_in, read_links
from processes import processes_naming, wait_for_the_end_of

if TYPE_CHECKING:
    from tests.e2e.conftest import Har

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not Path("/proc/net/unix").is_file(), reason="looks into /proc"),
]

OTHER_USER = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
TRAP = "raise SystemExit('code of the working directory was run')\n"
LISTENS = "00010000"
"""As the table of unix sockets says it."""
CONNECT = """
import json, socket, sys
reached = []
for address in json.load(sys.stdin):
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address)
            reached.append(address)
        except OSError:
            pass
print(json.dumps(reached))
"""
SECRETS = """
import pathlib, sys
secret = sys.stdin.read().encode()
for number in sys.argv[1:]:
    for name in ("cmdline", "environ", "cwd/ui.json", "cwd/../ui.json"):
        try:
            if secret in pathlib.Path("/proc", number, name).read_bytes():
                print(number, name)
        except OSError:
            pass
"""


@dataclass(frozen=True)
class Served:
    har: Har
    process: subprocess.Popen[str]
    links: tuple[str, str]
    user_home: Path
    """``HOME`` of all these processes."""

    @property
    def secret(self) -> str:
        return self.links[0].partition("key=")[2]

    def processes(self) -> list[int]:
        return processes_naming(f"HAR_HOME={self.har.home}")


@pytest.fixture(scope="module")
def served(har: Har, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """In a home with traps: modules with names that servers import."""
    folder = tmp_path_factory.mktemp("served")
    folder.chmod(0o755)
    for parent in folder.parents[:2]:
        parent.chmod(0o755)  # so that another user comes as far as the home
    user_home = folder / "user"
    user_home.mkdir()
    har = replace(har, home=folder / "home")
    for place in (har.home / ".dagster", har.home, folder):
        place.mkdir(parents=True, exist_ok=True)
        for name in ("mlflow", "uvicorn", "dagster", "torch", "json"):
            (place / f"{name}.py").write_text(TRAP)
    os.environ["HOME"], before = str(user_home), os.environ["HOME"]
    before_mask = os.umask(0)
    try:
        with har.start("ui", "--dagster-port", free_port(), "--mlflow-port", free_port()) as process:
            yield Served(har, process, read_links(process), user_home)
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    finally:
        os.umask(before_mask)
        os.environ["HOME"] = before


def open_files(pid: int) -> set[str]:
    return {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_no_code_of_the_working_directory_runs(served: Served) -> None:
    """That it started shows it."""
    with logged_in(served.links[0]) as client:
        assert client.get("/").status_code == 200


def test_nothing_is_written_outside_the_home(served: Served) -> None:
    assert sorted(served.user_home.rglob("*")) == []


def test_the_home_is_private_whatever_the_umask(served: Served) -> None:
    home = served.har.home
    assert {path.name for path in home.iterdir() if path.is_dir()} == {".dagster", "mlruns"}
    for folder in (home / ".dagster", home / "mlruns", home / ".dagster" / "ui"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    assert stat.S_IMODE((home / ".dagster" / "ui.json").stat().st_mode) == 0o600


@needs_root
def test_another_user_reaches_no_socket(served: Served) -> None:
    ours = {target for pid in served.processes() for target in open_files(pid)}
    table = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    bound = [fields for fields in table if len(fields) > 7 and fields[3] == LISTENS]
    listening = [fields[7] for fields in bound if f"socket:[{fields[6]}]" in ours]
    assert len(listening) >= 4, listening
    for user, expected in (((), listening), (OTHER_USER, [])):
        command = [*user, "/usr/bin/env", "python3", "-c", CONNECT]
        told = subprocess.run(command, input=json.dumps(listening), capture_output=True, text=True, check=True).stdout
        assert sorted(json.loads(told)) == sorted(expected)


def test_only_the_gate_listens_on_a_port(served: Served) -> None:
    ports = {httpx.URL(link).port for link in served.links}
    listening: dict[int | None, set[int]] = {}
    for pid in served.processes():
        held = open_files(pid)
        for table in ("tcp", "tcp6"):
            for fields in map(str.split, Path(f"/proc/net/{table}").read_text().splitlines()[1:]):
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in held:
                    listening.setdefault(int(fields[1].rpartition(":")[2], 16), set()).add(pid)
    assert listening == {port: {served.process.pid} for port in ports}


@needs_root
def test_another_user_learns_no_secret_and_is_shown_nothing(served: Served) -> None:
    numbers = [*map(str, [*served.processes(), served.process.pid])]
    command = [*OTHER_USER, "/usr/bin/env", "python3", "-c", SECRETS, *numbers]
    told = subprocess.run(command, input=served.secret, capture_output=True, text=True, check=True).stdout
    assert told == ""
    for number in numbers:
        assert served.secret.encode() not in Path(f"/proc/{number}/cmdline").read_bytes()
        assert served.secret.encode() not in Path(f"/proc/{number}/environ").read_bytes()
    assert served.secret not in (served.har.home / ".dagster" / "har.log").read_text()


def test_nothing_is_answered_without_the_link(served: Served) -> None:
    for link in served.links:
        for path in ("/", "/graphql", "/health", "/version", "/ajax-api/3.0/mlflow/assistant/config", "/server_info"):
            assert httpx.get(address(link) + path).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/ajax-api/3.0/mlflow/assistant/config"),
        ("PUT", "/ajax-api/3.0/mlflow/assistant/config"),
        ("POST", "/ajax-api/3.0/mlflow/assistant/message"),
        ("POST", "/ajax-api/3.0/mlflow/gateway/secrets/create"),
        ("POST", "/ajax-api/3.0/jobs/"),
        ("POST", "/ajax-api/2.0/mlflow/webhooks"),
        ("POST", "/v1/traces"),
        ("POST", "/ajax-api/2.0/mlflow/experiments/create"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/x"),
        ("POST", "/ajax-api/2.0/mlflow/upload-artifact"),
    ],
)
def test_what_the_product_has_no_use_for_is_closed(served: Served, method: str, path: str) -> None:
    with logged_in(served.links[1]) as client:
        assert client.request(method, path, json={}).status_code == 403


def test_a_second_one_says_who_serves_the_home(served: Served) -> None:
    told = served.har("ui", expect=1).stderr
    assert f"process {served.process.pid} since" in told
    assert address(served.links[0]) in told
    assert served.secret not in told
    assert served.secret in (served.har.home / ".dagster" / "ui.json").read_text()


def test_a_kill_leaves_nothing_and_the_next_one_waits_for_that(served: Served) -> None:
    """The last test here."""
    os.kill(served.process.pid, signal.SIGKILL)
    with served.har.start("ui") as following:
        lines = [present(following.stdout).readline() for _ in range(2)]
        assert lines[0] == f"Waiting for the servers of process {served.process.pid}, which was killed, to end ...\n"
        assert lines[1].startswith("Starting Dagster")
        os.kill(following.pid, signal.SIGKILL)
    wait_for_the_end_of(f"HAR_HOME={served.har.home}", 30)
