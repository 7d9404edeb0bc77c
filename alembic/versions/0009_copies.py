"""How many copies a row of the queue stands for (expand; safe while the previous release runs).

`queue_rows.copies` is null for a row that stands for itself, and for all older rows, whose number
is not known any more: no backfill.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op


revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("queue_rows", sa.Column("copies", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("queue_rows", "copies")
