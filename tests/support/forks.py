"""Python processes that are forked from one that has imported what takes long, for tests of what a command does.

To such a process everything is as it is to one that starts cold: arguments, streams, working directory, environment,
signals, exit code, and the modules of this project, of which none is imported yet. What a start costs, and whether
every import is there, it cannot show: for that, start a process cold.

Run as a script, this is the process that is forked from.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import IO

OURS = ("har_core", "assets", "pipelines")


@dataclass
class Process:
    """As much of :class:`subprocess.Popen` as tests use."""

    pid: int
    stdout: IO[str] | None
    stderr: IO[str] | None
    answers: IO[str]
    returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self.answers], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self.returncode = int(self.answers.readline())
        return self.returncode

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()
        self.answers.close()


@dataclass(frozen=True)
class Forks:
    """Starts processes; see :func:`forking`."""

    address: str

    def run(self, arguments: Sequence[object], env: Mapping[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run Python with ``arguments``, as they are on its command line: a script, ``-m`` or ``-c`` comes first."""
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            with self.start(arguments, env, cwd, stdout=out, stderr=err) as process:
                process.wait()
            for stream in (out, err):
                stream.seek(0)
            return subprocess.CompletedProcess([*map(str, arguments)], process.wait(), out.read(), err.read())

    def start(
        self,
        arguments: Sequence[object],
        env: Mapping[str, str],
        cwd: Path,
        *,
        stdout: IO[str] | int = PIPE,
        stderr: IO[str] | int = STDOUT,
    ) -> Process:
        """The same without waiting, in a session of its own."""
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:

            def end_of(stream: IO[str] | int) -> tuple[int, IO[str] | None]:
                if not isinstance(stream, int):
                    return stream.fileno(), None
                reader, writer = os.pipe()
                theirs.callback(os.close, writer)
                return writer, ours.enter_context(open(reader))  # noqa: PTH123 - a descriptor

            nothing = theirs.enter_context(Path(os.devnull).open())
            out, read_out = end_of(stdout)
            err, read_err = (out, None) if stderr == STDOUT else end_of(stderr)
            connection = theirs.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(self.address)
            request = json.dumps({"arguments": [*map(str, arguments)], "env": {**env}, "cwd": str(cwd)}).encode()
            socket.send_fds(connection, [len(request).to_bytes(4)], [nothing.fileno(), out, err])
            connection.sendall(request)
            answers = ours.enter_context(connection.makefile())
            process = Process(int(answers.readline()), read_out, read_err, answers)
            ours.pop_all()
            return process


@contextmanager
def forking(folder: Path) -> Iterator[Forks]:
    """Start the process that is forked from, and end it; its socket is in ``folder``."""
    address = str(folder / "forks")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # read when the libraries are loaded
    command = [sys.executable, __file__, address]
    with subprocess.Popen(command, env=environment, stdin=PIPE, stdout=PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        try:
            yield Forks(address)
        finally:
            server.communicate()  # the end of its input ends it


@dataclass(frozen=True)
class _Request:
    arguments: list[str]
    env: dict[str, str]
    cwd: str


def _serve(address: str) -> _Request | None:
    """Fork until standard input ends. Comes back in each fork too, with what that shall do."""
    import pipelines.warm  # noqa: F401, PLC0415 - packages of others, which may be forked

    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who watch are not waited for
        print("ready", flush=True)  # noqa: T201
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    return _watch(connection)
    return None


def _watch(connection: socket.socket) -> _Request:
    """Fork once more, tell the number of that process, wait for its end, tell its exit code; comes back in it alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(connection, 4, 3)
    with connection.makefile("rb") as file:
        request = _Request(**json.loads(file.read(int.from_bytes(length))))
    pid = os.fork()
    if pid == 0:
        os.setsid()
        for target, stream in enumerate(streams):
            os.dup2(stream, target)
            os.close(stream)
        # Made anew: those of the server remember whether theirs could be sought in.
        sys.stdout, sys.stderr = open(1, "w", encoding="utf-8"), open(2, "w", encoding="utf-8", buffering=1)  # noqa: SIM115
        return request
    for stream in streams:
        os.close(stream)
    with contextlib.suppress(BrokenPipeError):  # nobody asks any more
        connection.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(request: _Request) -> None:
    os.environ.clear()
    os.environ.update(request.env)
    os.chdir(request.cwd)
    path = [*filter(None, request.env.get("PYTHONPATH", "").split(os.pathsep)), *sys.path[1:]]
    first, *rest = request.arguments
    if first == "-m":
        name, *rest = rest
        sys.argv, sys.path = [name, *rest], [request.cwd, *path]
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    elif first == "-c":
        code, *rest = rest
        sys.argv, sys.path = ["-c", *rest], ["", *path]
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102
    else:
        sys.argv, sys.path = [first, *rest], [str(Path(first).parent), *path]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__" and (request := _serve(sys.argv[1])) is not None:
    _become(request)  # and end as any process does
