"""Pictures of rows, small enough for a queue and a page."""

from __future__ import annotations

import io
import warnings

from PIL import Image

SIZE = 160  #: pixels of the longer side
_MAX_BYTES = 20_000_000
_MAX_PIXELS = 50_000_000


def thumbnail(content: bytes) -> bytes | None:
    """A PNG of at most `SIZE` pixels a side; None where the bytes are no picture, or a bomb."""
    if len(content) > _MAX_BYTES:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as picture:
                if picture.width * picture.height > _MAX_PIXELS:
                    return None
                if picture.format == "PNG" and max(picture.size) <= SIZE:
                    picture.load()
                    return content
                picture.thumbnail((SIZE, SIZE))
                out = io.BytesIO()
                picture.convert("RGB" if picture.mode not in {"L", "RGBA"} else picture.mode).save(
                    out, "PNG"
                )
                return out.getvalue()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning):
        return None
