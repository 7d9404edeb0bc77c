"""The only maker of SVG: every attribute and text is escaped here, and every text cleaned.

No ids are made, so that two charts never collide on one page; colours come from CSS classes.
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

from reports.plain import clean

Point = tuple[float, float]


def coordinate(value: float) -> str:
    """A length with one decimal, as short as it can be."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def element(tag: str, *children: Markup | str, **attributes: str | float) -> Markup:
    """One element; `class_` becomes `class`, `stroke_width` becomes `stroke-width`."""
    parts = [f"<{tag}"]
    for key, value in attributes.items():
        attribute = key.rstrip("_").replace("_", "-")
        text = coordinate(value) if isinstance(value, int | float) else value
        parts.append(f' {attribute}="{escape(text)}"')
    if not children:
        return Markup("".join(parts) + "/>")  # noqa: S704 - escaped above
    inner = "".join(
        str(child) if isinstance(child, Markup) else escape(clean(child)) for child in children
    )
    return Markup(f"{''.join(parts)}>{inner}</{tag}>")  # noqa: S704 - escaped above


def drawing(width: float, height: float, says: str, *children: Markup, class_: str = "") -> Markup:
    """A picture with a text alternative."""
    return element(
        "svg",
        *children,
        class_=f"chart {class_}".strip(),
        viewBox=f"0 0 {coordinate(width)} {coordinate(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=clean(says, 400),
    )


def line(points: Iterable[Point]) -> str:
    """Path data through points."""
    return "M" + "L".join(f"{coordinate(x)} {coordinate(y)}" for x, y in points)


def path(data: str, class_: str) -> Markup:
    """A path, or nothing when there is nothing to draw."""
    return element("path", d=data, class_=class_) if data else Markup("")


def label(x: float, y: float, content: str, anchor: str = "start") -> Markup:
    """A short text."""
    where = {} if anchor == "start" else {"text_anchor": anchor}
    return element("text", clean(content, 40), x=x, y=y, **where)


def dots(points: Iterable[Point], class_: str) -> Markup:
    """Dots, all in one path: strokes without length, so that `class_` says how large they are."""
    at = "".join(f"M{coordinate(x)} {coordinate(y)}h0" for x, y in points)
    return path(at, f"dots {class_}")


def uprights(spans: Iterable[tuple[float, float, float]]) -> str:
    """Path data of upright lines, each (x, y, y)."""
    return "".join(f"M{coordinate(x)} {coordinate(a)}V{coordinate(b)}" for x, a, b in spans)
