"""Which failures are tried again by themselves: those that can pass. Dagster waits and repeats the step."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import RetryRequested

from assets.resources.sqlite import is_busy
from har_core.base.errors import causes
from har_core.datasets.download import DownloadError

MAX_RETRIES = 2
SECONDS_TO_WAIT = 30.0


@contextmanager
def retrying_what_can_pass() -> Iterator[None]:
    """Ask Dagster to repeat the step where a download did not arrive or a store was busy; raise all else as it is.

    Raises:
        RetryRequested: from the exception; Dagster raises that one after :data:`MAX_RETRIES` more attempts.
    """
    try:
        yield
    except Exception as error:
        if any(isinstance(cause, DownloadError) or is_busy(cause) for cause in causes(error)):
            raise RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=SECONDS_TO_WAIT) from error
        raise
