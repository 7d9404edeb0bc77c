"""Profiles on this machine: the kernel mapped over batches by a thread for each core."""

from __future__ import annotations

import dataclasses
import os
import queue
import threading
from collections.abc import Iterator

import pyarrow as pa
import pydantic
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from monitor.core.ports import Reading
from monitor.core.window import Window
from monitor.profiles.kernel import BUFFER_BYTES, BUFFER_ROWS, Profiler, completed
from monitor.profiles.plan import Plan
from monitor.profiles.sample import Ceiling
from monitor.profiles.split import Splitter, merged
from monitor.profiles.types import Profile

_WAITING = 2  #: buffers that may wait for each thread


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
        """The profile of all rows of a reading, in one pass.

        Buffers go round the threads in turn, so that a run repeats itself bit for bit.
        """
        ceiling = Ceiling(plan.sample_size)
        workers = [_Worker(plan, reading.schema, window, ceiling) for _ in range(self.threads)]
        with threadpool_limits(1, user_api="blas"):
            try:
                for at, buffer in enumerate(_buffers(reading.batches)):
                    workers[at % len(workers)].put(buffer)
            finally:
                profiles = [worker.finish() for worker in workers]
            return completed(merged(profiles), plan, half=False)

    def profile_split(self, reading: Reading, plan: Plan, splitter: Splitter) -> list[Profile]:
        """The profiles of parts (windows, or blocks in file order), in one pass.

        In a reference the rows that an encoder was fitted on are left out of its columns
        (`Profiler(half=True)`); rows in no part are counted in the `late` of the first.
        """
        splitting = splitter.start(plan, reading.schema, reading.rows_hint)
        with threadpool_limits(1, user_api="blas"):
            for batch in reading.batches:
                splitting.update(batch)
            parts = splitting.results()
        if splitting.outside and parts:
            parts[0] = dataclasses.replace(parts[0], late=parts[0].late + splitting.outside)
        return parts


class _Worker:
    """A thread with a profiler of its own."""

    def __init__(
        self, plan: Plan, schema: pa.Schema, window: Window | None, ceiling: Ceiling
    ) -> None:
        self.profiler = Profiler(plan, window=window, ceiling=ceiling)
        self.profiler.see(schema)
        self.queue: queue.Queue[list[pa.RecordBatch] | None] = queue.Queue(_WAITING)
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True, name="driftloop-profile")
        self.thread.start()

    def put(self, batches: list[pa.RecordBatch]) -> None:
        """Wait for room, then leave one buffer."""
        self.queue.put(batches)

    def _run(self) -> None:
        while (batches := self.queue.get()) is not None:
            if self.error is not None:
                continue  # keep emptying the queue, so that nobody waits for ever
            try:
                for batch in batches:
                    self.profiler.update(batch)
                self.profiler.flush()
            except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
                self.error = error

    def finish(self) -> Profile:
        """Wait for the end of the queue and give the profile."""
        self.queue.put(None)
        self.thread.join()
        if self.error is not None:
            raise self.error
        return self.profiler.partial()


def _buffers(batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Batches gathered to buffers of enough rows for the kernel."""
    gathered: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        gathered.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if rows >= BUFFER_ROWS or size >= BUFFER_BYTES:
            yield gathered
            gathered, rows, size = [], 0, 0
    if gathered:
        yield gathered


plugin = Local
