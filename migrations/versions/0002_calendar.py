"""Tables and columns of: days of the calendar, changes of clocks, the sweep's lease."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import casework.vault.columns

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calendar_day",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("added_rev", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=True),
        sa.Column("removed_rev", sa.BigInteger(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("kind in ('off', 'make-up')", name="calendar_day_kind_check"),
        sa.ForeignKeyConstraint(["added_by"], ["staff.id"], name="calendar_day_added_by_fkey"),
        sa.ForeignKeyConstraint(["removed_by"], ["staff.id"], name="calendar_day_removed_by_fkey"),
        sa.PrimaryKeyConstraint("id", name="calendar_day_pkey"),
    )
    op.create_index(
        "ix_calendar_day_kept", "calendar_day", ["day"], unique=True, postgresql_where="removed_rev is null"
    )
    op.create_table(
        "clock_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("old_due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("new_due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("breached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("from_rev", sa.BigInteger(), nullable=True),
        sa.Column("to_rev", sa.BigInteger(), nullable=True),
        sa.Column("reason", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["clock_id"], ["case_clock.id"], name="clock_change_clock_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="clock_change_pkey"),
    )
    op.create_index("ix_clock_change_case", "clock_change", ["case_id", "at"], unique=False)
    op.add_column("case_clock", sa.Column("set_day", sa.Date(), nullable=True))
    op.add_column("case_clock", sa.Column("calendar_rev", sa.BigInteger(), nullable=True))
    op.add_column("case_clock", sa.Column("fence", sa.BigInteger(), nullable=False, server_default="0"))
    op.alter_column("case_clock", "fence", server_default=None)
    op.add_column("case_clock", sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("case_clock", sa.Column("leased_by", sa.Integer(), nullable=True))
    # What was counted so far was counted with no day of the office's own; a day a form set is the due time's day.
    op.execute("update case_clock set calendar_rev = 0 where counted::text <> '[]'")
    op.execute(
        "update case_clock set set_day = (due_at at time zone 'Asia/Ho_Chi_Minh')::date"
        " where rule in ('separation', 'review')"
    )
    op.create_index(
        "ix_case_clock_calendar",
        "case_clock",
        ["calendar_rev"],
        unique=False,
        postgresql_where="state = 'running' and calendar_rev is not null",
    )


def downgrade() -> None:
    op.drop_index("ix_case_clock_calendar", table_name="case_clock")
    for column in ("leased_by", "leased_until", "fence", "calendar_rev", "set_day"):
        op.drop_column("case_clock", column)
    op.drop_table("clock_change")
    op.drop_table("calendar_day")
