"""The next window is the first of an index, however many wait (safe while the previous runs).

An index on (state, start) becomes one on (state, start, end, monitor): with half a million windows
to catch up with, each claim sorted all those of one start.

Revision ID: 0012
Revises: 0011
"""

from alembic import op


revision = "0012"
down_revision = "0011"

ORDER = ["state", "window_start", "window_end", "monitor"]


def upgrade() -> None:
    name = op.f("ix_windows_state_window_start_window_end_monitor")
    op.create_index(name, "windows", ORDER)
    op.drop_index(op.f("ix_windows_state_window_start"), table_name="windows")


def downgrade() -> None:
    op.create_index(op.f("ix_windows_state_window_start"), "windows", ["state", "window_start"])
    name = op.f("ix_windows_state_window_start_window_end_monitor")
    op.drop_index(name, table_name="windows")
