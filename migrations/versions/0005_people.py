"""Tables and columns of: posts and rota, the days and successors of units."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff", sa.Column("post", sa.Text(), nullable=True))
    op.execute("update staff set post = 'chair' where role = 'chair'")
    op.create_check_constraint(
        "staff_post_check",
        "staff",
        "(role = 'chair') = (post is not null) and (post is null or post in ('chair', 'deputy'))",
    )
    op.execute("delete from duty where ends_at <= starts_at")  # a span of no length never covered a moment
    op.create_check_constraint("duty_span_check", "duty", "ends_at is null or ends_at > starts_at")
    op.create_table(
        "staff_leave",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name="staff_leave_span_check"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="staff_leave_staff_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="staff_leave_pkey"),
    )
    op.create_index("ix_staff_leave", "staff_leave", ["staff_id", "starts_at"], unique=False)

    op.create_table(
        "unit_succession",
        sa.Column("predecessor_id", sa.Uuid(), nullable=False),
        sa.Column("successor_id", sa.Uuid(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["predecessor_id"], ["unit.id"], name="unit_succession_predecessor_id_fkey"),
        sa.ForeignKeyConstraint(["successor_id"], ["unit.id"], name="unit_succession_successor_id_fkey"),
        sa.PrimaryKeyConstraint("predecessor_id", "successor_id", name="unit_succession_pkey"),
    )
    op.create_index("ix_unit_succession_of", "unit_succession", ["successor_id"], unique=False)
    op.execute(
        "insert into unit_succession (predecessor_id, successor_id, rank)"
        " select id, successor_id, 0 from unit where successor_id is not null"
    )
    op.drop_column("unit", "successor_id")
    op.add_column("unit", sa.Column("district_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("unit_district_id_fkey", "unit", "unit", ["district_id"], ["id"])
    op.drop_constraint("unit_code_key", "unit", type_="unique")
    op.create_index("ix_unit_code_open", "unit", ["code"], unique=True, postgresql_where=sa.text("valid_to is null"))
    op.create_index(
        "ix_unit_code_closed",
        "unit",
        ["code", "valid_to"],
        unique=True,
        postgresql_where=sa.text("valid_to is not null"),
    )
    op.create_check_constraint(
        "unit_days_check", "unit", "valid_from is null or valid_to is null or valid_to >= valid_from"
    )


def downgrade() -> None:
    """Refuses, by the unique code, where a code was given to two places: there is no way back without losing one."""
    op.drop_constraint("unit_days_check", "unit", type_="check")
    op.drop_index("ix_unit_code_closed", table_name="unit")
    op.drop_index("ix_unit_code_open", table_name="unit")
    op.create_unique_constraint("unit_code_key", "unit", ["code"])
    op.drop_constraint("unit_district_id_fkey", "unit", type_="foreignkey")
    op.drop_column("unit", "district_id")
    op.add_column("unit", sa.Column("successor_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("unit_successor_id_fkey", "unit", "unit", ["successor_id"], ["id"])
    op.execute(
        "update unit set successor_id = one.successor_id from unit_succession one"
        " where one.predecessor_id = unit.id and one.rank = 0"
    )
    op.drop_index("ix_unit_succession_of", table_name="unit_succession")
    op.drop_table("unit_succession")
    op.drop_index("ix_staff_leave", table_name="staff_leave")
    op.drop_table("staff_leave")
    op.drop_constraint("duty_span_check", "duty", type_="check")
    op.drop_constraint("staff_post_check", "staff", type_="check")
    op.drop_column("staff", "post")
