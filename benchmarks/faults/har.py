"""``har`` as processes in one home: forked from one that has imported the libraries, or started cold behind a tool."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from forks import Forks, Process

from faults.cases import Seen

ROOT = Path(__file__).parents[2]
SECONDS_AT_MOST = 300
"""After that, a command counts as hung."""
_SAID = 1500


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Everything that it said."""
        return self.out + self.err


@dataclass(frozen=True, slots=True)
class Har:
    """Commands in one home. ``seen`` gets every command, and a complaint where one leaves a traceback or hangs."""

    home: Path
    forks: Forks
    seen: Seen

    @property
    def environment(self) -> dict[str, str]:
        """That of every command: nothing of the caller's that har, Dagster or MLflow would read."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HAR_", "DAGSTER_", "MLFLOW_"))}
        return {**kept, "HAR_HOME": str(self.home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    def __call__(self, *arguments: object, codes: Sequence[int] = (0,)) -> Done:
        """Run ``har`` with these arguments; an exit code that is none of ``codes`` is a complaint."""
        return self.finish(self.start(*arguments), *arguments, codes=codes)

    def start(self, *arguments: object) -> Started:
        """The same without waiting."""
        out, err = (tempfile.TemporaryFile("w+") for _ in range(2))  # noqa: SIM115 - closed by finish
        return Started(
            self.forks.start(
                ["-m", "pipelines", *arguments], self.environment, self.home.parent, stdout=out, stderr=err
            ),
            out,
            err,
        )

    def finish(self, started: Started, *arguments: object, codes: Sequence[int] = (0,)) -> Done:
        """Wait for what :meth:`start` started."""
        with started.process as process:
            try:
                code = process.wait(SECONDS_AT_MOST)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                code = process.wait()
                self.seen.complaints.append(f"`har {_line(arguments)}` hung")
        return self._note(Done(code, _end(started.out), _end(started.err)), ["har", *arguments], codes)

    def cold(self, before: Sequence[object], arguments: Sequence[object], codes: Sequence[int] | None = None) -> Done:
        """Run ``python -m …`` behind ``before``, a tool with its options; any exit code will do where it is None."""
        command = [*map(str, before), sys.executable, "-m", *map(str, arguments)]
        with subprocess.Popen(
            command,
            env=self.environment,
            cwd=self.home.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=SECONDS_AT_MOST)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                out, err = process.communicate()
                self.seen.complaints.append(f"`{_line(command)}` hung")
        return self._note(Done(process.returncode, out, err), command, codes)

    def _note(self, done: Done, command: Sequence[object], codes: Sequence[int] | None) -> Done:
        line = _line(command)
        self.seen.commands.append(f"$ {line}\n[{done.code}] {done.text.strip()[-_SAID:]}")
        short = line.rpartition(" -m ")[2]  # without the tool before it
        if "Traceback (most recent call last)" in done.text:
            self.seen.complaints.append(f"`{short}`: traceback: {done.text.strip().splitlines()[-1][:200]}")
        if codes is not None and done.code not in codes:
            last = (done.err.strip() or done.out.strip() or "nothing").splitlines()[-1]
            self.seen.complaints.append(f"`{short}`: exit code {done.code}, and said: {last[:200]}")
        return done


@dataclass(frozen=True, slots=True)
class Started:
    """A command at work."""

    process: Process
    out: IO[str]
    err: IO[str]


def _line(command: Sequence[object]) -> str:
    return shlex.join(map(str, command))


def _end(file: IO[str]) -> str:
    with file:
        file.seek(0)
        return file.read()
