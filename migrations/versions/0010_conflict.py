"""Tables and columns of: reviews of emergency openings, cases read lately, accounts that wait for a second person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import casework.vault.columns

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "break_glass_review",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("reviewed_by", sa.Uuid(), nullable=False),
        sa.Column("reviewed_at", moment, nullable=False),
        sa.Column("justified", sa.Boolean(), nullable=False),
        sa.Column("note", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["case_grant.id"], name="break_glass_review_grant_id_fkey"),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="break_glass_review_case_id_fkey"),
        sa.ForeignKeyConstraint(["reviewed_by"], ["staff.id"], name="break_glass_review_reviewed_by_fkey"),
        sa.PrimaryKeyConstraint("grant_id", name="break_glass_review_pkey"),
    )
    op.create_index(op.f("ix_break_glass_review_case_id"), "break_glass_review", ["case_id"])
    op.create_table(
        "case_seen",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="case_seen_staff_id_fkey"),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="case_seen_case_id_fkey"),
        sa.PrimaryKeyConstraint("staff_id", "case_id", name="case_seen_pkey"),
    )
    op.create_index("ix_case_seen_lately", "case_seen", ["staff_id", "at"])
    op.add_column("staff", sa.Column("waits_since", moment, nullable=True))


def downgrade() -> None:
    op.drop_column("staff", "waits_since")
    op.drop_table("case_seen")
    op.drop_table("break_glass_review")
