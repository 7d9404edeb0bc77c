"""Numbers and times as people read them: 12,345 · 3.2 % · +0.25 sd · once in 3,000 years."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from reports.view import Interval, ReportView, Unit

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
NONE = "–"


def count(value: float | None) -> str:
    """12,345."""
    return NONE if value is None or not math.isfinite(value) else f"{value:,.0f}"


def number(value: float | None, *, signed: bool = False) -> str:
    """Three significant digits, thousands set apart, powers of ten outside of 1e-4 … 1e9."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    size = abs(value)
    sign = MINUS if value < 0 else "+" if signed and value else ""
    if size and not 1e-4 <= size < 1e9:
        return sign + _power(size)
    if size >= 100:
        return f"{sign}{size:,.0f}"
    digits = 2 if not size else max(0, 2 - math.floor(math.log10(size)))
    text = f"{size:.{digits}f}"
    return sign + (text.rstrip("0").rstrip(".") if "." in text else text)


def _power(size: float) -> str:
    mantissa, exponent = f"{size:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def share(value: float | None) -> str:
    """3.2 %, of a share in 0..1; small and nearly full shares keep the digit that matters."""
    if value is None or not math.isfinite(value):
        return NONE
    percent = 100 * value
    rest = min(abs(percent), abs(100 - percent))
    digits = 0 if not rest else 1 if rest >= 0.1 else 2 if rest >= 0.01 else 3
    return f"{percent:.{digits}f}{NBSP}%".replace("-", MINUS)


def effect(value: float | None, unit: Unit, *, signed: bool = True) -> str:
    """A change in its unit: +0.25 sd, +3.2 points, +5 %."""
    if value is None or not math.isfinite(value):
        return number(value)
    if unit == "sd":
        return f"{_fixed(value, 2, signed)}{NBSP}sd"
    if unit == "share":
        return f"{_fixed(100 * value, 1, signed)}{NBSP}points"
    if unit == "ratio":
        return f"{_fixed(100 * value, 1, signed)}{NBSP}%"
    return number(value, signed=signed)


def _fixed(value: float, digits: int, signed: bool) -> str:
    if 0 < abs(value) < 0.5 * 10**-digits:
        digits += 1
    text = f"{abs(value):,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def effect_interval(interval: Interval | None, unit: Unit) -> str:
    """+0.21 to +0.29 sd: the unit once."""
    if interval is None or any(math.isnan(end) for end in interval):
        return NONE
    low, high = (effect(end, unit) for end in interval)
    head, space, tail = low.partition(NBSP)
    return f"{head} to {high}" if space and high.endswith(tail) else f"{low} to {high}"


def share_interval(interval: Interval | None) -> str:
    """2.9 to 3.6 %: the unit once."""
    if interval is None or any(math.isnan(end) for end in interval):
        return NONE
    low, high = (number(end) if math.isinf(end) else share(end) for end in interval)
    return f"{low.removesuffix(f'{NBSP}%')} to {high}"


def number_interval(interval: Interval | None) -> str:
    """0.780 to 0.824: both ends with the same digits."""
    if interval is None or any(math.isnan(end) for end in interval):
        return NONE
    return " to ".join(aligned(interval))


def aligned(values: Sequence[float]) -> list[str]:
    """Numbers that stand beside each other, with as many decimals as the one that has most."""
    texts = [number(value) for value in values]
    plain = [text for text in texts if "e" not in text and "∞" not in text and text != NONE]
    decimals = max((len(text.partition(".")[2]) for text in plain), default=0)
    return [_padded(text, decimals) if text in plain else text for text in texts]


def _padded(text: str, decimals: int) -> str:
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest.ljust(decimals, '0')}" if decimals else whole


def p_value(value: float | None) -> str:
    """0.013, 1e-9; what underflowed is below 1e-300."""
    if value is None or math.isnan(value):
        return NONE
    if value <= 1e-300:
        return "< 1e-300"
    return _power(value) if value < 0.001 else f"{value:.2g}"


def p_phrase(value: float | None) -> str:
    """The p-value as it stands in a sentence: p = 1e-9, p < 1e-300."""
    said = p_value(value)
    return f"p{NBSP}{said.replace(' ', NBSP)}" if said.startswith("<") else f"p{NBSP}={NBSP}{said}"


def by_chance(years: float | None) -> str:
    """How often such evidence comes by chance, as the end of a sentence."""
    if years is None or math.isnan(years):
        return ""
    if years >= 1e6:
        return "less than once in a million years"
    if years >= 1.5:
        rounded = years if years < 10 else float(f"{years:.1g}" if years > 100 else f"{years:.2g}")
        return f"once in {rounded:,.0f} years"
    if years >= 0.75:
        return "once a year"
    return f"{min(1 / years, 999):,.0f} times a year" if years > 0 else "all the time"


def day(moment: datetime | None, *, year: bool = True) -> str:
    """4 Mar 2013."""
    if moment is None:
        return NONE
    return f"{moment.day} {moment:%b}" + (f" {moment.year:04d}" if year else "")


def instant(moment: datetime | None) -> str:
    """4 Mar 2013, 06:00 UTC."""
    if moment is None:
        return NONE
    zone = moment.strftime("%Z") or "UTC"
    return f"{day(moment)}, {moment:%H:%M} {zone}"


def window(start: datetime | None, end: datetime | None, *, year: bool = True) -> str:
    """A window by its length: week of 4 Mar 2013, March 2013, 4 Mar 2013, 4 Mar 2013, 05:00."""
    if start is None or end is None:
        return ""
    length = end - start
    if length < timedelta(hours=20):
        return f"{day(start, year=year)}, {start:%H:%M}"
    if length <= timedelta(hours=25):
        return day(start, year=year)
    if timedelta(days=6.9) <= length <= timedelta(days=7.1):
        return f"week of {day(start, year=year)}"
    if start.day == 1 and timedelta(days=27) < length < timedelta(days=32):
        return f"{start:%B}" + (f" {start.year:04d}" if year else "")
    return f"{day(start, year=False)} – {day(end - timedelta(seconds=1), year=year)}"


def rhythm(start: datetime | None, end: datetime | None) -> str:
    """How the windows follow each other: Week by week."""
    named = window(start, end)
    if named.startswith("week"):
        return "Week by week"
    if start is None or end is None:
        return "Window by window"
    hours = (end - start) / timedelta(hours=1)
    return (
        "Day by day" if 23 <= hours <= 25 else "Hour by hour" if hours == 1 else "Window by window"
    )


def opening(view: ReportView, start: datetime | None) -> str:
    """The window that began at `start`, as it stands in a sentence: the week of 4 Mar 2013."""
    if start is None:
        return ""
    if view.window_start is None or view.window_end is None:
        return day(start)
    named = window(start, start + (view.window_end - view.window_start))
    return f"the {named}" if named.startswith("week") else named


def duration(seconds: float | None) -> str:
    """0.8 s, 42 s, 3 min 10 s."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    if seconds < 10:
        return f"{seconds:.1f}{NBSP}s"
    if seconds < 90:
        return f"{seconds:.0f}{NBSP}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}{NBSP}min {rest}{NBSP}s"


def plural(amount: int, one: str, many: str = "") -> str:
    """1 column, 3 columns."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"
