"""``har`` within this process: as the console script runs it, with what it does to the process undone afterwards."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from narrowing import as_type

from pipelines.cli.main import main


@dataclass
class Result:
    exit_code: int
    out: str
    err: str


@contextmanager
def undone() -> Iterator[None]:
    """What commands set in the environment, and have logged and warned, is as before."""
    environment = dict(os.environ)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with warnings.catch_warnings():
        yield
    logging.captureWarnings(capture=False)
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)


def run_har(capfd: pytest.CaptureFixture[str], *arguments: object) -> Result:
    """Run a command; what it prints comes from the file descriptors, where libraries' chatter would show too."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    return Result(as_type(int, ended.value.code or 0), out, err)
