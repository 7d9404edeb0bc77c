"""Pages of the queue by state, without reading past other rows (safe while the previous runs).

An index on (monitor, state) becomes one on (monitor, state, place in the queue): with a million
rows a page of rows that few are like was a walk past all of them.

Revision ID: 0010
Revises: 0009
"""

from alembic import op


revision = "0010"
down_revision = "0009"

PLACE = ["monitor", "state", "window_start", "push_order", "id"]


def upgrade() -> None:
    name = op.f("ix_queue_rows_monitor_state_window_start_push_order_id")
    op.create_index(name, "queue_rows", PLACE)
    op.drop_index(op.f("ix_queue_rows_monitor_state"), table_name="queue_rows")


def downgrade() -> None:
    op.create_index(op.f("ix_queue_rows_monitor_state"), "queue_rows", ["monitor", "state"])
    name = op.f("ix_queue_rows_monitor_state_window_start_push_order_id")
    op.drop_index(name, table_name="queue_rows")
