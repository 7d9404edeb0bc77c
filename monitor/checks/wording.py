"""Numbers and verdicts in words that need no statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

_LONGEST = 60
_NAMED = 8


def number(value: float) -> str:
    """Four significant digits, without an exponent where that reads well.

    >>> number(63.41234), number(1234567.0), number(0.00001234), number(12.0)
    ('63.41', '1,234,567', '1.234e-05', '12')
    """
    if math.isnan(value):
        return "none"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value != 0 and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.4g}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def percent(share: float) -> str:
    """A share of rows.

    >>> percent(0.1234), percent(0.00042), percent(0.0), percent(1.0)
    ('12.3 %', '0.042 %', '0 %', '100 %')
    """
    value = 100 * share
    if value in {0.0, 100.0}:
        return f"{value:.0f} %"
    if abs(value) < 1:
        return f"{value:.2g} %"
    return f"{value:.1f} %"


def points(difference: float) -> str:
    """A signed difference of two shares.

    >>> points(0.0312), points(-0.004)
    ('+3.1 points', '-0.4 points')
    """
    return f"{100 * difference:+.2g} points"


def one_line(text: str) -> str:
    r"""The text without line breaks, control and direction marks.

    >>> one_line("a\nb")
    'a�b'
    """
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def quoted(value: str) -> str:
    """A value from the data, in quotes, shortened, on one line.

    >>> quoted("JFK"), quoted("a" * 70)[-4:]
    ("'JFK'", "aa…'")
    """
    line = one_line(value)
    return f"'{line if len(line) <= _LONGEST else line[: _LONGEST - 1] + '…'}'"


def listed(values: Sequence[str]) -> str:
    """Up to eight values in quotes, and how many more there are.

    >>> listed(["a", "b"]), listed([str(i) for i in range(10)])[-14:]
    ("'a', 'b'", "'7' and 2 more")
    """
    named = ", ".join(quoted(value) for value in values[:_NAMED])
    more = len(values) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def sight(smallest: Mapping[int, float], unit: str) -> str:
    """The smallest change that can be found at each scale; `unit`: "sd", "share" or "scalar".

    >>> sight({1: 0.118, 4: 0.0712}, "sd")
    'The smallest change that can be found: 0.12 sd in one window, 0.071 sd in 4.'
    >>> sight({1: math.inf}, "share")
    'No change can be found with so few rows and windows.'
    """
    known = sorted((scale, size) for scale, size in smallest.items() if math.isfinite(size))
    if not known:
        return "No change can be found with so few rows and windows."
    factor, word = {"sd": (1, " sd"), "share": (100, " points"), "scalar": (1, "")}[unit]
    words = [
        f"{factor * size:.2g}{word} in {'one window' if scale == 1 else scale}"
        for scale, size in known
    ]
    return f"The smallest change that can be found: {', '.join(words)}."


def rows_needed(rows: int, needed: int, unit: str = "0.5 sd") -> str:
    """Why nothing is said.

    >>> rows_needed(12, 35)
    'Too few rows to say: 12 rows, 35 needed to see a change of 0.5 sd.'
    """
    if needed <= rows:
        return f"Too few rows to say: {rows:,} rows in this window, or too few in the reference."
    return f"Too few rows to say: {rows:,} rows, {needed:,} needed to see a change of {unit}."
