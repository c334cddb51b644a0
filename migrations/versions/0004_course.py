"""Tables and columns of: the whole course."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import casework.vault.columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hand_over",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("case_code", sa.Text(), nullable=False),
        sa.Column("from_unit_id", sa.Uuid(), nullable=False),
        sa.Column("to_unit_id", sa.Uuid(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offered_by", sa.Uuid(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("letter", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="hand_over_case_id_fkey"),
        sa.ForeignKeyConstraint(["from_unit_id"], ["unit.id"], name="hand_over_from_unit_id_fkey"),
        sa.ForeignKeyConstraint(["to_unit_id"], ["unit.id"], name="hand_over_to_unit_id_fkey"),
        sa.ForeignKeyConstraint(["offered_by"], ["staff.id"], name="hand_over_offered_by_fkey"),
        sa.PrimaryKeyConstraint("id", name="hand_over_pkey"),
    )
    op.create_index("ix_hand_over_case", "hand_over", ["case_id", "offered_at"], unique=False)
    op.create_index("ix_hand_over_to", "hand_over", ["to_unit_id"], unique=False, postgresql_where="answer is null")
    op.create_index("ix_hand_over_open", "hand_over", ["case_id"], unique=True, postgresql_where="answer is null")


def downgrade() -> None:
    op.drop_table("hand_over")
