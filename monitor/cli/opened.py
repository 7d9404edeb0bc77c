"""Config, store and pipeline of a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from monitor.cli.common import config_path_of, say
from monitor.config import load
from monitor.scheduler.installation import Installation
from monitor.store.store import Store

if TYPE_CHECKING:  # the service is ready before what runs windows is loaded
    from monitor.pipeline import Pipeline


@contextmanager
def store_of(context: click.Context, config_path: str | None) -> Iterator[Store]:
    """The store alone, brought up to date first."""
    config = load(config_path_of(context, config_path))
    with Store.open(config.store.url, upgrade=True) as store:
        yield store


@contextmanager
def installation_of(
    context: click.Context, config_path: str | None, *, upgrade: bool = False
) -> Iterator[Installation]:
    """What the service runs on; the store is closed at the end.

    `upgrade`: create the store, or bring its schema up to date, first.
    """
    config = load(config_path_of(context, config_path))
    with Store.open(config.store.url, upgrade=upgrade) as store:
        yield Installation(config, store, say=say)


@contextmanager
def pipeline_of(
    context: click.Context, config_path: str | None, *, upgrade: bool = False
) -> Iterator[Pipeline]:
    """The pipeline of the named config; `for_each` blocks that nobody searched yet are searched."""
    with installation_of(context, config_path, upgrade=upgrade) as home:
        for name in home.blocks.names():
            if home.store.blocks.get(name) is None:
                home.search(name)
        yield home.pipeline()
