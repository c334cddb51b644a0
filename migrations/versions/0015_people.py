"""Accounts: what the first days of one need."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff", sa.Column("first_password_at", sa.DateTime(timezone=True), nullable=True))
    # Who was given a password and never came has a first password still; its days are counted from here. Drills keep theirs.
    op.execute(
        "update staff set first_password_at = now() where password_hash <> '' and second_factor = 'required'"
        " and not exists (select from signed_in_session where staff_id = staff.id)"
    )


def downgrade() -> None:
    op.drop_column("staff", "first_password_at")
