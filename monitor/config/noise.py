"""Hints of noise in a column: blanks, variants of one level, mixed formats, numbers for "none"."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import numpy as np

from monitor.config import words
from monitor.config.facts import Facts

#: Numbers that people write where they have none.
SENTINELS = (-1, -9, -99, -999, -9999, -99999, 99, 999, 9999, 99999, 999999, 2**31 - 1)
_NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]+)*|[.,][0-9]+)([eE][+-]?[0-9]+)?%?")
_DATE = re.compile(
    r"(?P<iso>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2})|(?P<dots>[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2,4})"
    r"|(?P<slashes>[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4})|(?P<year_slashes>[0-9]{4}/[0-9]{1,2}/[0-9]{1,2})"
)
_LEAST_SHARE = 0.001
_SHOWN = 3


def hints(facts: Facts) -> tuple[str, ...]:
    """What looks like noise in a column, one sentence each."""
    if facts.ignored or facts.kind == "embedding":
        return ()
    looks: list[Callable[[Facts], Iterator[str]]] = [_constant]
    if facts.is_text:
        looks += [_blanks, _variants, _words_for_none, _mixed, _dates, _broken_text]
    if facts.is_number:
        looks += [_sentinels, _infinite]
    return tuple(hint for look in looks for hint in look(facts))


def _constant(facts: Facts) -> Iterator[str]:
    if facts.present == 0:
        yield "no value at all"
    elif facts.distinct == 1 and facts.present > 1:
        yield f"one value only: {shown(facts.levels[0])}"


def _blanks(facts: Facts) -> Iterator[str]:
    rows = sum(count for name, count in facts.counts if name != name.strip())
    if rows:
        yield f"blanks around {_share(rows, facts)} of the values"
    empty = sum(count for name, count in facts.counts if not name.strip())
    if empty:
        yield f"empty text in {_share(empty, facts)} of the values"


def _variants(facts: Facts) -> Iterator[str]:
    if facts.kind != "categorical":
        return
    groups: dict[str, list[str]] = defaultdict(list)
    for name in facts.levels:
        groups[" ".join(re.split(r"[\s_-]+", name.strip().casefold()))].append(name)
    twins = [names for names in groups.values() if len(names) > 1]
    if twins:
        example = ", ".join(shown(name) for name in twins[0][:_SHOWN])
        yield f"{len(twins)} levels are written in several ways, such as {example}"


def _words_for_none(facts: Facts) -> Iterator[str]:
    found = [(n, c) for n, c in facts.counts if n.strip().casefold() in words.NONE]
    if found:
        rows = sum(count for _, count in found)
        some = ", ".join(shown(name) for name, _ in found[:_SHOWN])
        yield f"{some} in {_share(rows, facts)} of the values may mean that there is none"


def _mixed(facts: Facts) -> Iterator[str]:
    numbers = sum(count for name, count in facts.counts if _NUMBER.fullmatch(name.strip()))
    total = sum(count for _, count in facts.counts)
    if not numbers:
        return
    if numbers == total:
        yield "numbers stored as text"
    elif numbers / total > 0.05:
        other = next(name for name in facts.levels if not _NUMBER.fullmatch(name.strip()))
        share = _share(numbers, facts)
        yield f"numbers ({share}) and text mixed, such as {shown(other)}"


def _dates(facts: Facts) -> Iterator[str]:
    forms: Counter[str] = Counter()
    for name, count in facts.counts:
        match = _DATE.match(name.strip())
        if match is not None and match.lastgroup is not None:
            forms[match.lastgroup] += count
    if len(forms) > 1 and forms.total() > 0.5 * facts.present:
        yield f"dates in {len(forms)} formats"


def _broken_text(facts: Facts) -> Iterator[str]:
    rows = sum(c for name, c in facts.counts if "\ufffd" in name or "Ã¤" in name or "Ã©" in name)
    if rows:
        yield f"{_share(rows, facts)} of the values were decoded wrongly"


def _sentinels(facts: Facts) -> Iterator[str]:
    """A number that people use for "none", frequent, at an end and far from all others."""
    values = facts.finite
    if len(values) < 20 or facts.distinct < 5:
        return
    for sentinel in SENTINELS:
        rows = int((values == sentinel).sum())
        others = values[values != sentinel]
        if rows < max(2, _LEAST_SHARE * len(values)) or len(others) < len(values) / 10:
            continue
        low, high = float(others.min()), float(others.max())
        quarter, half = np.quantile(others, [0.05, 0.95])
        spread = max(float(half - quarter), 1e-12)
        gap = low - sentinel if sentinel < low else sentinel - high
        negative = sentinel == -1 and low >= 0 and rows >= 5
        if negative or (gap > 0 and gap >= spread):
            yield f"{sentinel} in {_share(rows, facts)} of the values may mean that there is none"


def _infinite(facts: Facts) -> Iterator[str]:
    rows = int(np.isinf(facts.numbers).sum())
    if rows:
        yield f"infinite in {_share(rows, facts)} of the values"


def _share(rows: int, facts: Facts) -> str:
    return percent(rows / max(facts.present, 1))


def percent(share: float) -> str:
    """A share for a person: "0.4 %", "12 %"."""
    if share in (0.0, 1.0) or 0.1 <= share <= 0.9:
        return f"{share:.0%}".replace("%", " %")
    return "under 0.1 %" if share < 0.001 else f"{share:.1%}".replace("%", " %")


def shown(text: str, limit: int = 40) -> str:
    """A value of the data in quotes, cut, with nothing in it that could end a line."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
