"""A shop with rows of twenty days, ten of which are the reference, and clocks that move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.config import load
from monitor.scheduler.clock import Clock
from monitor.scheduler.installation import Installation
from monitor.store.store import Store

MAILS = """
[[alerts]]
kind = "mail"
folder = "mails"
sender = "driftloop@example.org"
recipients = ["team@example.org"]
"""
SHOP = """
[[monitors]]
name = "{name}"
window = "1d"
{more}
[monitors.source]
kind = "files"
path = "{path}"
[monitors.reference]
start = 2024-01-01
end = 2024-01-11
[monitors.columns]
timestamp = "ts"
id = "id"
"""

At = Callable[..., AbstractContextManager[Clock]]


def day(number: int, hour: int = 1, minute: int = 0) -> datetime:
    return datetime(2024, 1, number, hour, minute, tzinfo=UTC)


def lines(days: range, rows: int = 48, first: int = 0) -> str:
    return "".join(
        f"{d}-{n},2024-01-{d:02d}T{n % 24:02d}:00:00Z,{(n * 7 + d) % 13}\n"
        for d in days
        for n in range(first, first + rows)
    )


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The folder of one monitor, `shop`."""
    (tmp_path / "data.csv").write_text("id,ts,x\n" + lines(range(1, 21)))
    configure(tmp_path)
    return tmp_path


def configure(folder: Path, more: str = "", sections: str = "", path: str = "data.csv") -> None:
    text = MAILS + sections + SHOP.format(name="shop", path=path, more=more)
    (folder / "config.toml").write_text(text)


@pytest.fixture
def at(shop: Path) -> At:
    """A clock on the shop at a time; `said` gets its words."""

    @contextmanager
    def opened(now: datetime, said: list[str] | None = None) -> Iterator[Clock]:
        config = load(shop / "config.toml")
        with Store.open(config.store.url, upgrade=True) as store:
            say = ([] if said is None else said).append
            yield Clock(Installation(config, store, say=say, clock=lambda: now))

    return opened
