"""One run's effects, whole or not at all."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from monitor.core.finding import Finding
from monitor.store.alarm_notes import record_mails
from monitor.store.alarms import record_alarms
from monitor.store.engine import Database, bounded
from monitor.store.ledger import reason_of, update_held
from monitor.store.models import AlarmEventRow, FindingRow, RunRow, WindowRow
from monitor.store.outbox import cancel_stale, enqueue
from monitor.store.queue import replace_draw
from monitor.store.records import Committed, Lease, RunEffects
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
        reason = reason_of(session, lease)
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
        older = _supersede(session, lease)
        run = _new_run(session, lease, effects, older)
        if older is not None:
            run.changes = changes_between(older.document, effects.document, reason=reason)
        _record_findings(session, run, effects.findings)
        record_alarms(session, run, effects.alarms, again=older is not None)
        queued = replace_draw(database, session, run, effects.queue, now)
        run.queued = queued
        cancel_stale(session, run, [item.message.message_id for item in effects.outbox])
        record_mails(database, session, run, effects.mails, now)
        sent = enqueue(database, session, lease.monitor, effects.outbox, run_id=run.id)
        return Committed(
            run_id=run.id,
            revision=run.revision,
            queued=queued,
            queued_before=len(effects.queue) - queued,
            messages=sent,
            messages_before=len(effects.outbox) - sent,
            changes=run.changes,
        )


def _supersede(session: Session, lease: Lease) -> RunRow | None:
    """The run that was the latest of that window; its findings and events are taken back."""
    older = session.scalars(
        sa.select(RunRow).where(RunRow.window_id == lease.window_id, RunRow.latest)
    ).first()
    if older is not None:
        older.latest = False
        for rows in (FindingRow, AlarmEventRow):
            session.execute(sa.delete(rows).where(rows.run_id == older.id))
    return older


def _new_run(session: Session, lease: Lease, effects: RunEffects, older: RunRow | None) -> RunRow:
    regular = session.scalars(
        sa.select(WindowRow.regular).where(WindowRow.id == lease.window_id)
    ).one()
    run = RunRow(
        window_id=lease.window_id,
        monitor=lease.monitor,
        window_start=lease.window.start,
        window_end=lease.window.end,
        regular=regular,
        revision=1 if older is None else older.revision + 1,
        latest=True,
        worker=lease.worker,
        findings=len(effects.findings),
        drifted=sum(finding.drifted for finding in effects.findings),
        alarms_opened=sum(alarm.state == "opened" for alarm in effects.alarms),
        alarms_open=sum(alarm.state != "closed" for alarm in effects.alarms),
        queued=0,
        seconds=(effects.finished_at - effects.started_at).total_seconds(),
        document=dict(effects.document),
        evidence_state=None if effects.evidence_state is None else dict(effects.evidence_state),
        provenance=None if effects.provenance is None else dict(effects.provenance),
        **{name: getattr(effects, name) for name in _SAME},
    )
    session.add(run)
    session.flush()
    return run


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


def _record_findings(session: Session, run: RunRow, findings: tuple[Finding, ...]) -> None:
    rows = [_finding_row(run, finding) for finding in findings]
    if rows:
        session.execute(sa.insert(FindingRow), rows)


def _finding_row(run: RunRow, finding: Finding) -> dict[str, Any]:
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
        "column_digest": None if finding.column is None else digest(finding.column),
        "interval_low": interval[0],
        "interval_high": interval[1],
    }
