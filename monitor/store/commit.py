"""One run's effects, whole or not at all."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from monitor.core.finding import Finding
from monitor.store.alarm_notes import record_mails
from monitor.store.alarms import record_alarms
from monitor.store.draws import replace_draw
from monitor.store.engine import Database, bounded, table_of
from monitor.store.ledger import update_held
from monitor.store.models import AlarmEventRow, FindingRow, RunRow, WindowRow
from monitor.store.outbox import cancel_stale, enqueue
from monitor.store.records import Committed, Lease, RunEffects, RunKey
from monitor.store.revisions import changes_between
from monitor.store.types import digest


def commit(database: Database, lease: Lease, effects: RunEffects) -> Committed:
    """Write all effects of a run in one transaction that only the holder of the lease can make.

    Run again on a window that was done, it makes a new revision: findings and alarms of the
    older one give way, a row is never queued twice, and a message whose id is known is not sent
    again.

    Raises
    ------
    LeaseLostError
        Another worker holds the window now; nothing was written.
    """
    for name in ("profile", "observation", "sample"):
        bounded(f"{name} of the window", getattr(effects, name))
    with database.writing() as session:
        database.lock_monitor(session, lease.monitor)
        now = database.now(session)
        connection = session.connection()
        before = connection.execute(_BEFORE, {"window_id": lease.window_id}).one()
        again = before.run_id is not None
        update_held(
            session,
            lease,
            state="done",
            token=None,
            lease_until=None,
            last_error="",
            reason=None,
            finished_at=now,
        )
        changes = _supersede(connection, before, effects) if again else None
        revision = before.revision + 1 if again else 1
        run = _new_run(
            connection, lease, effects, revision, regular=before.regular, changes=changes
        )
        _record_findings(connection, run, effects.findings)
        record_alarms(session, run, effects.alarms, again=again)
        queued = replace_draw(
            database, session, run, effects.queue, now, draw=effects.draw, again=again
        )
        if queued != len(effects.queue):
            connection.execute(_QUEUED, {"run_id": run.id, "number": queued})
        if again:
            cancel_stale(session, run, [item.message.message_id for item in effects.outbox])
        record_mails(database, session, run, effects.mails, now, again=again)
        sent = 0
        if effects.outbox:
            sent = enqueue(database, session, lease.monitor, effects.outbox, run_id=run.id)
        return Committed(
            run_id=run.id,
            revision=revision,
            queued=queued,
            queued_before=len(effects.queue) - queued,
            messages=sent,
            messages_before=len(effects.outbox) - sent,
            changes=changes,
        )


_RUNS = table_of(RunRow)
#: The window, and its latest run if there is one.
_BEFORE = (
    sa.select(WindowRow.reason, WindowRow.regular, _RUNS.c.id.label("run_id"), _RUNS.c.revision)
    .join_from(
        WindowRow,
        _RUNS,
        sa.and_(_RUNS.c.window_id == WindowRow.id, _RUNS.c.latest),
        isouter=True,
    )
    .where(WindowRow.id == sa.bindparam("window_id"))
)
_NEW_RUN, _NEW_FINDINGS = sa.insert(_RUNS), sa.insert(table_of(FindingRow))
_QUEUED = (
    sa.update(_RUNS)
    .where(_RUNS.c.id == sa.bindparam("run_id"))
    .values(queued=sa.bindparam("number"))
)


def _supersede(
    connection: sa.Connection, before: sa.Row[Any, Any, Any, Any], effects: RunEffects
) -> dict[str, Any]:
    """Take back findings and events of the run that was the latest; what the new one changes."""
    older = _RUNS.c.id == before.run_id
    document = connection.execute(sa.select(_RUNS.c.document).where(older)).scalar_one()
    connection.execute(sa.update(_RUNS).where(older).values(latest=False))
    for rows in (FindingRow, AlarmEventRow):
        connection.execute(sa.delete(rows).where(rows.run_id == before.run_id))
    return changes_between(document, effects.document, reason=before.reason)


def _new_run(
    connection: sa.Connection,
    lease: Lease,
    effects: RunEffects,
    revision: int,
    *,
    regular: bool,
    changes: dict[str, Any] | None,
) -> RunKey:
    state, source = effects.evidence_state, effects.provenance
    window = lease.window
    values = {
        "window_id": lease.window_id,
        "monitor": lease.monitor,
        "window_start": window.start,
        "window_end": window.end,
        "regular": regular,
        "revision": revision,
        "latest": True,
        "worker": lease.worker,
        "findings": len(effects.findings),
        "drifted": sum(finding.drifted for finding in effects.findings),
        "alarms_opened": sum(alarm.state == "opened" for alarm in effects.alarms),
        "alarms_open": sum(alarm.state != "closed" for alarm in effects.alarms),
        "queued": len(effects.queue),
        "seconds": (effects.finished_at - effects.started_at).total_seconds(),
        "changes": changes,
        "document": dict(effects.document),
        "evidence_state": None if state is None else dict(state),
        "provenance": None if source is None else dict(source),
        **{name: getattr(effects, name) for name in _SAME},
    }
    key = connection.execute(_NEW_RUN, values).inserted_primary_key
    assert key is not None
    return RunKey(id=key[0], window_id=lease.window_id, monitor=lease.monitor, window=lease.window)


_SAME = (
    "reference_version",
    "model_version",
    "rows",
    "started_at",
    "finished_at",
    "profile",
    "observation",
    "sample",
)


def _record_findings(connection: sa.Connection, run: RunKey, findings: tuple[Finding, ...]) -> None:
    rows = [_finding_row(run, finding) for finding in findings]
    if rows:
        connection.execute(_NEW_FINDINGS, rows)


def _finding_row(run: RunKey, finding: Finding) -> dict[str, Any]:
    row = finding.to_dict()
    del row["rows"]  # they stand in the document
    interval = row.pop("interval") or (None, None)
    return {
        **row,
        "run_id": run.id,
        "monitor": run.monitor,
        "window_start": run.window_start,
        "window_end": run.window_end,
        "check_name": row.pop("check"),
        "column_name": row.pop("column"),
        "column_digest": None if finding.column is None else digest(finding.column),
        "interval_low": interval[0],
        "interval_high": interval[1],
    }
