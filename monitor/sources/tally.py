"""What is seen while reading, counted, and said in a bounded number of notes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from monitor.core.ports import Note

#: No more notes of one kind; the rest are summed up in one.
MAX_NOTES = 20


@dataclass(slots=True)
class Tally:
    """Counts of one pass. `into` a list of notes once the pass is over."""

    skipped: dict[str, int] = field(default_factory=dict)  #: file -> rows that do not parse
    examples: dict[str, str] = field(default_factory=dict)  #: file -> one such row
    values: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    broken_text: dict[str, int] = field(default_factory=dict)  #: column -> values not in UTF-8
    null_times: int = 0
    good_times: int = 0  #: parsed from text
    bad_times: int = 0
    bad_time: str = ""
    without_zone: bool = False
    text_times: bool = False
    others: list[Note] = field(default_factory=list)

    def skipped_row(self, file: str, text: str) -> None:
        """A row that is no row."""
        self.skipped[file] = self.skipped.get(file, 0) + 1
        self.examples.setdefault(file, short(text))

    def unparsable_values(self, column: str, dtype: str, count: int, example: object) -> None:
        """Values that are not of the type of their column, read as null."""
        before, _, first = self.values.get(column, (0, dtype, short(str(example))))
        self.values[column] = (before + count, dtype, first)

    def told(self) -> str:
        """All that was seen, for another process; see `heard`."""
        return json.dumps(dataclasses.asdict(self))

    def add(self, other: Tally) -> None:
        """What another one saw of other rows."""
        for name, count in other.skipped.items():
            self.skipped[name] = self.skipped.get(name, 0) + count
            self.examples.setdefault(name, other.examples[name])
        for name, (count, dtype, example) in other.values.items():
            self.unparsable_values(name, dtype, count, example)
        for name, count in other.broken_text.items():
            self.broken_text[name] = self.broken_text.get(name, 0) + count
        self.null_times += other.null_times
        self.good_times += other.good_times
        self.bad_times += other.bad_times
        self.bad_time = self.bad_time or other.bad_time
        self.without_zone |= other.without_zone
        self.text_times |= other.text_times
        self.others += [note for note in other.others if note not in self.others]

    def notes(self, timestamp: str | None) -> list[Note]:
        """The notes of the pass."""
        rows = [
            Note(
                "unparsable_rows",
                f"{count} rows of {file} are no rows of this table and were skipped, "
                f"such as {self.examples[file]!r}.",
                count=count,
            )
            for file, count in self.skipped.items()
        ]
        values = [
            Note(
                "unparsable_values",
                f"{count} values of column {name!r} are not {dtype} and were read as missing, "
                f"such as {example!r}.",
                column=name,
                count=count,
            )
            for name, (count, dtype, example) in self.values.items()
        ]
        values += [
            Note(
                "broken_text",
                f"{count} values of column {name!r} are not UTF-8; what cannot be read is \ufffd.",
                column=name,
                count=count,
            )
            for name, count in self.broken_text.items()
        ]
        times = self._times(timestamp) if timestamp is not None else []
        return bounded(rows) + bounded(values) + times + self.others

    def _times(self, column: str) -> list[Note]:
        notes = []
        if self.without_zone:
            message = f"Times in column {column!r} carry no zone; they are taken as UTC."
            notes.append(Note("time_without_zone", message, column=column))
        if self.text_times:
            message = f"Times in column {column!r} are text; they were parsed."
            notes.append(Note("time_as_text", message, column=column))
        if self.bad_times:
            message = (
                f"{self.bad_times} values of column {column!r} are no time, "
                f"such as {self.bad_time!r}; their rows belong to no window."
            )
            notes.append(Note("unparsable_times", message, column=column, count=self.bad_times))
        if self.null_times:
            message = f"{self.null_times} rows have no time in {column!r}; they are in no window."
            notes.append(Note("time_missing", message, column=column, count=self.null_times))
        return notes


def heard(told: Iterable[str]) -> Tally:
    """One tally of what several processes saw (`Tally.told`), each of rows of its own."""
    whole = Tally()
    for text in told:
        known = json.loads(text)
        known["others"] = [Note(**note) for note in known["others"]]
        whole.add(Tally(**known))
    return whole


def bounded(notes: list[Note]) -> list[Note]:
    """At most `MAX_NOTES`, the last one saying how many more there are."""
    if len(notes) <= MAX_NOTES:
        return notes
    rest = notes[MAX_NOTES - 1 :]
    more = Note(rest[0].kind, f"{len(rest)} more of this kind.", count=sum(n.count for n in rest))
    return [*notes[: MAX_NOTES - 1], more]


def short(text: str, limit: int = 100) -> str:
    """Data that goes into a message, cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
