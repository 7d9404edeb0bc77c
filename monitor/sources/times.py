"""The timestamp column, whatever it is stored as, becomes microseconds in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.errors import ColumnNotFoundError, UnreadableSourceError
from monitor.core.window import Window
from monitor.sources.tally import Tally, short

TimeUnit = Literal["s", "ms", "us", "ns"]

UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")
_PER_SECOND: dict[str, int] = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY = 86_400_000_000
_FIRST = (date(1, 1, 2) - date(1970, 1, 1)).days * _DAY
_LAST = (date(9999, 12, 30) - date(1970, 1, 1)).days * _DAY
#: Text of a time that ends in a zone.
HAS_ZONE = re.compile(r"[0-9](Z|z|[+-][0-9]{2}(:?[0-9]{2})?)\s*$")


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, UTC."""
    return (moment - datetime.fromtimestamp(0, tz=moment.tzinfo)) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Clock:
    """How the values of the timestamp column are to be understood."""

    column: str
    unit: TimeUnit | None = None  #: of a column of numbers
    format: str | None = None  #: of a column of text that is not ISO 8601, as in strptime
    source: str = "the source"
    zone: str | None = None  #: of times that carry none; None: UTC, which is then noted

    def check(self, schema: pa.Schema) -> None:
        """Raise unless the column is there and can be a time."""
        if self.column not in schema.names:
            raise ColumnNotFoundError(self.column, self.source, schema.names, "timestamp")
        dtype = plain_time(schema.field(self.column).type)
        if pa.types.is_integer(dtype) or pa.types.is_floating(dtype):
            if self.unit is None:
                self._refuse(
                    "holds numbers; say what they count since 1970 with "
                    '`timestamp_unit = "s"` (or ms, us, ns) beside the path of the source'
                )
        elif not _is_time_or_text(dtype):
            self._refuse(f"is {dtype}, which is no time; name another column as timestamp")

    def read(self, array: pa.Array, tally: Tally) -> pa.Array:
        """The array as `timestamp[us, UTC]`; what is no time becomes null and is counted."""
        if pa.types.is_dictionary(array.type):
            return self.read(array.dictionary, tally).take(array.indices)
        return _of_this_era(self._read(array, tally), tally)

    def _read(self, array: pa.Array, tally: Tally) -> pa.Array:
        dtype = array.type
        if pa.types.is_timestamp(dtype):
            micro = array.cast(pa.timestamp("us", tz=dtype.tz), safe=False)
            return micro.cast(UTC_MICROSECONDS) if dtype.tz else self._placed(micro, tally)
        if pa.types.is_date(dtype):
            return self._placed(array.cast(pa.timestamp("us")), tally)
        if pa.types.is_integer(dtype) or pa.types.is_floating(dtype):
            return self._count(array)
        return self._parse(array.cast(pa.string()), tally)

    def _placed(self, naive: pa.Array, tally: Tally) -> pa.Array:
        """Times without a zone, in that of the clock; where an hour is twice, the first one."""
        if self.zone is None:
            tally.without_zone = True
            return naive.cast(UTC_MICROSECONDS)
        when = {"ambiguous": "earliest", "nonexistent": "earliest"}
        return pc.assume_timezone(naive, self.zone, **when).cast(UTC_MICROSECONDS)

    def statistic(self, raw: int, dtype: pa.DataType) -> int | None:
        """A stored minimum or maximum (the file's raw integer) in microseconds UTC.

        None where it says nothing: of another type, or no time of a calendar.
        """
        value = self._statistic(raw, dtype)
        return value if value is not None and _FIRST <= value <= _LAST else None

    def _statistic(self, raw: int, dtype: pa.DataType) -> int | None:
        if pa.types.is_timestamp(dtype):
            return raw * 1_000_000 // _PER_SECOND[dtype.unit]
        if pa.types.is_date32(dtype):
            return raw * _DAY
        if pa.types.is_integer(dtype) and self.unit is not None:
            return raw * 1_000_000 // _PER_SECOND[self.unit]
        return None

    def _count(self, array: pa.Array) -> pa.Array:
        if pa.types.is_floating(array.type):
            finite = pc.if_else(pc.is_finite(array), array, None)
            factor = 1_000_000 / _PER_SECOND[self.unit or "s"]
            scaled = pc.round(pc.multiply(finite, factor))
            return scaled.cast(pa.int64(), safe=False).cast(UTC_MICROSECONDS)
        counted = array.cast(pa.int64(), safe=False).cast(pa.timestamp(self.unit or "s"))
        return counted.cast(pa.timestamp("us"), safe=False).cast(UTC_MICROSECONDS)

    def _parse(self, array: pa.Array, tally: Tally) -> pa.Array:
        tally.text_times = True
        texts = pc.utf8_trim_whitespace(array)
        if self.format is not None:
            parsed = pc.strptime(texts, format=self.format, unit="us", error_is_null=True)
            zoned = "%z" in self.format
            result = parsed.cast(UTC_MICROSECONDS) if zoned else self._placed(parsed, tally)
        else:
            result = self._parse_iso(texts, tally)
        bad = pc.and_(array.is_valid(), result.is_null())
        count = pc.sum(bad).as_py() or 0
        tally.good_times += len(result) - result.null_count
        if count:
            example = short(array.filter(bad)[0].as_py())
            if not tally.good_times:
                self._refuse(
                    f"holds text that is no time, such as {example!r}; name its form with "
                    '`timestamp_format = "%d.%m.%Y %H:%M"` beside the path of the source'
                )
            tally.bad_times += count
            tally.bad_time = tally.bad_time or example
        return result

    def _parse_iso(self, texts: pa.Array, tally: Tally) -> pa.Array:
        try:
            naive = texts.cast(pa.timestamp("us"))
        except pa.ArrowInvalid:
            pass
        else:
            return self._placed(naive, tally)
        try:
            return texts.cast(UTC_MICROSECONDS)
        except pa.ArrowInvalid:
            pass
        import pandas as pd  # noqa: PLC0415 - only texts of several forms pay for it

        parsed = pd.to_datetime(texts.to_pandas(), errors="coerce", format="ISO8601", utc=True)
        result = pa.array(parsed, from_pandas=True).cast(UTC_MICROSECONDS, safe=False)
        zoned = pc.match_substring_regex(texts, HAS_ZONE.pattern)
        if pc.all(zoned).as_py():
            return result
        return pc.if_else(zoned, result, self._placed(result.cast(pa.timestamp("us")), tally))

    def _refuse(self, what: str) -> None:
        msg = f"Column {self.column!r} of {self.source} {what}."
        raise UnreadableSourceError(msg)


def _of_this_era(times: pa.Array, tally: Tally) -> pa.Array:
    """Times before the year 1 or after 9999 are none: no calendar can show them."""
    values = times.cast(pa.int64())
    bounds = pc.min_max(values)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    if low is None or (low >= _FIRST and high <= _LAST):
        return times
    fine = pc.and_(pc.greater_equal(values, _FIRST), pc.less_equal(values, _LAST))
    outside = values.filter(pc.fill_null(pc.invert(fine), fill_value=False))
    tally.bad_times += len(outside)
    tally.bad_time = tally.bad_time or f"{outside[0]} microseconds since 1970"
    return pc.if_else(fine, times, pa.scalar(None, UTC_MICROSECONDS))


def plain_time(dtype: pa.DataType) -> pa.DataType:
    """The type behind categories."""
    return dtype.value_type if pa.types.is_dictionary(dtype) else dtype


def _is_time_or_text(dtype: pa.DataType) -> bool:
    kinds = (
        pa.types.is_timestamp,
        pa.types.is_date,
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_null,
    )
    return any(kind(dtype) for kind in kinds)


def inside(batch: pa.RecordBatch, column: str, window: Window, tally: Tally) -> pa.RecordBatch:
    """Rows of the window. Rows that follow each other are cut out without a copy."""
    times = batch.column(batch.schema.get_field_index(column))
    tally.null_times += times.null_count
    low = pa.scalar(microseconds(window.start), pa.int64())
    high = pa.scalar(microseconds(window.end), pa.int64())
    values = times.cast(pa.int64())
    mask = pc.fill_null(
        pc.and_(pc.greater_equal(values, low), pc.less(values, high)), fill_value=False
    )
    count = mask.true_count
    if count in (0, batch.num_rows):
        return batch.slice(0, count)
    first = pc.index(mask, value=True).as_py()
    run = mask.slice(first, count)
    return batch.slice(first, count) if run.true_count == count else batch.filter(mask)
