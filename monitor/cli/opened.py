"""Config, store and pipeline of a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from monitor.cli.common import config_path_of, say
from monitor.config import load
from monitor.pipeline import Pipeline
from monitor.store.store import Store


@contextmanager
def pipeline_of(
    context: click.Context, config_path: str | None, *, upgrade: bool = False
) -> Iterator[Pipeline]:
    """The pipeline of the named config; the store is closed at the end.

    `upgrade`: create the store, or bring its schema up to date, first.
    """
    config = load(config_path_of(context, config_path))
    with Store.open(config.store.url, upgrade=upgrade) as store:
        yield Pipeline(config, store, say=say)
