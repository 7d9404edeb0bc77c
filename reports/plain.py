"""Text from data, made harmless to read: bounded, without control characters or bidi tricks."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from markupsafe import Markup, escape

#: Shown in place of a character that would be invisible or would reorder its surroundings.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNSEEN = "\u061c\u200b\u2060-\u2064\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSAFE = re.compile(
    f"[\x00-\x1f\x7f-\x9f{_UNSEEN}\u2028\u2029\ufeff\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
_SPACE = re.compile(r"[\t\r\n\f\v]+")
_TICKED = re.compile(r"`([^`]+)`")
_NEGATIVE = re.compile(r"(?<![\w.\-])-(?=\d)")
_UNIT = re.compile(r"(?<=\d) (?=(?:%|sd|points?)(?!\w))")
NAME_LIMIT = 48
TITLE_LIMIT = 300


def clean(text: object, limit: int = 2000) -> str:
    """One line of at most `limit` characters; what would not be seen is shown as `REPLACEMENT`.

    Longer text keeps its head and its tail, with an ellipsis between them.
    """
    raw = str(text)
    if len(raw) > 4 * limit:
        raw = raw[: 2 * limit] + raw[-2 * limit :]
    line = _UNSAFE.sub(REPLACEMENT, _SPACE.sub(" ", raw)).strip()
    return shorten(_thin_marks(line), limit)


def shorten(line: str, limit: int) -> str:
    """`line`, cut in its middle so that it has at most `limit` characters."""
    if len(line) <= limit:
        return line
    tail = limit // 4
    return line[: limit - tail - 1].rstrip() + "…" + line[len(line) - tail :].lstrip()


def _thin_marks(line: str) -> str:
    """At most three combining marks in a row, so that no text climbs over its neighbours."""
    if line.isascii():
        return line
    kept: list[str] = []
    marks = 0
    for character in line:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= 3:
            kept.append(character)
    return "".join(kept)


def name(text: object, limit: int = NAME_LIMIT) -> Markup:
    """A name from data: isolated from its surroundings, with the whole of it as its title."""
    whole = clean(text, TITLE_LIMIT)
    short = shorten(whole, limit) or "(empty)"
    if short == whole:
        return Markup("<bdi>{}</bdi>").format(short)
    return Markup('<bdi title="{}">{}</bdi>').format(whole, short)


def prose(text: object, limit: int = 600) -> Markup:
    """A sentence; what stands between backticks is set as a name."""
    pieces = _TICKED.split(_UNIT.sub("\u00a0", clean(text, limit)))
    marked = [
        Markup('<code dir="auto">{}</code>').format(piece)
        if i % 2
        else escape(_NEGATIVE.sub("\N{MINUS SIGN}", piece))
        for i, piece in enumerate(pieces)
    ]
    return Markup('<span dir="auto">{}</span>').format(Markup("").join(marked))


def link(target: str) -> str:
    """`target` when it is a web address that may be clicked, else ""."""
    cleaned = clean(target, 1000)
    if cleaned != target:
        return ""
    try:
        parts = urlsplit(target)
    except ValueError:
        return ""
    return target if parts.scheme in {"http", "https"} and parts.netloc else ""
