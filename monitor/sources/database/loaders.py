"""PostgreSQL knows times that Python does not ("infinity", the year 20000): they come as text."""

from __future__ import annotations

from typing import Any


def lenient(connection: Any) -> None:
    """Have a connection of psycopg hand out such times as text, instead of raising."""
    if type(connection).__module__.partition(".")[0] != "psycopg":
        return
    for name, loader in _loaders().items():
        connection.adapters.register_loader(name, loader)


def _loaders() -> dict[str, Any]:
    from psycopg import DataError  # noqa: PLC0415 - only PostgreSQL pays for it
    from psycopg.types import datetime as times  # noqa: PLC0415

    def forgiving(kind: Any) -> Any:
        class Forgiving(kind):  # type: ignore[misc]
            def load(self, data: Any) -> Any:
                try:
                    return super().load(data)
                except DataError:
                    return bytes(data).decode()

        return Forgiving

    return {
        "date": forgiving(times.DateLoader),
        "timestamp": forgiving(times.TimestampLoader),
        "timestamptz": forgiving(times.TimestamptzLoader),
    }
