import errno
import sqlite3

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
    assert failures.is_full_disk(error)
    assert failures.message(error) == f"the disk is full ({full})"
    assert failures.exit_code([error]) == 1
    assert not failures.is_full_disk(RuntimeError("disk is full"))


def test_other_errors_are_named_by_their_innermost_cause() -> None:
    assert failures.message(raised(RuntimeError("step failed"), KeyError("weights"))) == "KeyError: 'weights'"


def test_circular_chain_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert list(causes(first)) == [first, second]
