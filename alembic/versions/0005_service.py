"""Blocks of monitors, merged profiles, incidents, revisions (expand; safe while the previous runs).

`runs.changes` is null for a window's first run, and for revisions that are older than this;
`windows.reason` is null for a window that runs for no reason but its time.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op


revision = "0005"
down_revision = "0004"

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("runs", sa.Column("changes", sa.Text(), nullable=True))
    op.add_column("windows", sa.Column("reason", sa.Text(), nullable=True))
    op.create_table(
        "blocks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("searched_to", TIME, nullable=True),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_blocks")),
    )
    op.create_table(
        "block_members",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("block", sa.Text(), nullable=False),
        sa.Column("value_digest", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("begins", TIME, nullable=True),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["block"], ["blocks.name"], name=op.f("fk_block_members_block")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_block_members")),
        sa.UniqueConstraint("block", "value_digest", name=op.f("uq_block_members_block_value_digest")),
        sa.UniqueConstraint("name", name=op.f("uq_block_members_name")),
    )
    op.create_table(
        "period_profiles",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("scale", sa.String(length=32), nullable=False),
        sa.Column("window_start", TIME, nullable=False),
        sa.Column("window_end", TIME, nullable=False),
        sa.Column("reference_version", sa.Integer(), nullable=False),
        sa.Column("windows", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("profile", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["monitor"], ["monitors.name"], name=op.f("fk_period_profiles_monitor")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_period_profiles")),
        sa.UniqueConstraint(
            "monitor",
            "scale",
            "window_start",
            "reference_version",
            name=op.f("uq_period_profiles_period"),
        ),
    )
    op.create_table(
        "incidents",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("key_digest", sa.String(length=32), nullable=False),
        sa.Column("monitor", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index(
        op.f("ix_incidents_key_digest_closed_at"), "incidents", ["key_digest", "closed_at"]
    )


def downgrade() -> None:
    for table in ("incidents", "period_profiles", "block_members", "blocks"):
        op.drop_table(table)
    for table, column in (("windows", "reason"), ("runs", "changes")):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column)
