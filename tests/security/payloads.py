"""Hostile values: what breaks out of HTML, mails, tables, terminals, logs, paths and queries."""

from __future__ import annotations

import itertools

MARKUP = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>",
    '"><script>alert(1)</script>', "'><iframe src=javascript:alert(1)>", "</style><script>x</script>",
    "</title><svg onload=x>", "<!--", "-->", "]]>", "<![CDATA[", "<a href='javascript:x'>y</a>",
    "&lt;script&gt;", "&#60;script&#62;", "<math><mi xlink:href=javascript:x>", "<base href=//evil>",
    "<meta http-equiv=refresh content=0;url=//evil>", "` onmouseover=alert(1) x=`", "<b>", "<p",
    "[click](javascript:alert(1))", "![x](//evil/x.png)", "<style>*{display:none}</style>",
)  # fmt: skip
FORMULAS = (
    "=1+1", "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", "=HYPERLINK(\"//evil\")",
    ";=1+1", ",=1+1", '"=1+1"', "\uff1d1+1", "%0A=1+1", " =1+1", "'=1+1", "=\"\"&A1",
)  # fmt: skip
TERMINAL = (
    "\x1b[2J", "\x1b]0;title\x07", "\x1b[31mred", "\x9b31m", "\x07", "\x08\x08\x08", "\r overwritten",
    "\x1bP+q\x1b\\", "\x00", "\x7f", "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
)  # fmt: skip
LINES = (
    "a\nb", "a\r\nBcc: victim@example.com", "a\r\n\r\n<html>", "a\u2028b", "a\u2029b", "a\x0bb", "a\x0cb",
    "a\x85b", "%0d%0aSet-Cookie: x=1", "\n2026-01-01T00:00:00Z forged line", "\n{\"event\": \"forged\"}",
)  # fmt: skip
UNICODE = (
    "\u202egnp.exe", "\u2066hidden\u2069", "\ud800", "\udfff x", "\ufeffbom", "Z" + "\u0351" * 60, "\u0000\u0001",
    "عمود", "列", "🛫" * 20, "ﷺ" * 20, "\u200b\u200c\u200d", "\U000e0001tag", "ｊａｖａｓｃｒｉｐｔ:",
)  # fmt: skip
TEMPLATES = (
    "{{ 7*7 }}", "{% raw %}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{0.__class__}", "%s%s%n", "{{config}}",
    "{{ ''.__class__.__mro__ }}", "$(id)", "`id`", "{#", "#}",
)  # fmt: skip
QUERIES = (
    "' OR '1'='1", "'; DROP TABLE runs; --", '"; DROP TABLE runs; --', "x' UNION SELECT 1 --", "\\'; --",
    "1; SELECT pg_sleep(9)", "` OR 1=1", "])}; x", "a'b\"c`d", "/* x */", "%' OR 1=1 --", "_%",
)  # fmt: skip
PATHS = (
    "../../etc/passwd", "..\\..\\windows", "/etc/passwd", "C:\\x", "file:///etc/passwd", "a/b", ".", "..",
    "con", "x\x00.html", "~root", "//evil/x", "javascript:alert(1)", "data:text/html,x", "\\\\evil\\x",
)  # fmt: skip
LONG = ("x" * 5_000, "<" * 2_000, "&" * 2_000, '"' * 2_000, "\n" * 2_000, "a b " * 2_000)

KINDS = (MARKUP, FORMULAS, TERMINAL, LINES, UNICODE, TEMPLATES, QUERIES, PATHS)


def values() -> list[str]:
    """All of them, and mixtures of two kinds, each once, in a fixed order."""
    single = [*itertools.chain.from_iterable(KINDS), *LONG, "", " "]
    mixed = [
        first[(at * 7) % len(first)] + second[(at * 5) % len(second)]
        for first, second in itertools.permutations(KINDS, 2)
        for at in range(12)
    ]
    return list(dict.fromkeys([*single, *mixed]))
