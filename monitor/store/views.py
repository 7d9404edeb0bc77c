"""Views for people who ask the store by SQL; their columns are a contract, tables may change.

They are dropped before the schema changes and made anew after it, since a database refuses to
change what a view stands on.
"""

from __future__ import annotations

import sqlalchemy as sa

#: View -> what it selects. Documented in docs/sql.md; a test holds both together.
VIEWS = {
    "driftloop_runs": """
        SELECT monitor, window_start, window_end, revision, reference_version, model_version,
               "rows", findings, drifted, alarms_opened, alarms_open, queued,
               started_at, finished_at, seconds, report
        FROM runs WHERE latest
    """,
    "driftloop_findings": """
        SELECT monitor, window_start, window_end, check_name, column_name, segment, statistic,
               value, interval_low, interval_high, p_value, effect, threshold,
               n_reference, n_current, severity, drifted, message
        FROM findings
    """,
    "driftloop_alarms": """
        SELECT monitor, "key", state, title, opened_start, opened_end, last_start, last_end,
               closed_start, closed_end, once_in_years
        FROM alarms
    """,
    "driftloop_queue": """
        SELECT monitor, row_id, window_start, window_end, state, reason, reason_text, score,
               inclusion_probability, weight, model_version, created_at, changed_at
        FROM queue_rows
    """,
    "driftloop_windows": """
        SELECT monitor, window_start, window_end, state, attempts, last_error, created_at,
               finished_at
        FROM windows
    """,
}


def drop(connection: sa.Connection) -> None:
    """Before a migration."""
    for name in VIEWS:
        connection.execute(sa.text(f"DROP VIEW IF EXISTS {name}"))


def create(connection: sa.Connection) -> None:
    """After it, at the schema of this release."""
    drop(connection)
    for name, query in VIEWS.items():
        connection.execute(sa.text(f"CREATE VIEW {name} AS {query}"))
