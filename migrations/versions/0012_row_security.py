"""Row security: which rows the database itself shows to whom."""

from __future__ import annotations

from casework.access.rowsecurity import ENTER, READ_BACK, REFERRED, REPORTED
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in (ENTER, REFERRED, REPORTED, READ_BACK):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop function enter_sight, referred_here, reported_by_me, taken_down_lately")
