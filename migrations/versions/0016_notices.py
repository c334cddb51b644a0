"""Notices: who has asked for no texts, and the written notice of a suspected leak."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import casework.vault.columns

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sms_stop", sa.Column("heard", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.create_table(
        "sms_answer",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="sms_answer_pkey"),
    )
    op.create_table(
        "incident_notice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("content", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name="incident_notice_incident_id_fkey"),
        sa.ForeignKeyConstraint(["by"], ["staff.id"], name="incident_notice_by_fkey"),
        sa.ForeignKeyConstraint(["confirmed_by"], ["staff.id"], name="incident_notice_confirmed_by_fkey"),
        sa.PrimaryKeyConstraint("id", name="incident_notice_pkey"),
        sa.UniqueConstraint("incident_id", "serial", name="incident_notice_serial_key"),
    )


def downgrade() -> None:
    op.drop_table("incident_notice")
    op.drop_table("sms_answer")
    op.drop_column("sms_stop", "heard")
