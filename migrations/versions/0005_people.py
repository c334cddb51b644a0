"""Tables and columns of: posts and rota."""

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


def downgrade() -> None:
    op.drop_index("ix_staff_leave", table_name="staff_leave")
    op.drop_table("staff_leave")
    op.drop_constraint("duty_span_check", "duty", type_="check")
    op.drop_constraint("staff_post_check", "staff", type_="check")
    op.drop_column("staff", "post")
