"""Tables of: what a standstill left to be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

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


def downgrade() -> None:
    op.drop_table("missed_message")
