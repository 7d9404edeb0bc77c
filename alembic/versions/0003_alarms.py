"""What people say about alarms, and the mails (expand; safe while the previous release runs).

Two new tables; `once_in_years` of alarms that are there already is null: not known.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for table in ("alarms", "alarm_events"):
        op.add_column(table, sa.Column("once_in_years", sa.Double(), nullable=True))
    op.create_table(
        "alarm_notes",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("key_digest", sa.String(length=32), nullable=False),
        sa.Column("opened_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict", sa.String(length=32), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["monitor"], ["monitors.name"], name=op.f("fk_alarm_notes_monitor")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm_notes")),
    )
    op.create_index(
        op.f("ix_alarm_notes_monitor_key_digest"), "alarm_notes", ["monitor", "key_digest"]
    )
    op.create_table(
        "alarm_mails",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=500), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("keys", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["monitor"], ["monitors.name"], name=op.f("fk_alarm_mails_monitor")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm_mails")),
        sa.UniqueConstraint(
            "monitor", "message_id", name=op.f("uq_alarm_mails_monitor_message_id")
        ),
    )
    op.create_index(
        op.f("ix_alarm_mails_monitor_window_start"), "alarm_mails", ["monitor", "window_start"]
    )


def downgrade() -> None:
    op.drop_table("alarm_mails")
    op.drop_table("alarm_notes")
    for table in ("alarm_events", "alarms"):
        with op.batch_alter_table(table) as batch:
            batch.drop_column("once_in_years")
