"""A group of processes ends with the one that started it, however that ended, and its own children with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import processes_naming, wait_for_the_end_of

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc")

PARENT = """
import os, sys, time
from pathlib import Path
from pipelines.servers.children import Children

folder = Path(sys.argv[1])
with (folder / "log").open("wb") as log, Children(os.environ, folder, log, log.fileno()) as children:
    children.start("one", ["parent_and_child", *sys.argv[2:]])
    while not (folder / "ready").exists() and children.ended() is None:
        time.sleep(0.05)
    print(children.ended() or "ready", flush=True)
    sys.stdin.read()
"""
CHILD = """
import os, signal, subprocess, sys, time
from pathlib import Path
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path("ready").touch()
time.sleep(600)
"""


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "parent_and_child.py").write_text(CHILD)

    def start(*arguments: str) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(tmp_path / "modules"), *filter(None, sys.path)])
        return subprocess.Popen(
            [sys.executable, "-c", PARENT, str(tmp_path), *arguments],
            env={**os.environ, "PYTHONPATH": path, "MARK": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.mark.slow
def test_all_end_with_a_parent_that_was_killed(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    with start() as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        assert len(processes_naming(f"MARK={tmp_path}")) == 4
        parent.kill()
    wait_for_the_end_of(f"MARK={tmp_path}", 20)


def test_all_end_with_a_parent_that_ends(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    with start() as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        parent.communicate()
    assert parent.returncode == 0
    assert processes_naming(f"MARK={tmp_path}") == []


@pytest.mark.slow
def test_what_will_not_end_is_killed(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    with start("stubborn") as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        parent.kill()
    time.sleep(1)
    assert processes_naming(f"MARK={tmp_path}") != []
    wait_for_the_end_of(f"MARK={tmp_path}", 30)
