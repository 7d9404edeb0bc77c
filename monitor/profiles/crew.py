"""Threads that share the columns of a buffer out among themselves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

Task = Callable[[], None]


class Crew:
    """`threads` threads, the caller's among them; a context manager.

    numpy and Arrow let go of the interpreter's lock, so that columns are counted side by side.
    """

    def __init__(self, threads: int = 1) -> None:
        self.others = max(threads, 1) - 1
        self._pool = ThreadPoolExecutor(self.others, "driftloop-profile") if self.others else None

    def run(self, tasks: Iterable[Task]) -> None:
        """All tasks, the first ones first; an error of one of them is raised when all are done."""
        waiting = deque(tasks)
        if self._pool is None or len(waiting) < 2:
            _drain(waiting)
            return
        helpers = [self._pool.submit(_drain, waiting) for _ in range(self.others)]
        try:
            _drain(waiting)
        finally:
            for helper in helpers:
                helper.result()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()


def _drain(waiting: deque[Task]) -> None:
    while True:
        try:
            task = waiting.popleft()
        except IndexError:
            return
        task()
