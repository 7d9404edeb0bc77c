"""CSV that spreadsheets cannot be made to execute."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, ClassVar

from monitor.core.errors import LabelingError
from monitor.labeling.items import ExportCount, Item, Skipped, row_of
from monitor.labeling.returned import SECONDS, WHO, Returned
from monitor.labeling.spec import LabelSpec
from monitor.labeling.values import plain

COLUMNS = (
    "id",
    "monitor",
    "window",
    "reason",
    "reason_text",
    "score",
    "inclusion_probability",
    "weight",
    "prediction",
    "prediction_score",
    "model_version",
)
PREFIX = "'"
#: Openings that make a spreadsheet see a formula, also in their full-width forms.
_FORMULA = "=+-@＝＋－＠"
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\x00"
_IN_MEMORY = 8 << 20


class Csv:
    """Comma-separated values, UTF-8, header in the first line, rows end in CR LF.

    Columns: `id`, `monitor`, `window` ("start/end"), `reason`, `reason_text`, `score`,
    `inclusion_probability` (empty for rows that were asked for), `weight`, `prediction`,
    `prediction_score`, `model_version`, and the row as `data.<column>`. Lists and objects are
    JSON text. Images and other bytes are left out, and counted.

    Text that a spreadsheet could take for a formula (it begins with = + - @, a tab or a carriage
    return, after any blanks) gets one apostrophe in front, headers included; so does text that
    begins with an apostrophe. `restore` takes it away again. Numbers stay numbers.
    """

    name: ClassVar[str] = "csv"

    def write(self, items: Iterable[Item], spec: LabelSpec, out: BinaryIO) -> ExportCount:
        """Write the items; rows wait in a temporary file until all columns are known."""
        count = ExportCount()
        fields: dict[str, None] = {}
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            for item in items:
                row = _row(item, spec, count)
                fields.update(dict.fromkeys(row["data"]))
                spool.write(json.dumps(row, allow_nan=False).encode("utf-8") + b"\n")
                count.written += 1
            spool.seek(0)
            header = [*COLUMNS, *(f"data.{name}" for name in fields)]
            _send(out, [neutral(name) for name in header])
            for line in spool:
                _send(out, _cells(json.loads(line), fields))
        return count

    def read(self, source: BinaryIO, spec: LabelSpec) -> Returned:
        """Read a table to which annotators have added a column named as the spec's label field.

        Lists and objects are JSON text. A column `annotator` is kept; rows with an empty cell are
        unlabelled.
        """
        lines = io.TextIOWrapper(source, encoding="utf-8-sig", newline="")
        returned = Returned()
        try:
            table = csv.DictReader(lines)
            missing = {"id", spec.label_field} - set(table.fieldnames or ())
            if missing:
                msg = f"The table has no column {min(missing)!r}."
                raise LabelingError(msg)
            for row in table:
                _take(row, spec, returned)
        except (csv.Error, UnicodeDecodeError) as error:
            msg = f"This is no CSV file in UTF-8: {error}."
            raise LabelingError(msg) from error
        finally:
            lines.detach()
        return returned


def neutral(text: str) -> str:
    """The text, with one apostrophe in front where a spreadsheet could see a formula.

    Examples
    --------
    >>> neutral("=1+1"), neutral("fine"), neutral("'quoted")
    ("'=1+1", 'fine', "''quoted")
    """
    visible = text.lstrip(_INVISIBLE + " \t\r\n\v\f\xa0")
    risky = text[:1] in ("\t", "\r", "\n", PREFIX) or visible[:1] in tuple(_FORMULA)
    return PREFIX + text if risky else text


def restore(cell: str) -> str:
    """What `neutral` was given."""
    return cell[1:] if cell.startswith(PREFIX) else cell


def _row(item: Item, spec: LabelSpec, count: ExportCount) -> dict[str, Any]:
    if item.image is not None:
        count.drop(spec.image_field)
    own = {name: plain(getattr(item, name)) for name in COLUMNS}
    return {"own": own, "data": row_of(item, count)}


def _take(row: dict[str, str | None], spec: LabelSpec, returned: Returned) -> None:
    key, cell, annotator = restore(row["id"] or ""), row.get(spec.label_field), row.get(WHO)
    if not cell:
        returned.unlabelled.append(key)
        return
    value: Any = restore(cell)
    if spec.type not in ("class", "text"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            returned.refused.append(Skipped(key, f"its label is no JSON: {value[:60]!r}"))
            return
    who = restore(annotator) if annotator else None
    returned.take(key, value, spec, who, lead_time=row.get(SECONDS))


def _cells(row: dict[str, Any], fields: dict[str, None]) -> Iterator[str]:
    for name in COLUMNS:
        yield _cell(row["own"][name])
    for name in fields:
        yield _cell(row["data"].get(name))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return neutral(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _send(out: BinaryIO, cells: Iterable[str]) -> None:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    out.write(line.getvalue().encode("utf-8"))


plugin = Csv
