"""driftloop: drift and data-quality monitoring that mails only when something really changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.core.version import VERSION

if TYPE_CHECKING:
    from monitor.api import Comparison as Comparison
    from monitor.api import compare as compare

__version__ = VERSION

__all__ = ["Comparison", "__version__", "compare"]


def __getattr__(name: str) -> Any:
    """`monitor.compare` is imported when it is used, so that the command line starts at once."""
    if name in {"compare", "Comparison"}:
        from monitor import api

        return getattr(api, name)
    msg = f"module 'monitor' has no attribute {name!r}"
    raise AttributeError(msg)
