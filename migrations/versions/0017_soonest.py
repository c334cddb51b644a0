"""The soonest running clock and limit of a case stand on the case itself: the lists are ordered and narrowed by them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# Whoever moves a clock may have no right to change the case (a body that acknowledges), so the function sees and writes all.
KEEP = """create function keep_soonest() returns trigger language plpgsql
set app.whole = 'on' set app.excluded = '{}' as $$
begin
    update case_file c set soonest_at = s.soonest, limit_at = s.soonest_limit
    from (
        select min(due_at) as soonest, min(due_at) filter (where not period) as soonest_limit
        from case_clock where case_id = new.case_id and state = 'running'
    ) s
    where c.id = new.case_id and (c.soonest_at, c.limit_at) is distinct from (s.soonest, s.soonest_limit);
    return null;
end $$"""
ON_NEW = """create trigger case_clock_soonest_new after insert on case_clock for each row
when (new.state = 'running') execute function keep_soonest()"""
ON_MOVED = """create trigger case_clock_soonest_moved after update of state, due_at, period on case_clock for each row
when ((old.state, old.due_at, old.period) is distinct from (new.state, new.due_at, new.period))
execute function keep_soonest()"""
FILL = """update case_file c set soonest_at = s.soonest, limit_at = s.soonest_limit
from (
    select case_id, min(due_at) as soonest, min(due_at) filter (where not period) as soonest_limit
    from case_clock where state = 'running' group by case_id
) s
where c.id = s.case_id"""


def upgrade() -> None:
    op.execute("set local app.whole = 'on'")
    op.execute("set local app.excluded = '{}'")
    op.add_column("case_clock", sa.Column("period", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.execute("update case_clock set period = true where rule = 'monitoring'")
    op.add_column("case_file", sa.Column("soonest_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("case_file", sa.Column("limit_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(FILL)
    for statement in (KEEP, ON_NEW, ON_MOVED):
        op.execute(statement)
    op.create_index(
        "ix_case_file_soonest",
        "case_file",
        ["province_id", sa.text("soonest_at"), sa.text("received_at desc"), "id"],
    )
    op.drop_index("ix_case_clock_province", "case_clock")
    op.create_index(
        "ix_case_clock_province",
        "case_clock",
        ["province_id", "due_at"],
        postgresql_where=sa.text("state = 'running'"),
    )


def downgrade() -> None:
    op.drop_index("ix_case_clock_province", "case_clock")
    op.create_index(
        "ix_case_clock_province",
        "case_clock",
        ["province_id", "due_at"],
        postgresql_where=sa.text("state = 'running'"),
        postgresql_include=["case_id", "rule", "owner_unit_id"],
    )
    op.drop_index("ix_case_file_soonest", "case_file")
    for trigger in ("case_clock_soonest_new", "case_clock_soonest_moved"):
        op.execute(f"drop trigger {trigger} on case_clock")
    op.execute("drop function keep_soonest()")
    op.drop_column("case_file", "limit_at")
    op.drop_column("case_file", "soonest_at")
    op.drop_column("case_clock", "period")
