"""How a CSV file is written: its encoding, its delimiter, its decimal sign."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from dataclasses import dataclass

import pydantic

_DELIMITERS = ",;\t|"
_LINES = 100
_CONTROLS = bytes(code for code in range(32) if chr(code) not in "\t\n\r\f\x1b")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_DECIMAL_POINT = re.compile(r"[+-]?[0-9]+\.[0-9]+")


class CsvOptions(pydantic.BaseModel, frozen=True, extra="forbid"):
    """How CSV files are written. What is not said is found out from the first file."""

    delimiter: str | None = pydantic.Field(None, min_length=1, max_length=1)
    encoding: str | None = None
    quote: str = pydantic.Field('"', min_length=1, max_length=1)
    escape: str | None = pydantic.Field(None, min_length=1, max_length=1)
    decimal: str | None = pydantic.Field(None, pattern=r"^[.,]$")
    header: bool = True
    column_names: tuple[str, ...] | None = None
    skip_rows: int = pydantic.Field(0, ge=0)
    null_values: tuple[str, ...] | None = None

    @pydantic.field_validator("encoding")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                codecs.lookup(value)
            except LookupError:
                msg = "is no encoding that Python knows; write one such as utf-8 or cp1252"
                raise ValueError(msg) from None
        return value


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one CSV file is written."""

    delimiter: str
    encoding: str
    decimal: str
    guessed_encoding: bool = False


def sniff(head: bytes, options: CsvOptions) -> Dialect:
    """The dialect of a file by its first lines, as far as the options do not say it."""
    encoding = options.encoding or _encoding(head)
    text = head.decode(encoding, errors="replace")
    rows = text.splitlines()[options.skip_rows :][:_LINES]
    delimiter = options.delimiter or _delimiter(rows, options.quote)
    decimal = options.decimal or _decimal(rows, delimiter, options.quote)
    guessed = options.encoding is None and encoding not in ("utf-8", "utf-8-sig")
    return Dialect(delimiter, encoding, decimal, guessed)


def _encoding(head: bytes) -> str:
    for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if head.startswith(mark):
            return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(head)  # a character cut at the end is no error
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    try:
        head.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"  # knows every byte
    return "cp1252"


def is_binary(head: bytes) -> bool:
    """Whether it is no text: more than one byte in a hundred is a control character."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return controls > max(3, len(head) / 100)


def _delimiter(rows: list[str], quote: str) -> str:
    """The one that gives most lines the same number of fields, above one."""
    best, found = (0.0, 0), ","
    for delimiter in _DELIMITERS:
        widths = Counter(len(row) for row in _parsed(rows, delimiter, quote) if row)
        if not widths:
            continue
        width, count = widths.most_common(1)[0]
        score = (count / widths.total(), width)
        if width > 1 and score > best:
            best, found = score, delimiter
    return found


def _decimal(rows: list[str], delimiter: str, quote: str) -> str:
    if delimiter == ",":
        return "."
    fields = [field.strip() for row in _parsed(rows, delimiter, quote) for field in row]
    commas = sum(1 for field in fields if _DECIMAL_COMMA.fullmatch(field))
    points = sum(1 for field in fields if _DECIMAL_POINT.fullmatch(field))
    return "," if commas > points else "."


def _parsed(rows: list[str], delimiter: str, quote: str) -> list[list[str]]:
    try:
        return list(csv.reader(rows, delimiter=delimiter, quotechar=quote))
    except csv.Error:
        return []
