"""Work side by side in threads: numpy lets go of the interpreter while it computes."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    Item = TypeVar("Item")
    Result = TypeVar("Result")

MOST_THREADS = 4  # each holds a shard of its own in memory


def side_by_side(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """Yield what `work` makes of each item, in order, whatever the number of threads.

    At most so many ahead.
    """
    threads = min(cores(), MOST_THREADS, len(items))
    if threads <= 1:
        yield from map(work, items)
        return
    items_left = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[Result]] = deque(pool.submit(work, item) for item in islice(items_left, threads))
        while ahead:
            result = ahead.popleft().result()
            ahead.extend(pool.submit(work, item) for item in islice(items_left, 1))
            yield result


def cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
