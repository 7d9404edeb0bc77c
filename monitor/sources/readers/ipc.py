"""Arrow IPC (files and streams) and Feather."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from monitor.core.ports import Note
from monitor.sources.places import Place
from monitor.sources.readers import Request, WithoutStatistics, check_names
from monitor.sources.tally import Tally

_MAGIC = b"ARROW1"
_SAMPLED = 16


class IpcReader(WithoutStatistics):
    """One Arrow file: the file format can be entered anywhere, the stream format cannot."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.notes: list[Note] = []
        self.rows: int | None = None
        self._random = place.compression is None and self._magic() == _MAGIC
        if self._random:
            with self._file() as file:
                self.schema: pa.Schema = file.schema.remove_metadata()
                counts = (
                    file.get_batch(index).num_rows for index in range(file.num_record_batches)
                )
                self.empty = not any(counts)
        else:
            with self._stream() as stream:
                self.schema = stream.schema.remove_metadata()
                self.empty = not any(batch.num_rows for batch in stream)
        check_names(self.schema.names, place.name)

    def batches(self, request: Request, _tally: Tally) -> Iterator[pa.RecordBatch]:
        """All rows."""
        names = [name for name in request.columns if name in self.schema.names]
        if not self._random:
            with self._stream() as stream:
                yield from (_proved(batch.select(names)) for batch in stream)
            return
        with self._file() as file:
            for index in range(file.num_record_batches):
                yield _proved(file.get_batch(index).select(names))

    def sample(self, request: Request, _rows: int, tally: Tally) -> Iterator[pa.RecordBatch]:
        """Batches spread over the file."""
        names = [name for name in request.columns if name in self.schema.names]
        if not self._random:
            yield from self.batches(request, tally)
            return
        with self._file() as file:
            count = file.num_record_batches
            for index in np.unique(np.linspace(0, count - 1, min(_SAMPLED, count)).astype(int)):
                yield _proved(file.get_batch(int(index)).select(names))

    def _magic(self) -> bytes:
        with self._place.filesystem.open_input_stream(self._place.path, compression=None) as stream:
            return bytes(stream.read(len(_MAGIC)))

    def _file(self) -> ipc.RecordBatchFileReader:
        return ipc.open_file(self._place.filesystem.open_input_file(self._place.path))

    def _stream(self) -> ipc.RecordBatchStreamReader:
        return ipc.open_stream(
            self._place.filesystem.open_input_stream(
                self._place.path, compression=self._place.compression
            )
        )


def _proved(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, once its offsets and counts are right: Arrow believes what a file says of them."""
    batch.validate(full=True)
    return batch
