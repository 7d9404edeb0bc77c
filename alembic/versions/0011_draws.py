"""What each window's queue was drawn from (expand; safe while the previous release runs).

A table of its own: means over all candidates, which estimates from the labels of a few lean on.
Windows that were drawn before have no row; their estimates are made from the labels alone.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op


revision = "0011"
down_revision = "0010"

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "queue_draws",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("window_start", TIME, nullable=False),
        sa.Column("window_end", TIME, nullable=False),
        sa.Column("candidates", sa.Integer(), nullable=False),
        sa.Column("population", sa.BigInteger(), nullable=False),
        sa.Column("size_mean", sa.Double(), nullable=True),
        sa.Column("expected_mean", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["monitor"], ["monitors.name"], name=op.f("fk_queue_draws_monitor")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_draws")),
        sa.UniqueConstraint(
            "monitor", "window_start", "window_end",
            name=op.f("uq_queue_draws_monitor_window_start_window_end"),
        ),
    )


def downgrade() -> None:
    op.drop_table("queue_draws")
