"""All tables of the first release.

Revision ID: 0001
Revises: none
"""

import sqlalchemy as sa
from alembic import op


revision = "0001"
down_revision = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "monitors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_monitors")),
    )
    op.create_table(
        "alarms",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("key_digest", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("opened_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_end", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["monitor"], ["monitors.name"], name=op.f("fk_alarms_monitor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
        sa.UniqueConstraint(
            "monitor",
            "key_digest",
            "opened_start",
            name=op.f("uq_alarms_monitor_key_digest_opened_start"),
        ),
    )
    op.create_index(op.f("ix_alarms_monitor_state"), "alarms", ["monitor", "state"], unique=False)
    op.create_table(
        "reference_versions",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("windows", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("meta", sa.Text(), nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("plan", sa.LargeBinary(), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.Column("profile", sa.LargeBinary(), nullable=False),
        sa.Column("sample", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["monitor"], ["monitors.name"], name=op.f("fk_reference_versions_monitor")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reference_versions")),
        sa.UniqueConstraint(
            "monitor", "version", name=op.f("uq_reference_versions_monitor_version")
        ),
    )
    op.create_table(
        "windows",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("regular", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=True),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["monitor"], ["monitors.name"], name=op.f("fk_windows_monitor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_windows")),
        sa.UniqueConstraint(
            "monitor",
            "window_start",
            "window_end",
            name=op.f("uq_windows_monitor_window_start_window_end"),
        ),
    )
    op.create_index(
        op.f("ix_windows_state_window_start"), "windows", ["state", "window_start"], unique=False
    )
    op.create_table(
        "reference_activations",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rolled_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["monitor", "version"],
            ["reference_versions.monitor", "reference_versions.version"],
            name=op.f("fk_reference_activations_monitor_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reference_activations")),
    )
    op.create_index(
        op.f("ix_reference_activations_monitor_id"),
        "reference_activations",
        ["monitor", "id"],
        unique=False,
    )
    op.create_table(
        "runs",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("window_id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("regular", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("latest", sa.Boolean(), nullable=False),
        sa.Column("reference_version", sa.Integer(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.Column("drifted", sa.Integer(), nullable=False),
        sa.Column("alarms_opened", sa.Integer(), nullable=False),
        sa.Column("alarms_open", sa.Integer(), nullable=False),
        sa.Column("queued", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("report", sa.Text(), nullable=True),
        sa.Column("evidence_state", sa.Text(), nullable=True),
        sa.Column("observation", sa.LargeBinary(), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("profile", sa.LargeBinary(), nullable=True),
        sa.Column("sample", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["monitor"], ["monitors.name"], name=op.f("fk_runs_monitor")),
        sa.ForeignKeyConstraint(["window_id"], ["windows.id"], name=op.f("fk_runs_window_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("window_id", "revision", name=op.f("uq_runs_window_id_revision")),
    )
    op.create_index(
        op.f("ix_runs_monitor_latest_window_start"),
        "runs",
        ["monitor", "latest", "window_start"],
        unique=False,
    )
    op.create_table(
        "alarm_events",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("key_digest", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["monitor"], ["monitors.name"], name=op.f("fk_alarm_events_monitor")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_alarm_events_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm_events")),
        sa.UniqueConstraint("run_id", "key_digest", name=op.f("uq_alarm_events_run_id_key_digest")),
    )
    op.create_index(
        op.f("ix_alarm_events_monitor_key_digest_window_start"),
        "alarm_events",
        ["monitor", "key_digest", "window_start"],
        unique=False,
    )
    op.create_table(
        "findings",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("check_name", sa.Text(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=True),
        sa.Column("column_digest", sa.String(length=32), nullable=True),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.Column("statistic", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("interval_low", sa.Double(), nullable=True),
        sa.Column("interval_high", sa.Double(), nullable=True),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.Column("effect", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("n_reference", sa.BigInteger(), nullable=True),
        sa.Column("n_current", sa.BigInteger(), nullable=True),
        sa.Column("severity", sa.String(length=32), nullable=False),
        sa.Column("drifted", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["monitor"], ["monitors.name"], name=op.f("fk_findings_monitor")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_findings_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
    )
    op.create_index(
        op.f("ix_findings_monitor_column_digest_window_start"),
        "findings",
        ["monitor", "column_digest", "window_start"],
        unique=False,
    )
    op.create_index(
        op.f("ix_findings_monitor_window_start"),
        "findings",
        ["monitor", "window_start"],
        unique=False,
    )
    op.create_index(op.f("ix_findings_run_id"), "findings", ["run_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("run_id", BIG_ID, nullable=True),
        sa.Column("channel", sa.String(length=200), nullable=False),
        sa.Column("message_id", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("order_key", sa.Text(), nullable=False),
        sa.Column("order_digest", sa.String(length=32), nullable=True),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=True),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["monitor"], ["monitors.name"], name=op.f("fk_outbox_monitor")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_outbox_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("channel", "message_id", name=op.f("uq_outbox_channel_message_id")),
    )
    op.create_index(
        op.f("ix_outbox_channel_order_digest_id"),
        "outbox",
        ["channel", "order_digest", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_outbox_run_id"), "outbox", ["run_id"], unique=False)
    op.create_index(op.f("ix_outbox_state_retry_at"), "outbox", ["state", "retry_at"], unique=False)
    op.create_table(
        "queue_rows",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("run_id", BIG_ID, nullable=True),
        sa.Column("row_id", sa.Text(), nullable=False),
        sa.Column("row_digest", sa.String(length=32), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("reason_text", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("inclusion_probability", sa.Double(), nullable=True),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("push_order", sa.Integer(), nullable=False),
        sa.Column("prediction", sa.Text(), nullable=True),
        sa.Column("prediction_score", sa.Double(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("image", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["monitor"], ["monitors.name"], name=op.f("fk_queue_rows_monitor")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_queue_rows_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_rows")),
        sa.UniqueConstraint("monitor", "row_digest", name=op.f("uq_queue_rows_monitor_row_digest")),
    )
    op.create_index(
        op.f("ix_queue_rows_monitor_state"), "queue_rows", ["monitor", "state"], unique=False
    )
    op.create_index(
        op.f("ix_queue_rows_monitor_window_start_push_order_id"),
        "queue_rows",
        ["monitor", "window_start", "push_order", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_queue_rows_run_id"), "queue_rows", ["run_id"], unique=False)
    op.create_table(
        "queue_events",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("queue_row_id", BIG_ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_state", sa.String(length=32), nullable=True),
        sa.Column("to_state", sa.String(length=32), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["queue_row_id"],
            ["queue_rows.id"],
            name=op.f("fk_queue_events_queue_row_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_events")),
    )
    op.create_index(
        op.f("ix_queue_events_queue_row_id"), "queue_events", ["queue_row_id"], unique=False
    )


def downgrade() -> None:
    for table in (
        "queue_events",
        "queue_rows",
        "outbox",
        "findings",
        "alarm_events",
        "runs",
        "reference_activations",
        "windows",
        "reference_versions",
        "alarms",
        "monitors",
    ):
        op.drop_table(table)
