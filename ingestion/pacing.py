"""How fast a vendor is asked, and how many requests are at work at once."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class RateLimit:
    """At most `calls` calls in any `seconds` seconds, over all threads: `wait()` returns when one more may start."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._calls, self._seconds = calls, seconds
        self._starts: deque[float] = deque()
        self._lock = threading.Lock()

    def allow(self, calls: int) -> None:
        """Follow the limit the vendor itself announces."""
        with self._lock:
            self._calls = max(1, calls)

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            while len(self._starts) > self._calls:
                self._starts.popleft()
            if len(self._starts) == self._calls:
                pause = self._starts.popleft() + self._seconds - now
                if pause > 0:
                    time.sleep(pause)
                    now += pause
            self._starts.append(now)


def concurrently(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """Results in the order of the items, at most `workers` at work and twice as many held; the first error ends it: no
    further item is begun.
    """
    remaining, failed = iter(items), list[BaseException]()

    def work(item: T) -> R:
        if failed:
            raise failed[0]
        try:
            return function(item)
        except BaseException as error:
            failed.append(error)
            raise

    with ThreadPoolExecutor(max_workers=workers) as pool:
        running: deque[Future[R]] = deque(pool.submit(work, item) for item in islice(remaining, workers * 2))
        try:
            while running:
                result = running.popleft().result()
                running.extend(pool.submit(work, item) for item in islice(remaining, 1))
                yield result
        finally:
            for future in running:
                future.cancel()


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Slices of at most `size` items."""
    return (items[start : start + size] for start in range(0, len(items), size))
