"""An inbox: batches that services post, because nobody can pull from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pydantic

from monitor.core.errors import SourceNotFoundError
from monitor.core.ports import Reading
from monitor.core.window import Window
from monitor.sources.files import Files
from monitor.sources.spool import Limits, Spool
from monitor.sources.times import TimeUnit

_FEWEST = 16  #: characters of a token that nobody guesses


def _long_enough(token: pydantic.SecretStr) -> pydantic.SecretStr:
    if len(token.get_secret_value()) < _FEWEST:
        msg = f"has fewer than {_FEWEST} characters; `openssl rand -hex 32` makes a good one"
        raise ValueError(msg)
    return token


class Http:
    """What services post to `/v1/ingest/MONITOR` of `driftloop serve`, kept as Parquet files.

    **Config**

        [monitors.source]
        kind = "http"
        folder = "inbox/flights"
        token = "${INBOX_TOKEN}"

    Batches are Arrow IPC streams or JSON lines. Each is stored once, however often it is sent,
    and is read whole or not at all.
    """

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Where batches are kept, who may post them, and how large they may be."""

        folder: Annotated[str, pydantic.Field(min_length=1)]
        #: What a service sends as `Authorization: Bearer …`; without it nothing is taken.
        token: Annotated[pydantic.SecretStr, pydantic.AfterValidator(_long_enough)] | None = None
        max_bytes: int = pydantic.Field(64 << 20, ge=1_000, le=1 << 30)  #: of a batch as sent
        max_rows: int = pydantic.Field(1_000_000, ge=1, le=100_000_000)
        max_columns: int = pydantic.Field(2_000, ge=1, le=100_000)
        spool_bytes: int = pydantic.Field(50 << 30, ge=1_000)  #: of all batches together
        timestamp_unit: TimeUnit | None = None
        timestamp_format: str | None = None

    def __init__(self, options: Options, base: Path | str = ".") -> None:
        self.options = options
        self.folder = Path(base).absolute() / Path(options.folder).expanduser()
        found = Files.Options(
            path=(str(self.folder),),
            format="parquet",
            hive=False,
            timestamp_unit=options.timestamp_unit,
            timestamp_format=options.timestamp_format,
        )
        self._files = Files(found, base)

    @property
    def spool(self) -> Spool:
        """Where batches are written to."""
        given = self.options
        limits = Limits(given.max_bytes, given.max_rows, given.max_columns, given.spool_bytes)
        return Spool(self.folder, limits)

    def describe(self) -> str:
        """What a person calls it."""
        return f"inbox {self.options.folder}"

    def schema(self) -> pa.Schema:
        """Columns and types, the union over all batches."""
        return self._there().schema()

    def sample(
        self, rows: int, *, window: Window | None = None, timestamp: str | None = None
    ) -> pa.Table:
        """At most `rows` rows, evenly from all batches."""
        return self._there().sample(rows, window=window, timestamp=timestamp)

    def open(
        self,
        window: Window | None = None,
        *,
        timestamp: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> Reading:
        """The rows of the window, from the batches that can hold them."""
        return self._there().open(window, timestamp=timestamp, columns=columns)

    def extent(self, timestamp: str) -> tuple[Window | None, int]:
        """First and last time and the number of rows, by the statistics of the files."""
        return self._there().extent(timestamp)

    def batches(self) -> list[Path]:
        """The files of all batches, the one that came first in front."""
        return sorted(self.folder.glob("*/*.parquet"), key=lambda path: path.stat().st_mtime)

    def extent_of(self, batch: Path, timestamp: str) -> Window | None:
        """First and last time of one batch; None: it has no row with a time."""
        options = self._files.options.model_copy(update={"path": (str(batch),)})
        return Files(options).extent(timestamp)[0]

    def _there(self) -> Files:
        if not any(self.folder.glob("*/*.parquet")):
            msg = (
                f"Nothing was posted to {self.describe()} yet. Post a batch to /v1/ingest/ and the "
                "name of the monitor, or correct `folder`."
            )
            raise SourceNotFoundError(msg)
        return self._files


plugin = Http
