"""Labelled rows of a reference (expand; safe while the previous release runs).

`reference_versions.labelled` is null for a version that no labels have joined, which is what all
older ones are: no backfill.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op


revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("reference_versions", sa.Column("labelled", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("reference_versions", "labelled")
