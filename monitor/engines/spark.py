"""Profiles on a cluster: Spark maps the kernel over shares of the rows and merges in a tree."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pydantic
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from monitor.core import cluster
from monitor.core.cluster import Cluster
from monitor.core.errors import EngineError
from monitor.core.ports import Reading, Spread
from monitor.core.version import VERSION
from monitor.core.window import Window
from monitor.engines.spark_tree import ACCOUNT, SCHEMA, gathered, row
from monitor.profiles.kernel import completed
from monitor.profiles.plan import Plan
from monitor.profiles.shares import Blocks, Cut, Times, Whole, empty
from monitor.profiles.split import ByOrder, ByTime
from monitor.profiles.types import Profile

Batches = Iterator[pa.RecordBatch]
Map = Callable[[Batches], Batches]

_FAILED = (
    "Spark could not profile the rows, and nothing of them was kept; the window is taken again"
)


class Spark:
    """A Spark cluster: executors read shares of the rows and count them with the same kernel.

    **Config**

        [[monitors]]
        engine = "spark"
        [monitors.engine_options]
        master = "local[4]"                     # or spark://…, yarn, k8s://…
        # remote = "sc://spark.example.com"     # instead: a Spark Connect server

    Reads what sources of kind `files` and `spark` name. Executors need driftloop of the same
    version. Without `master` and `remote` the session is Spark's own default: what
    `spark-submit`, `spark-defaults.conf` or `SPARK_REMOTE` say.
    """

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `spark`."""

        master: str | None = pydantic.Field(None, min_length=1)
        remote: str | None = pydantic.Field(None, min_length=1)  #: sc://host:15002
        conf: dict[str, pydantic.SecretStr | bool | int | float] = {}  #: of a new session
        partitions: int | None = pydantic.Field(None, ge=1, le=100_000)  #: shares of `files`
        fan_in: int = pydantic.Field(8, ge=2, le=1000)  #: profiles that one task merges

        @pydantic.model_validator(mode="after")
        def _one_of_two(self) -> Spark.Options:
            if self.master and self.remote:
                msg = "name `master` or `remote`, not both"
                raise ValueError(msg)
            return self

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or self.Options.model_validate({})
        told = self.options
        self._cluster = Cluster.of(told.remote, told.master, told.conf)
        cluster.announce(self._cluster)

    def profile(self, reading: Reading, plan: Plan, *, window: Window | None = None) -> Profile:
        """The profile of all rows of a reading."""
        done = self._run(reading, plan, Whole(window))
        whole = done.parts.get(0) or empty(plan, reading.schema)
        with threadpool_limits(1, user_api="blas"):
            return completed(whole, plan, half=False)

    def profile_split(
        self, reading: Reading, plan: Plan, splitter: ByOrder | ByTime
    ) -> list[Profile]:
        """The profiles of parts (windows, or blocks in file order), in one pass.

        Blocks are cut in the order of the shares; where the number of rows is not known without
        reading, they are counted by a pass of their own first. Rows in no part are counted in the
        `late` of the first.
        """
        cut: Cut
        first: Sequence[int] = ()
        if isinstance(splitter, ByTime):
            cut, count = Times(splitter), len(splitter.windows)
        else:
            sizes = self._sizes(reading)
            first = [0, *accumulate(sizes)]
            ends = splitter.ends(first[-1])
            cut, count = Blocks(ends), len(ends)
        done = self._run(reading, plan, cut, count, first)
        if first and done.rows != first[-1]:
            msg = (
                f"Spark read {done.rows:,} rows where it had counted {first[-1]:,} before: the "
                "data changed, or come in another order each time. Name [monitors.columns] "
                "timestamp, so that windows are cut by time, or run again."
            )
            raise EngineError(msg)
        nothing = empty(plan, reading.schema)
        with threadpool_limits(1, user_api="blas"):
            parts = [
                completed(done.parts.get(at, nothing), plan, half=cut.half) for at in range(count)
            ]
        if done.outside and parts:
            parts[0] = replace(parts[0], late=parts[0].late + done.outside)
        return parts

    def _run(
        self, reading: Reading, plan: Plan, cut: Cut, parts: int = 1, first: Sequence[int] = ()
    ) -> _Done:
        spread = self._spread(reading)
        task = _task(spread.batches, reading.schema, plan.to_bytes(), cut, first)
        with cluster.speaking(_FAILED):
            found = gathered(
                self._mapped(spread, task),
                parts=parts,
                shares=None if spread.shares is None else len(spread.shares),
                fan_in=self.options.fan_in,
            )
        accounts = json.loads(found.pop(ACCOUNT, b"[]"))
        told = [text for account in accounts for text in account["told"]]
        reading.notes += spread.notes(told)
        return _Done(
            parts={number: Profile.from_bytes(body) for number, body in found.items()},
            rows=sum(account["rows"] for account in accounts),
            outside=sum(account["outside"] for account in accounts),
        )

    def _sizes(self, reading: Reading) -> list[int]:
        """Rows of each share, counted where nothing says so."""
        spread = self._spread(reading)
        sizes = [size for size in spread.shares or () if size is not None]
        if spread.shares is not None and len(sizes) == len(spread.shares):
            return sizes
        with cluster.speaking(_FAILED):
            counted = self._mapped(spread, _counting(spread.batches)).collect()
        rows = {found["share"]: json.loads(bytes(found["body"])) for found in counted}
        return [rows.get(share, 0) for share in range(max(rows, default=-1) + 1)]

    def _mapped(self, spread: Spread, task: Map) -> Any:
        frame = spread.frame(lambda: cluster.session(self._cluster))
        return frame.mapInArrow(task, SCHEMA)

    def _spread(self, reading: Reading) -> Spread:
        if reading.spread is None:
            msg = (
                "Engine 'spark' cannot share out the rows of this source: only sources of kind "
                '"files" and "spark" can be read by several machines. Set `engine = "local"`, or '
                'read the table by `kind = "spark"`.'
            )
            raise EngineError(msg)
        with cluster.speaking(_FAILED):
            return reading.spread(self.options.partitions)


@dataclass(frozen=True, slots=True)
class _Done:
    """What came back from a pass."""

    parts: dict[int, Profile]  #: partial profiles by number
    rows: int
    outside: int


def _task(
    read: Callable[[Batches, list[str]], Batches],
    schema: pa.Schema,
    packed: bytes,
    cut: Cut,
    first: Sequence[int],
) -> Map:
    """The kernel, as Spark maps it: batches of a share in, its partial profiles out."""
    version = VERSION

    def profiled(rows: Batches) -> Batches:
        _same_version(version)
        number, told, seen = _share_number(), list[str](), 0
        plan = Plan.from_bytes(packed)
        share = cut.share(plan, schema, first[number] if first else 0)
        with threadpool_limits(1, user_api="blas"):
            for batch in read(rows, told):
                seen += batch.num_rows
                share.update(batch)
            for part, profile in share.partials().items():
                yield row(part, number, profile.to_bytes(sample=True))
        account = [{"rows": seen, "outside": share.outside, "told": told}]
        yield row(ACCOUNT, number, json.dumps(account).encode())

    return profiled


def _counting(read: Callable[[Batches, list[str]], Batches]) -> Map:
    def counted(rows: Batches) -> Batches:
        count = sum(batch.num_rows for batch in read(rows, []))
        yield row(ACCOUNT, _share_number(), json.dumps(count).encode())

    return counted


def _share_number() -> int:
    from pyspark import TaskContext  # noqa: PLC0415 - in an executor only

    context = TaskContext.get()
    assert context is not None
    return int(context.partitionId())


def _same_version(driver: str) -> None:
    if driver != VERSION:
        msg = (
            f"The executors run driftloop {VERSION} and the driver {driver}. "
            "Install the same version on both."
        )
        raise EngineError(msg)


plugin = Spark
