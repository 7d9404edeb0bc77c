"""What a person declares about columns, and how often it was broken."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.columns import Kind
from monitor.core.errors import ConfigError
from monitor.core.finding import MAX_ROWS
from monitor.profiles import sketches
from monitor.profiles.casting import is_missing, numbers_of, plain, to_text
from monitor.profiles.chunks import whole
from monitor.profiles.expression import parse_expression
from monitor.profiles.hashing import Hashes, hash_array
from monitor.profiles.keys import key_column
from monitor.profiles.levels import Levels, encode_levels
from monitor.profiles.types import RuleCount

IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

RuleKind = Literal["range", "set", "regex", "unique", "not_null", "expression"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One declared rule. `column` is None only for an expression."""

    name: str
    kind: RuleKind
    column: str | None = None
    min: float | None = None  #: range: least allowed value (datetime: microseconds since 1970)
    max: float | None = None  #: range: greatest allowed value
    values: tuple[str, ...] = ()  #: set: names of the allowed levels
    pattern: str | None = None  #: regex (RE2), must match the whole value
    expression: str | None = None  #: must be true; null is not checked
    max_share: float = 0.0  #: share of the checked rows that may break it


class RuleCounter:
    """Counts how often one rule was broken, buffer by buffer."""

    def __init__(self, rule: Rule, id_column: str | None = None) -> None:
        self.rule, self.id_column = rule, id_column
        self.checked = self.broken = 0
        self.offenders: list[tuple[int, Any]] = []
        self.error = ""
        self.hashes = np.empty(0, np.uint64)
        self.weights = np.empty(0, np.int64)

    def add(self, batch: pa.Table, hashes: Hashes) -> None:
        """Check one buffer; `hashes` are its row keys."""
        if self.error:
            return
        try:
            if self.rule.kind == "unique":
                self._add_values(batch)
                return
            checked, broken = self._judge(batch)
        except (ValueError, ConfigError, pa.ArrowException) as error:
            self.error = f"Rule {self.rule.name!r} could not be applied: {error}"
            self.checked = self.broken = 0
            self.offenders = []
            return
        self.checked += int(np.count_nonzero(checked))
        rows = np.flatnonzero(broken)
        self.broken += len(rows)
        self._remember(batch, hashes, rows)

    def _remember(self, batch: pa.Table, hashes: Hashes, rows: IntArray) -> None:
        least = rows[np.argsort(hashes[rows], kind="stable")[:MAX_ROWS]]
        if not len(least):
            return
        keys: list[Any] = [None] * len(least)
        if self.id_column is not None and self.id_column in batch.column_names:
            ids = whole(batch.column(self.id_column)).take(pa.array(least))
            keys = key_column(ids).to_pylist()
        found = dict(self.offenders)
        for at, key in zip(least.tolist(), keys, strict=True):
            found[int(hashes[at])] = f"{int(hashes[at]):016x}" if key is None else key
        self.offenders = sorted(found.items(), key=lambda item: item[0])[:MAX_ROWS]

    def _judge(self, batch: pa.Table) -> tuple[Mask, Mask]:
        """Which rows could be checked, and which of them break the rule."""
        if self.rule.kind == "expression":
            expression = parse_expression(self.rule.expression or "")
            named = {
                name: whole(batch.column(name))
                for name in expression.columns
                if name in batch.column_names
            }
            verdict = expression.evaluate(named, batch.num_rows)
            checked = _mask(pc.is_valid(verdict))
            return checked, checked & ~_mask(verdict.fill_null(True))
        array = self._column(batch)
        missing = _mask(is_missing(plain(array)))
        if self.rule.kind == "not_null":
            return np.ones(len(array), bool), missing
        if self.rule.kind == "range":
            return _out_of_range(array, missing, self.rule)
        levels = encode_levels(array)
        bad = self._bad_levels(levels)
        return ~missing, np.append(bad, False)[levels.positions]

    def _bad_levels(self, levels: Levels) -> Mask:
        if self.rule.kind == "set":
            allowed = set(self.rule.values)
            return np.array([name not in allowed for name in levels.names()], bool)
        texts = to_text(levels.values)
        fits = pc.match_substring_regex(texts, rf"\A(?:{self.rule.pattern})\z")
        return ~_mask(fits)

    def _column(self, batch: pa.Table) -> pa.Array:
        name = self.rule.column
        if name is None or name not in batch.column_names:
            msg = f"there is no column {name!r}"
            raise ValueError(msg)
        return whole(batch.column(name))

    def _add_values(self, batch: pa.Table) -> None:
        array = plain(self._column(batch))
        array = array.filter(pc.invert(is_missing(array)))
        self.checked += len(array)
        hashes = np.concatenate([self.hashes, hash_array(array)])
        counts = np.concatenate([self.weights, np.ones(len(array), np.int64)])
        self.hashes, self.weights = sketches.bottom_values(hashes, counts)

    def result(self) -> RuleCount:
        """The count so far; which keys of a unique id occur twice, the sample tells."""
        rows = tuple(key for _, key in self.offenders)
        count = RuleCount(
            checked=self.checked,
            broken=self.broken,
            rows=rows,
            error=self.error,
            hashes=self.hashes,
            weights=self.weights,
        )
        if self.rule.kind != "unique" or self.error:
            return count
        broken = sketches.repeated(self.weights, self.checked)
        return dataclasses.replace(count, broken=broken, rows=())


def _mask(array: pa.Array) -> Mask:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=bool)


def _out_of_range(array: pa.Array, missing: Mask, rule: Rule) -> tuple[Mask, Mask]:
    numbers, note = numbers_of(array, _kind(array))
    if note and numbers.null_count == len(numbers) > int(missing.sum()):
        raise ValueError(note)
    values = numbers.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
    checked = ~np.isnan(values)
    broken = np.zeros(len(values), bool)
    if rule.min is not None:
        broken |= values < rule.min
    if rule.max is not None:
        broken |= values > rule.max
    return checked, broken


def _kind(array: pa.Array) -> Kind:
    kind = array.type
    return "datetime" if pa.types.is_timestamp(kind) or pa.types.is_date(kind) else "numeric"
