import sqlite3

import dagster as dg
import pytest
from mlflow import MlflowException

from assets.resources.retries import MAX_RETRIES, retrying_what_can_pass
from har_core.base.errors import HarError, InputError, StorageError
from har_core.datasets.download import DownloadError


def caused_by(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


PASSING = [
    DownloadError("no answer"),
    sqlite3.OperationalError("database is locked"),
    caused_by(MlflowException("busy"), sqlite3.OperationalError("database is locked")),
]
STAYING = [
    InputError("no such file"),
    HarError("no"),
    StorageError("full"),
    ValueError("a mistake of ours"),
    sqlite3.OperationalError("database or disk is full"),
    sqlite3.OperationalError("no such table"),
]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_can_pass_is_tried_again(error: Exception) -> None:
    with pytest.raises(dg.RetryRequested) as caught, retrying_what_can_pass():
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", STAYING, ids=repr)
def test_what_cannot_pass_is_raised_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, retrying_what_can_pass():
        raise error
    assert caught.value is error


@pytest.mark.parametrize(("error", "num_attempts"), [(PASSING[0], 1 + MAX_RETRIES), (STAYING[0], 1)], ids=repr)
def test_dagster_repeats_the_step(monkeypatch: pytest.MonkeyPatch, error: Exception, num_attempts: int) -> None:
    monkeypatch.setattr("assets.resources.retries.SECONDS_TO_WAIT", 0.0)
    attempts = []

    @dg.asset
    def asset() -> None:
        attempts.append(1)
        with retrying_what_can_pass():
            raise error

    assert not dg.materialize([asset], raise_on_error=False).success
    assert len(attempts) == num_attempts
