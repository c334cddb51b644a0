"""Row security: which rows the database itself shows to whom."""

from __future__ import annotations

from casework.access.rowsecurity import FUNCTIONS
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in FUNCTIONS.values():
        op.execute(statement)


def downgrade() -> None:
    op.execute(f"drop function {', '.join(FUNCTIONS)}")
