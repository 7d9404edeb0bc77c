"""The little that a format needs to know about an image."""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError


def size_of(image: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, read from the header only; None for what is no image."""
    try:
        with Image.open(io.BytesIO(image)) as opened:
            return opened.size
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None
