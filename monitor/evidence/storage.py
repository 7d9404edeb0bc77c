"""A learned reference as bytes: an npz archive with its names in JSON, and no pickle."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.core.errors import ProfileError
from monitor.evidence.types import Gate, Scalar, Series

VERSION = 3
LAYOUT_ARRAYS = ("starts", "owner", "pooled", "missing", "scores")


def pack(
    arrays: Mapping[str, npt.NDArray[Any]],
    series: Sequence[Series],
    scalars: Sequence[Scalar],
    windows: int,
) -> bytes:
    """The archive as bytes."""
    words = {
        "version": VERSION,
        "windows": windows,
        "series": [asdict(one) for one in series],
        "scalars": [asdict(one) for one in scalars],
    }
    text = np.frombuffer(json.dumps(words).encode(), dtype=np.uint8)
    target = io.BytesIO()
    np.savez_compressed(target, allow_pickle=False, **{"words": text, **arrays})
    return target.getvalue()


def unpack(
    data: bytes,
) -> tuple[dict[str, npt.NDArray[Any]], tuple[Series, ...], tuple[Scalar, ...], int]:
    """What `pack` was given.

    Raises
    ------
    ProfileError
        If the bytes are damaged, or were written by another version.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        words = json.loads(arrays.pop("words").tobytes())
        version = words["version"]
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        msg = "These bytes are no learned reference. Learn it again from the reference's windows."
        raise ProfileError(msg) from error
    if version != VERSION:
        msg = (
            f"The learned reference has version {version}, this driftloop reads {VERSION}. "
            "Learn it again from the reference's windows."
        )
        raise ProfileError(msg)
    series = tuple(_series(one) for one in words["series"])
    scalars = tuple(Scalar(**one) for one in words["scalars"])
    return arrays, series, scalars, int(words["windows"])


def _series(words: dict[str, Any]) -> Series:
    gate = Gate(**words.pop("gate"))
    labels = tuple(words.pop("labels"))
    return Series(**words, gate=gate, labels=labels)
