"""Work done a little before its result is needed, in threads of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(work: Callable[[Item], Result], items: Iterable[Item], *, num_threads: int = 1) -> Generator[Result]:
    """``work`` of each item, in their order: while the caller uses one result, the next ones are worked out.

    At most ``num_threads + 1`` results exist at a time that the caller has not got, so that memory does not grow with
    the items. What ``work`` raises is raised where its result would have come. Closing the generator waits for the
    items that are being worked on, and starts no other.

    >>> list(ahead(abs, [-2, 1]))
    [2, 1]
    """
    pool = ThreadPoolExecutor(num_threads, thread_name_prefix="ahead")
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > num_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
