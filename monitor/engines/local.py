"""Profiles on this machine: the kernel mapped over batches by a thread for each core."""

from __future__ import annotations

import dataclasses
import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import pyarrow as pa
import pydantic

from monitor.core.ports import Reading
from monitor.core.window import Window
from monitor.profiles.crew import Crew
from monitor.profiles.kernel import Profiler
from monitor.profiles.plan import Plan
from monitor.profiles.split import Splitter
from monitor.profiles.types import Profile

#: What the libraries read when they are loaded; the command line sets all of them to 1.
BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Local:
    """One process, one thread a core.

    **Config**

        [[monitors]]
        engine = "local"
    """

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `local`."""

        threads: int | None = pydantic.Field(None, ge=1, le=256)

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or self.Options(threads=None)

    @property
    def threads(self) -> int:
        """How many threads count: those asked for, else one for each core that we may use."""
        if self.options.threads:
            return self.options.threads
        ours = getattr(os, "sched_getaffinity", None)  # not on every system
        return len(ours(0)) if ours is not None else os.cpu_count() or 1

    def profile(self, reading: Reading, plan: Plan, *, window: Window | None = None) -> Profile:
        """The profile of all rows of a reading, in one pass."""
        with _one_blas_thread(), Crew(self.threads) as crew:
            profiler = Profiler(plan, window=window, crew=crew)
            profiler.see(reading.schema)
            _count(reading.batches, profiler.update)
            return profiler.result()

    def profile_split(self, reading: Reading, plan: Plan, splitter: Splitter) -> list[Profile]:
        """The profiles of parts (windows, or blocks in file order), in one pass.

        In a reference the rows that an encoder was fitted on are left out of its columns
        (`Profiler(half=True)`); rows in no part are counted in the `late` of the first.
        """
        with _one_blas_thread(), Crew(self.threads) as crew:
            splitting = splitter.start(plan, reading.schema, reading.rows_hint, crew)
            _count(reading.batches, splitting.update)
            parts = splitting.results()
        if splitting.outside and parts:
            parts[0] = dataclasses.replace(parts[0], late=parts[0].late + splitting.outside)
        return parts


def _one_blas_thread() -> AbstractContextManager[object]:
    """Threads of BLAS only get into the way of ours; looking them up costs 10 ms."""
    if all(os.environ.get(name) == "1" for name in BLAS_THREADS):
        return nullcontext()
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

    limited: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limited


def _count(batches: Iterator[pa.RecordBatch], update: Callable[[pa.RecordBatch], None]) -> None:
    """Count batches in a thread of their own, while this one reads on."""
    counting = _Counting(update)
    try:
        for batch in batches:
            counting.put(batch)
            if counting.error is not None:
                break
    finally:
        counting.finish()


class _Counting:
    """A thread that counts one batch while the next is read; no third one takes memory."""

    def __init__(self, update: Callable[[pa.RecordBatch], None]) -> None:
        self.update = update
        self.queue: queue.Queue[pa.RecordBatch | None] = queue.Queue()
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True, name="driftloop-count")
        self.thread.start()

    def put(self, batch: pa.RecordBatch) -> None:
        """Wait until the batch before is counted, then leave this one."""
        self.queue.join()
        self.queue.put(batch)

    def _run(self) -> None:
        while (batch := self.queue.get()) is not None:
            try:
                if self.error is None:
                    self.update(batch)
            except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
                self.error = error
            finally:
                self.queue.task_done()

    def finish(self) -> None:
        """Wait for the end of the queue; raises what went wrong there."""
        self.queue.put(None)
        self.thread.join()
        if self.error is not None:
            raise self.error


plugin = Local
