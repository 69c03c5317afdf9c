"""Computes results ahead of their use, in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def ahead(work: Callable[[_Item], _Result], items: Iterable[_Item], *, num_threads: int = 1) -> Generator[_Result]:
    """Yield ``work(item)`` for each item, in order; while the caller uses one result, the next ones are computed.

    At most ``num_threads + 1`` results wait for the caller, so memory does not grow with the items. An exception of
    ``work`` is raised in place of its result. Closing the generator waits for the items in work, and starts no other.

    >>> list(ahead(abs, [-2, 1]))
    [2, 1]
    """
    pool = ThreadPoolExecutor(num_threads, thread_name_prefix="ahead")
    waiting: deque[Future[_Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > num_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
