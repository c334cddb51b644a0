"""What somebody was let into is looked up in one pass, and whether there is anything is told; a supervisor's header asks a
comparison before a look at the staff; and a province's late cases have an index of their own.

A copy of what `casework.access.rowsecurity` said when this was written, as in 0014.
"""

from __future__ import annotations

from typing import Any, cast

from alembic import op
from alembic.script import ScriptDirectory

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ENTER = """create function enter_sight(
    p_role text, p_staff uuid, p_unit uuid, p_province uuid, p_now timestamptz,
    p_whole boolean, p_excluding boolean, p_reached uuid[]
) returns boolean language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
    excluded uuid[] := '{}';
    granted uuid[] := '{}';
    broken_open uuid[];
    offered uuid[] := '{}';
    reported uuid[] := '{}';
    lately uuid[] := '{}';
begin
    perform set_config('app.whole', 'on', true), set_config('app.excluded', '{}', true);
    if p_excluding then
        excluded := array(
            select case_id from case_exclusion where unit_id = p_unit and ended_at is null
            union all
            select case_id from case_exclusion where staff_id = p_staff and ended_at is null
        );
    end if;
    if not p_whole and p_role in ('worker', 'chair', 'supervisor') then
        select
            coalesce(array_agg(case_id) filter (where kind <> 'break-glass'), '{}'),
            array_agg(case_id) filter (where kind = 'break-glass')
        into granted, broken_open
        from case_grant
        where (unit_id = p_unit or staff_id = p_staff)
            and revoked_at is null and starts_at <= p_now and expires_at > p_now
            and case_id <> all (excluded);  -- a difference in time would tell of it
        if broken_open is not null then  -- of their own province alone; asked by itself, as there is hardly ever one
            granted := granted || array(
                select id from case_file where id = any (broken_open) and province_id = p_province
            );
        end if;
    end if;
    if not p_whole and p_role in ('worker', 'chair') then
        offered := array(select case_id from hand_over where to_unit_id = p_unit and answer is null);
    end if;
    if not p_whole and p_role not in ('administrator', 'auditor') then
        select
            coalesce(array_agg(case_id) filter (where p_role <> 'hotline'), '{}'),
            coalesce(array_agg(case_id) filter (
                where p_role in ('hotline', 'worker', 'chair', 'supervisor')
                    and recorded_at > p_now - interval '30 minutes'
            ), '{}')
        into reported, lately
        from report
        where staff_id = p_staff
            and recorded_at > case p_role when 'hotline' then p_now - interval '30 minutes' else '-infinity' end;
    end if;
    perform
        set_config('app.role', coalesce(p_role, ''), true),
        set_config('app.staff', coalesce(p_staff::text, ''), true),
        set_config('app.unit', coalesce(p_unit::text, ''), true),
        set_config('app.commune', case when p_role in ('worker', 'chair') then p_unit::text else '' end, true),
        set_config('app.province', case when p_role = 'supervisor' then p_unit::text else '' end, true),
        set_config('app.field', case when p_role in ('worker', 'chair', 'supervisor') then p_unit::text else '' end, true),
        set_config('app.whole', case when p_whole then 'on' else 'off' end, true),
        set_config('app.excluded', excluded::text, true),
        set_config('app.granted', granted::text, true),
        set_config('app.offered', offered::text, true),
        set_config('app.known', (granted || reported)::text, true),
        set_config('app.lately', lately::text, true),
        set_config('app.reached', coalesce(p_reached, '{}')::text, true);
    return granted <> '{}';  -- whether anybody let them into a case: most pages then need not ask
end $$"""


NOTICE_READS = """create policy notice_reads on notice for select using (case when ((select
nullif(current_setting('app.role', true), '')) in ('supervisor', 'administrator')) or (exists (select from staff s
where s.id = notice.staff_id and s.unit_id = (select nullif(current_setting('app.unit', true), '')::uuid))) then true
else false end)"""


DROP = "drop function enter_sight(text, uuid, uuid, uuid, timestamptz, boolean, boolean, uuid[])"


def upgrade() -> None:
    op.execute(DROP)
    op.execute(ENTER)
    op.execute("drop policy notice_reads on notice")
    op.execute(NOTICE_READS)
    op.create_index("ix_case_file_limit", "case_file", ["province_id", "limit_at"])


def downgrade() -> None:
    before = _before()
    op.drop_index("ix_case_file_limit", "case_file")
    op.execute("drop policy notice_reads on notice")
    op.execute(next(one for one in before.POLICIES if one.startswith("create policy notice_reads ")))
    op.execute(DROP)
    op.execute(before.ENTER)


def _before() -> Any:
    """Revision 0018, which holds the policies as they were."""
    return cast(ScriptDirectory, op.get_context().script).get_revision("0018").module
