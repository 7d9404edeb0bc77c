"""Specs, projects, pushes and labels (expand; safe while the previous release runs).

Five new tables beside those that are there; the previous release does not know of them.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op


revision = "0002"
down_revision = "0001"

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "label_specs",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("guideline_version", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["monitor"], ["monitors.name"], name=op.f("fk_label_specs_monitor")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_specs")),
        sa.UniqueConstraint(
            "monitor", "fingerprint", name=op.f("uq_label_specs_monitor_fingerprint")
        ),
        sa.UniqueConstraint("monitor", "version", name=op.f("uq_label_specs_monitor_version")),
    )
    op.create_table(
        "tool_leases",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("tool", sa.String(length=32), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["monitor"], ["monitors.name"], name=op.f("fk_tool_leases_monitor")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tool_leases")),
        sa.UniqueConstraint("monitor", "tool", name=op.f("uq_tool_leases_monitor_tool")),
    )
    op.create_table(
        "tool_projects",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("tool", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("spec_version", sa.Integer(), nullable=False),
        sa.Column("tasks", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("woken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["monitor"], ["monitors.name"], name=op.f("fk_tool_projects_monitor")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tool_projects")),
        sa.UniqueConstraint(
            "monitor",
            "tool",
            "stage",
            "number",
            name=op.f("uq_tool_projects_monitor_tool_stage_number"),
        ),
    )
    op.create_table(
        "labels",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("queue_row_id", BIG_ID, nullable=False),
        sa.Column("tool", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("task", sa.String(length=200), nullable=False),
        sa.Column("annotation", sa.String(length=200), nullable=False),
        sa.Column("external_digest", sa.String(length=32), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("latest", sa.Boolean(), nullable=False),
        sa.Column("content_digest", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("annotator", sa.Text(), nullable=False),
        sa.Column("lead_time", sa.Double(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("guideline_version", sa.Text(), nullable=False),
        sa.Column("spec_version", sa.Integer(), nullable=True),
        sa.Column("with_draft", sa.Boolean(), nullable=True),
        sa.Column("gold", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("raw", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["monitor"], ["monitors.name"], name=op.f("fk_labels_monitor")),
        sa.ForeignKeyConstraint(
            ["queue_row_id"], ["queue_rows.id"], name=op.f("fk_labels_queue_row_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labels")),
        sa.UniqueConstraint(
            "monitor",
            "tool",
            "external_digest",
            "revision",
            name=op.f("uq_labels_monitor_tool_external_digest_revision"),
        ),
    )
    op.create_index(
        op.f("ix_labels_monitor_latest_state"),
        "labels",
        ["monitor", "latest", "state"],
        unique=False,
    )
    op.create_index(
        op.f("ix_labels_monitor_tool_project_task"),
        "labels",
        ["monitor", "tool", "project", "task"],
        unique=False,
    )
    op.create_index(op.f("ix_labels_queue_row_id"), "labels", ["queue_row_id"], unique=False)
    op.create_table(
        "pushes",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("queue_row_id", BIG_ID, nullable=False),
        sa.Column("tool", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("task", sa.String(length=200), nullable=False),
        sa.Column("with_draft", sa.Boolean(), nullable=False),
        sa.Column("spec_version", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("pushed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["monitor"], ["monitors.name"], name=op.f("fk_pushes_monitor")),
        sa.ForeignKeyConstraint(
            ["queue_row_id"],
            ["queue_rows.id"],
            name=op.f("fk_pushes_queue_row_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pushes")),
        sa.UniqueConstraint(
            "queue_row_id", "tool", "stage", name=op.f("uq_pushes_queue_row_id_tool_stage")
        ),
    )
    op.create_index(
        op.f("ix_pushes_monitor_tool_project_task"),
        "pushes",
        ["monitor", "tool", "project", "task"],
        unique=False,
    )
    op.create_index(
        op.f("ix_pushes_monitor_tool_stage_state_id"),
        "pushes",
        ["monitor", "tool", "stage", "state", "id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_pushes_monitor_tool_stage_state_id"), table_name="pushes")
    op.drop_index(op.f("ix_pushes_monitor_tool_project_task"), table_name="pushes")
    op.drop_table("pushes")
    op.drop_index(op.f("ix_labels_queue_row_id"), table_name="labels")
    op.drop_index(op.f("ix_labels_monitor_tool_project_task"), table_name="labels")
    op.drop_index(op.f("ix_labels_monitor_latest_state"), table_name="labels")
    op.drop_table("labels")
    op.drop_table("tool_projects")
    op.drop_table("tool_leases")
    op.drop_table("label_specs")
