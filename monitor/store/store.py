"""The one database, by job: `store.ledger`, `store.runs`, `store.queue` and so on."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import sqlalchemy as sa

from monitor.core.errors import StoreError
from monitor.store import migrate
from monitor.store.access import Access
from monitor.store.alarms import Alarms
from monitor.store.blocks import Blocks
from monitor.store.commit import commit
from monitor.store.engine import Clock, Database, database_clock, make_engine, parse_url
from monitor.store.incidents import Incidents
from monitor.store.labels import Labels
from monitor.store.ledger import Ledger
from monitor.store.outbox import Outbox
from monitor.store.periods import Periods
from monitor.store.pushes import Pushes
from monitor.store.queue import Queue
from monitor.store.records import Committed, Lease, RunEffects
from monitor.store.references import References
from monitor.store.runs import Runs
from monitor.store.tools import Tools


class Store:
    """References, ledger, runs, alarms, queue, labels and outbox in SQLite or PostgreSQL.

    May be shared by threads. After a fork the child opens connections of its own.
    """

    def __init__(self, engine: sa.Engine, clock: Clock = database_clock) -> None:
        self.database = Database(engine, clock)
        self.access = Access(self.database)
        self.references = References(self.database)
        self.ledger = Ledger(self.database)
        self.runs = Runs(self.database)
        self.alarms = Alarms(self.database)
        self.queue = Queue(self.database)
        self.labels = Labels(self.database)
        self.pushes = Pushes(self.database)
        self.tools = Tools(self.database)
        self.outbox = Outbox(self.database)
        self.blocks = Blocks(self.database)
        self.incidents = Incidents(self.database)
        self.periods = Periods(self.database)

    @classmethod
    def open(cls, url: str, *, upgrade: bool = False, clock: Clock = database_clock) -> Store:
        """The store at that URL.

        Parameters
        ----------
        url : str
            `sqlite:///file.db` (relative to the working folder) or `postgresql+psycopg://…`.
        upgrade : bool
            Create it, or bring its schema up to date, first.
        clock : callable
            What time it is, for leases and retries; by default the database's own clock.

        Raises
        ------
        StoreError
            There is none, its schema is older or newer than this release, or it refuses.
        """
        parsed = parse_url(url)
        if upgrade:
            migrate.upgrade(url)
        elif parsed.get_backend_name() == "sqlite" and not Path(str(parsed.database)).exists():
            msg = f"There is no store {parsed.database}. Create it with `driftloop db upgrade`."
            raise StoreError(msg)
        engine = make_engine(parsed)
        try:
            migrate.require_current(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, clock)

    def commit(self, lease: Lease, effects: RunEffects) -> Committed:
        """Write all effects of one run, whole or not at all; see `monitor.store.commit`."""
        return commit(self.database, lease, effects)

    def close(self) -> None:
        """Close all connections."""
        self.database.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
