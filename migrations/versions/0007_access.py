"""Tables of: exclusions from a case, grants to one, acts of two persons."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import casework.vault.columns

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "case_exclusion",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("reason", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("num_nonnulls(unit_id, staff_id) = 1", name="case_exclusion_one_check"),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="case_exclusion_case_id_fkey"),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="case_exclusion_unit_id_fkey"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="case_exclusion_staff_id_fkey"),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name="case_exclusion_made_by_fkey"),
        sa.ForeignKeyConstraint(["confirmed_by"], ["staff.id"], name="case_exclusion_confirmed_by_fkey"),
        sa.ForeignKeyConstraint(["ended_by"], ["staff.id"], name="case_exclusion_ended_by_fkey"),
        sa.PrimaryKeyConstraint("id", name="case_exclusion_pkey"),
    )
    in_force = "ended_at is null"
    op.create_index("ix_case_exclusion_case", "case_exclusion", ["case_id"], postgresql_where=in_force)
    op.create_index(
        "ix_case_exclusion_unit", "case_exclusion", ["unit_id", "case_id"], unique=True, postgresql_where=in_force
    )
    op.create_index(
        "ix_case_exclusion_staff", "case_exclusion", ["staff_id", "case_id"], unique=True, postgresql_where=in_force
    )
    op.create_table(
        "case_grant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("actions", sa.Text(), nullable=False),
        sa.Column("starts_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("revoked_at", moment, nullable=True),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.Column("reason", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("num_nonnulls(unit_id, staff_id) = 1", name="case_grant_one_check"),
        sa.CheckConstraint("kind in ('grant', 'break-glass')", name="case_grant_kind_check"),
        sa.CheckConstraint("expires_at > starts_at", name="case_grant_span_check"),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="case_grant_case_id_fkey"),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="case_grant_unit_id_fkey"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="case_grant_staff_id_fkey"),
        sa.ForeignKeyConstraint(["granted_by"], ["staff.id"], name="case_grant_granted_by_fkey"),
        sa.PrimaryKeyConstraint("id", name="case_grant_pkey"),
    )
    not_revoked = "revoked_at is null"
    op.create_index("ix_case_grant_case", "case_grant", ["case_id"])
    op.create_index("ix_case_grant_unit", "case_grant", ["unit_id", "expires_at"], postgresql_where=not_revoked)
    op.create_index("ix_case_grant_staff", "case_grant", ["staff_id", "expires_at"], postgresql_where=not_revoked)
    op.create_table(
        "two_person_act",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("object_id", sa.Uuid(), nullable=True),
        sa.Column("payload", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", moment, nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", moment, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(outcome is null) = (decided_at is null)"
            " and (outcome is null or outcome in ('done', 'refused', 'withdrawn', 'expired'))",
            name="two_person_act_outcome_check",
        ),
        sa.CheckConstraint(
            "outcome is null or outcome in ('withdrawn', 'expired')"
            " or (decided_by is not null and decided_by <> proposed_by)",
            name="two_person_act_two_check",
        ),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="two_person_act_case_id_fkey"),
        sa.ForeignKeyConstraint(["proposed_by"], ["staff.id"], name="two_person_act_proposed_by_fkey"),
        sa.ForeignKeyConstraint(["decided_by"], ["staff.id"], name="two_person_act_decided_by_fkey"),
        sa.PrimaryKeyConstraint("id", name="two_person_act_pkey"),
    )
    op.create_index("ix_two_person_act_waiting", "two_person_act", ["expires_at"], postgresql_where="outcome is null")
    op.create_index("ix_two_person_act_case", "two_person_act", ["case_id"])


def downgrade() -> None:
    for table in ("two_person_act", "case_grant", "case_exclusion"):
        op.drop_table(table)
