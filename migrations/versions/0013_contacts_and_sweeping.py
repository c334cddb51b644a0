"""Tables of: what a standstill left to be told, contacts of neighbouring bodies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import casework.vault.columns

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "missed_message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("text_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("else_role", sa.Text(), nullable=True),
        sa.Column("else_unit_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.ForeignKeyConstraint(["clock_id"], ["case_clock.id"], name="missed_message_clock_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="missed_message_pkey"),
    )
    op.create_table(
        "contact",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("hours", sa.Text(), nullable=False),
        sa.Column("person", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "body in ('police', 'health', 'hotline', 'social-work', 'school', 'other')", name="contact_body_check"
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="contact_unit_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="contact_pkey"),
    )
    op.create_index("ix_contact_place", "contact", ["unit_id", "body"])


def downgrade() -> None:
    op.drop_table("contact")
    op.drop_table("missed_message")
