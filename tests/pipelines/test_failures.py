import errno
import sqlite3
import subprocess
import sys

import pytest

from har_core.base.errors import HarError, InputError, StorageError, causes
from pipelines import failures


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:  # noqa: BLE001 - the exception itself is wanted
        return caught


def test_input_error_deep_in_the_chain_is_found() -> None:
    error = raised(RuntimeError("outer"), raised(StorageError("middle"), InputError("inner")))
    assert str(failures.meant_for_user(error)) == "inner"
    assert failures.exit_code([error]) == 2


def test_input_error_in_a_group_is_found() -> None:
    assert failures.exit_code([ExceptionGroup("several", [ValueError("a"), InputError("b")])]) == 2


@pytest.mark.parametrize(
    ("errors", "code"), [([], 0), ([HarError("x")], 1), ([ValueError("x")], 1), ([HarError("x"), InputError("y")], 2)]
)
def test_exit_codes(errors: list[Exception], code: int) -> None:
    assert failures.exit_code(errors) == code


@pytest.mark.parametrize(
    "full",
    [
        OSError(errno.ENOSPC, "No space left on device", "/data/windows.parquet"),
        sqlite3.OperationalError("database or disk is full"),
    ],
)
def test_full_disk_says_so_whoever_met_it(full: Exception) -> None:
    error = raised(RuntimeError("writer failed"), full)
    assert failures.message(error) == f"the disk is full ({full})"
    assert failures.exit_code([error]) == 1
    assert failures.lack(RuntimeError("disk is full")) is None


@pytest.mark.parametrize(
    ("error", "lacking"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "too many files are open"),
        (OSError(errno.EFBIG, "File too large"), "a file may not become larger here"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "there is too little memory"),
        (sqlite3.OperationalError("disk I/O error"), "a store could not be read or written"),
        (MemoryError(), "there is too little memory"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "there is too little memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "there is too little memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 9 GiB"), "there is too little memory"),
        (RuntimeError("can't start new thread"), "there is too little memory"),
    ],
)
def test_what_the_machine_lacks_is_said(error: Exception, lacking: str) -> None:
    assert failures.message(raised(RuntimeError("step failed"), error)).startswith(lacking)


def test_limit_of_memory_is_named_whatever_libraries_make_of_it() -> None:
    limited = "import resource as r; r.setrlimit(r.RLIMIT_AS, (2**30, 2**30)); from pipelines.failures import message; "
    done = subprocess.run(
        [sys.executable, "-c", limited + 'print(message(ValueError("Invalid version")))'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("this process may use 1,024 MiB of address space (`ulimit -v`)")
    assert done.stdout.endswith("(Invalid version)\n")


def test_other_errors_are_named_by_their_innermost_cause() -> None:
    assert failures.message(raised(RuntimeError("step failed"), KeyError("weights"))) == "KeyError: 'weights'"


def test_circular_chain_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert list(causes(first)) == [first, second]
