"""The little that a format needs to know about an image."""

from __future__ import annotations

import io
from urllib.parse import quote, unquote

from PIL import Image, UnidentifiedImageError

NO_SIZE = "the size of its image cannot be read, so nothing can be placed in it"
_SUFFIX = ".png"
_LONGEST = 200


def size_of(image: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, read from the header only; None for what is no image."""
    try:
        with Image.open(io.BytesIO(image)) as opened:
            return opened.size
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None


def file_name(key: str | int) -> str | None:
    """A file name for an item's image, from which `key_of` reads the key again; None: too long.

    Examples
    --------
    >>> file_name("../a b"), key_of("images/..%2Fa%20b.png")
    ('..%2Fa%20b.png', '../a b')
    """
    name = quote(str(key), safe="", errors="replace") + _SUFFIX
    return name if len(name) <= _LONGEST else None


def key_of(name: str) -> str:
    """The key of an item, from the name (or path) of its image's file."""
    return unquote(name.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(_SUFFIX))
