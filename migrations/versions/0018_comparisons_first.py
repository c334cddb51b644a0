"""Row security again: what costs a comparison is asked before what makes a list, one look at the reports a person took down
where there were two, and of what somebody has read, for their budget, only their own rows.

A copy of what `casework.access.rowsecurity` said when this was written, as in 0014.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from alembic import op
from alembic.script import ScriptDirectory

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

ENTER = """create or replace function enter_sight(
    p_role text, p_staff uuid, p_unit uuid, p_province uuid, p_now timestamptz,
    p_whole boolean, p_excluding boolean, p_reached uuid[]
) returns void language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
    excluded uuid[] := '{}';
    granted uuid[] := '{}';
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
        granted := array(
            select g.case_id from case_grant g
            where g.unit_id = p_unit and g.revoked_at is null and g.starts_at <= p_now and g.expires_at > p_now
                and (g.kind <> 'break-glass'
                    or exists (select from case_file c where c.id = g.case_id and c.province_id = p_province))
            union all
            select g.case_id from case_grant g
            where g.staff_id = p_staff and g.revoked_at is null and g.starts_at <= p_now and g.expires_at > p_now
                and (g.kind <> 'break-glass'
                    or exists (select from case_file c where c.id = g.case_id and c.province_id = p_province))
        );
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
end $$"""

POLICIES = (
    """create policy case_file_sees on case_file for all using (case when ((select current_setting('app.whole', true) =
    'on')) or ((select nullif(current_setting('app.province', true), '')::uuid) = province_id) or ((select
    nullif(current_setting('app.commune', true), '')::uuid) = any (array[responsible_unit_id, incident_unit_id,
    residence_unit_id])) or (id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))
    then true else false end) with check (((select current_setting('app.whole', true) = 'on')) or ((select
    nullif(current_setting('app.province', true), '')::uuid) = province_id) or ((select
    nullif(current_setting('app.commune', true), '')::uuid) = any (array[responsible_unit_id, incident_unit_id,
    residence_unit_id])) or (id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])))""",
    """create policy case_file_reads on case_file for select using (case when (id = any ((select
    nullif(current_setting('app.known', true), '')::uuid[])::uuid[])) or ((select nullif(current_setting('app.role',
    true), '')) = 'hotline') or (id = any ((select nullif(current_setting('app.offered', true), '')::uuid[])::uuid[]))
    or ((select nullif(current_setting('app.role', true), '')) in ('police', 'health') and referred_here(id)) then
    true else false end)""",
    """create policy case_file_holds on case_file for update using (case when (id = any ((select
    nullif(current_setting('app.offered', true), '')::uuid[])::uuid[])) or ((select nullif(current_setting('app.role',
    true), '')) in ('police', 'health') and referred_here(id)) then true else false end) with check (false)""",
    """create policy case_file_excluded on case_file as restrictive for all using (id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy name_bucket_sees on name_bucket for all using (case when ((select current_setting('app.whole', true)
    = 'on')) or (name_bucket.case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = name_bucket.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))) then true else false end) with check (((select current_setting('app.whole',
    true) = 'on')) or (name_bucket.case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = name_bucket.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))))""",
    """create policy name_bucket_reads on name_bucket for select using (case when (name_bucket.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) then true else false end)""",
    """create policy name_bucket_excluded on name_bucket as restrictive for all using (name_bucket.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (name_bucket.case_id <>
    all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy document_sees on document for all using (case when ((select current_setting('app.whole', true) =
    'on')) or (document.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or
    (exists (select from case_file c where c.id = document.case_id and (select nullif(current_setting('app.field',
    true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id])))
    then true else false end) with check (((select current_setting('app.whole', true) = 'on')) or (document.case_id =
    any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists (select from case_file
    c where c.id = document.case_id and (select nullif(current_setting('app.field', true), '')::uuid) = any
    (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))))""",
    """create policy document_reads on document for select using (case when (document.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) or (document.case_id = any ((select
    nullif(current_setting('app.lately', true), '')::uuid[])::uuid[])) then true else false end)""",
    """create policy document_excluded on document as restrictive for all using (document.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (document.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy hand_over_sees on hand_over for all using (case when ((select current_setting('app.whole', true) =
    'on')) or (hand_over.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or
    (exists (select from case_file c where c.id = hand_over.case_id and (select nullif(current_setting('app.field',
    true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id])))
    then true else false end) with check (((select current_setting('app.whole', true) = 'on')) or (hand_over.case_id =
    any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists (select from case_file
    c where c.id = hand_over.case_id and (select nullif(current_setting('app.field', true), '')::uuid) = any
    (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))))""",
    """create policy hand_over_reads on hand_over for select using (case when (hand_over.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) or (hand_over.to_unit_id = (select
    nullif(current_setting('app.unit', true), '')::uuid) and hand_over.case_id = any ((select
    nullif(current_setting('app.offered', true), '')::uuid[])::uuid[])) then true else false end)""",
    """create policy hand_over_holds on hand_over for update using (case when (hand_over.to_unit_id = (select
    nullif(current_setting('app.unit', true), '')::uuid) and hand_over.case_id = any ((select
    nullif(current_setting('app.offered', true), '')::uuid[])::uuid[])) then true else false end) with check (false)""",
    """create policy hand_over_excluded on hand_over as restrictive for all using (hand_over.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (hand_over.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy draft_sees on draft for all using (case when ((select current_setting('app.whole', true) = 'on')) or
    (staff_id = (select nullif(current_setting('app.staff', true), '')::uuid)) then true else false end) with check
    (((select current_setting('app.whole', true) = 'on')) or (staff_id = (select nullif(current_setting('app.staff',
    true), '')::uuid)))""",
    """create policy draft_excluded on draft as restrictive for all using (scope_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (scope_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy case_clock_sees on case_clock for all using (case when ((select current_setting('app.whole', true) =
    'on')) or ((select nullif(current_setting('app.province', true), '')::uuid) = province_id) or ((select
    nullif(current_setting('app.commune', true), '')::uuid) = owner_unit_id) or (case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id
    = case_clock.case_id and (select nullif(current_setting('app.commune', true), '')::uuid) = any
    (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))) then true else false end)
    with check (((select current_setting('app.whole', true) = 'on')) or ((select
    nullif(current_setting('app.province', true), '')::uuid) = province_id) or ((select
    nullif(current_setting('app.commune', true), '')::uuid) = owner_unit_id) or (case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id
    = case_clock.case_id and (select nullif(current_setting('app.commune', true), '')::uuid) = any
    (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))))""",
    """create policy case_clock_reads on case_clock for select using (case when (case_id = any ((select
    nullif(current_setting('app.known', true), '')::uuid[])::uuid[])) or (case_id = any ((select
    nullif(current_setting('app.offered', true), '')::uuid[])::uuid[])) or ((select nullif(current_setting('app.role',
    true), '')) in ('police', 'health') and owner_unit_id = (select nullif(current_setting('app.unit', true),
    '')::uuid)) or ((select nullif(current_setting('app.role', true), '')) = 'hotline') then true else false end)""",
    """create policy case_clock_excluded on case_clock as restrictive for all using (case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy clock_change_sees on clock_change for all using (case when ((select current_setting('app.whole',
    true) = 'on')) or (clock_change.case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = clock_change.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))) then true else false end) with check (((select current_setting('app.whole',
    true) = 'on')) or (clock_change.case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = clock_change.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))))""",
    """create policy clock_change_reads on clock_change for select using (case when (clock_change.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) then true else false end)""",
    """create policy clock_change_excluded on clock_change as restrictive for all using (clock_change.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (clock_change.case_id <>
    all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy alarm_sees on alarm for all using (case when ((select current_setting('app.whole', true) = 'on')) or
    (alarm.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists
    (select from case_file c where c.id = alarm.case_id and (select nullif(current_setting('app.field', true),
    '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))) or
    (exists (select from alarm_call k where k.alarm_id = alarm.id and k.staff_id = (select
    nullif(current_setting('app.staff', true), '')::uuid))) then true else false end) with check (((select
    current_setting('app.whole', true) = 'on')) or (alarm.case_id = any ((select nullif(current_setting('app.reached',
    true), '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = alarm.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))) or (exists (select from alarm_call k where k.alarm_id = alarm.id and
    k.staff_id = (select nullif(current_setting('app.staff', true), '')::uuid))))""",
    """create policy alarm_reads on alarm for select using (case when (alarm.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) then true else false end)""",
    """create policy alarm_excluded on alarm as restrictive for all using (alarm.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (alarm.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy notice_sees on notice for all using (case when ((select current_setting('app.whole', true) = 'on'))
    or (staff_id = (select nullif(current_setting('app.staff', true), '')::uuid)) then true else false end) with check
    (((select current_setting('app.whole', true) = 'on')) or (staff_id = (select nullif(current_setting('app.staff',
    true), '')::uuid)))""",
    """create policy notice_reads on notice for select using (case when (exists (select from staff s where s.id =
    notice.staff_id and s.unit_id = (select nullif(current_setting('app.unit', true), '')::uuid))) or ((select
    nullif(current_setting('app.role', true), '')) in ('supervisor', 'administrator')) then true else false end)""",
    """create policy notice_adds on notice for insert with check (((select nullif(current_setting('app.role', true), ''))
    is not null))""",
    """create policy notice_excluded on notice as restrictive for all using (coalesce(case_id,
    '00000000-0000-0000-0000-000000000000'::uuid) <> all ((select nullif(current_setting('app.excluded', true),
    '')::uuid[])::uuid[])) with check (coalesce(case_id, '00000000-0000-0000-0000-000000000000'::uuid) <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy report_sees on report for all using (case when ((select current_setting('app.whole', true) = 'on'))
    or (report.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists
    (select from case_file c where c.id = report.case_id and (select nullif(current_setting('app.field', true),
    '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))) then
    true else false end) with check (((select current_setting('app.whole', true) = 'on')) or (report.case_id = any
    ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists (select from case_file c
    where c.id = report.case_id and (select nullif(current_setting('app.field', true), '')::uuid) = any
    (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))))""",
    """create policy report_reads on report for select using (case when (report.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) or (report.staff_id = (select
    nullif(current_setting('app.staff', true), '')::uuid)) or ((select nullif(current_setting('app.role', true), ''))
    = 'hotline') then true else false end)""",
    """create policy report_excluded on report as restrictive for all using (report.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (report.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy unread_report_sees on unread_report for all using (case when ((select current_setting('app.whole',
    true) = 'on')) or ((select nullif(current_setting('app.role', true), '')) in ('hotline', 'supervisor')) then true
    else false end) with check (((select current_setting('app.whole', true) = 'on')) or ((select
    nullif(current_setting('app.role', true), '')) in ('hotline', 'supervisor')))""",
    """create policy referral_sees on referral for all using (case when ((select current_setting('app.whole', true) =
    'on')) or (referral.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or
    (exists (select from case_file c where c.id = referral.case_id and (select nullif(current_setting('app.field',
    true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id])))
    then true else false end) with check (((select current_setting('app.whole', true) = 'on')) or (referral.case_id =
    any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists (select from case_file
    c where c.id = referral.case_id and (select nullif(current_setting('app.field', true), '')::uuid) = any
    (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))))""",
    """create policy referral_reads on referral for select using (case when (referral.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) or (referral.kind = (select
    nullif(current_setting('app.role', true), '')) and referral.to_unit_id = (select
    nullif(current_setting('app.unit', true), '')::uuid)) then true else false end)""",
    """create policy referral_holds on referral for update using (case when (referral.kind = (select
    nullif(current_setting('app.role', true), '')) and referral.to_unit_id = (select
    nullif(current_setting('app.unit', true), '')::uuid)) then true else false end) with check (false)""",
    """create policy referral_excluded on referral as restrictive for all using (referral.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (referral.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy paper_sees on paper for all using (case when ((select current_setting('app.whole', true) = 'on')) or
    (paper.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists
    (select from case_file c where c.id = paper.case_id and (select nullif(current_setting('app.field', true),
    '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))) then
    true else false end) with check (((select current_setting('app.whole', true) = 'on')) or (paper.case_id = any
    ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists (select from case_file c
    where c.id = paper.case_id and (select nullif(current_setting('app.field', true), '')::uuid) = any
    (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))))""",
    """create policy paper_reads on paper for select using (case when (paper.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) then true else false end)""",
    """create policy paper_excluded on paper as restrictive for all using (paper.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (paper.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy paper_version_sees on paper_version for all using (case when ((select current_setting('app.whole',
    true) = 'on')) or (paper_version.case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = paper_version.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))) then true else false end) with check (((select current_setting('app.whole',
    true) = 'on')) or (paper_version.case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = paper_version.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))))""",
    """create policy paper_version_reads on paper_version for select using (case when (paper_version.case_id = any
    ((select nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) then true else false end)""",
    """create policy paper_version_excluded on paper_version as restrictive for all using (paper_version.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (paper_version.case_id <>
    all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy signed_scan_sees on signed_scan for all using (case when ((select current_setting('app.whole', true)
    = 'on')) or (signed_scan.case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = signed_scan.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))) then true else false end) with check (((select current_setting('app.whole',
    true) = 'on')) or (signed_scan.case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = signed_scan.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))))""",
    """create policy signed_scan_reads on signed_scan for select using (case when (signed_scan.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) then true else false end)""",
    """create policy signed_scan_excluded on signed_scan as restrictive for all using (signed_scan.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (signed_scan.case_id <>
    all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy stored_file_sees on stored_file for all using (case when ((select current_setting('app.whole', true)
    = 'on')) or (stored_file.case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = stored_file.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))) then true else false end) with check (((select current_setting('app.whole',
    true) = 'on')) or (stored_file.case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = stored_file.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))))""",
    """create policy stored_file_reads on stored_file for select using (case when (stored_file.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) then true else false end)""",
    """create policy stored_file_excluded on stored_file as restrictive for all using (stored_file.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (stored_file.case_id <>
    all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy file_chunk_sees on file_chunk for all using (case when ((select current_setting('app.whole', true) =
    'on')) or (file_chunk.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))
    or (exists (select from case_file c where c.id = file_chunk.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))) then true else false end) with check (((select current_setting('app.whole',
    true) = 'on')) or (file_chunk.case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = file_chunk.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))))""",
    """create policy file_chunk_reads on file_chunk for select using (case when (file_chunk.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) then true else false end)""",
    """create policy file_chunk_excluded on file_chunk as restrictive for all using (file_chunk.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (file_chunk.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy case_export_sees on case_export for all using (case when ((select current_setting('app.whole', true)
    = 'on')) or (case_export.case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = case_export.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))) then true else false end) with check (((select current_setting('app.whole',
    true) = 'on')) or (case_export.case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = case_export.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))))""",
    """create policy case_export_reads on case_export for select using (case when (case_export.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) then true else false end)""",
    """create policy case_export_excluded on case_export as restrictive for all using (case_export.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (case_export.case_id <>
    all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy case_exclusion_sees on case_exclusion for all using (case when ((select current_setting('app.whole',
    true) = 'on')) then true else false end) with check (((select current_setting('app.whole', true) = 'on')))""",
    """create policy case_exclusion_reads on case_exclusion for select using (case when ((select
    nullif(current_setting('app.role', true), '')) is not null) then true else false end)""",
    """create policy case_exclusion_adds on case_exclusion for insert with check ((case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id
    = case_exclusion.case_id and (select nullif(current_setting('app.province', true), '')::uuid) = any
    (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))))""",
    """create policy case_exclusion_keeps on case_exclusion for update using (case when (case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id
    = case_exclusion.case_id and (select nullif(current_setting('app.province', true), '')::uuid) = any
    (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))) then true else false end)
    with check ((case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists
    (select from case_file c where c.id = case_exclusion.case_id and (select nullif(current_setting('app.province',
    true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))))""",
    """create policy case_grant_sees on case_grant for all using (case when ((select current_setting('app.whole', true) =
    'on')) or (case_grant.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))
    or (exists (select from case_file c where c.id = case_grant.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))) then true else false end) with check (((select current_setting('app.whole',
    true) = 'on')) or (case_grant.case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = case_grant.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))))""",
    """create policy case_grant_reads on case_grant for select using (case when (case_grant.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) or (case_grant.unit_id = (select
    nullif(current_setting('app.unit', true), '')::uuid) or case_grant.staff_id = (select
    nullif(current_setting('app.staff', true), '')::uuid)) then true else false end)""",
    """create policy case_grant_excluded on case_grant as restrictive for all using (case_grant.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (case_grant.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy break_glass_review_sees on break_glass_review for all using (case when ((select
    current_setting('app.whole', true) = 'on')) or (break_glass_review.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id
    = break_glass_review.case_id and (select nullif(current_setting('app.field', true), '')::uuid) = any
    (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))) then true else false end)
    with check (((select current_setting('app.whole', true) = 'on')) or (break_glass_review.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id
    = break_glass_review.case_id and (select nullif(current_setting('app.field', true), '')::uuid) = any
    (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))))""",
    """create policy break_glass_review_reads on break_glass_review for select using (case when
    (break_glass_review.case_id = any ((select nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]))
    then true else false end)""",
    """create policy break_glass_review_excluded on break_glass_review as restrictive for all using
    (break_glass_review.case_id <> all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))
    with check (break_glass_review.case_id <> all ((select nullif(current_setting('app.excluded', true),
    '')::uuid[])::uuid[]))""",
    """create policy case_seen_sees on case_seen for all using (case when ((select current_setting('app.whole', true) =
    'on')) or (staff_id = (select nullif(current_setting('app.staff', true), '')::uuid)) then true else false end)
    with check (((select current_setting('app.whole', true) = 'on')) or (staff_id = (select
    nullif(current_setting('app.staff', true), '')::uuid)))""",
    """create policy case_seen_excluded on case_seen as restrictive for all using (case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy two_person_act_sees on two_person_act for all using (case when ((select current_setting('app.whole',
    true) = 'on')) or ((select nullif(current_setting('app.role', true), '')) is not null and case_id is null) or
    (exists (select from case_file c where c.id = two_person_act.case_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))) or (case_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) then true else false end) with check (((select current_setting('app.whole', true) = 'on'))
    or ((select nullif(current_setting('app.role', true), '')) is not null and case_id is null) or (exists (select
    from case_file c where c.id = two_person_act.case_id and (select nullif(current_setting('app.field', true),
    '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))) or
    (case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])))""",
    """create policy two_person_act_excluded on two_person_act as restrictive for all using (coalesce(case_id,
    '00000000-0000-0000-0000-000000000000'::uuid) <> all ((select nullif(current_setting('app.excluded', true),
    '')::uuid[])::uuid[])) with check (coalesce(case_id, '00000000-0000-0000-0000-000000000000'::uuid) <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy scope_key_sees on keystore.scope_key for all using (case when ((select current_setting('app.whole',
    true) = 'on')) or (scope_key.scope_id = any ((select nullif(current_setting('app.reached', true),
    '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id = scope_key.scope_id and (select
    nullif(current_setting('app.field', true), '')::uuid) = any (array[c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id]))) or (scope_key.scope_id in ('00000000-0000-0000-0000-000000000000'::uuid,
    (select nullif(current_setting('app.staff', true), '')::uuid))) then true else false end) with check (((select
    current_setting('app.whole', true) = 'on')) or (scope_key.scope_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])) or (exists (select from case_file c where c.id
    = scope_key.scope_id and (select nullif(current_setting('app.field', true), '')::uuid) = any
    (array[c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id]))) or (scope_key.scope_id in
    ('00000000-0000-0000-0000-000000000000'::uuid, (select nullif(current_setting('app.staff', true), '')::uuid))))""",
    """create policy scope_key_reads on keystore.scope_key for select using (case when (scope_key.scope_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])) or (scope_key.scope_id = any ((select
    nullif(current_setting('app.offered', true), '')::uuid[])::uuid[])) or ((select nullif(current_setting('app.role',
    true), '')) in ('police', 'health') and referred_here(scope_key.scope_id)) or (scope_key.scope_id = any ((select
    nullif(current_setting('app.lately', true), '')::uuid[])::uuid[])) then true else false end)""",
    """create policy scope_key_excluded on keystore.scope_key as restrictive for all using (scope_key.scope_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (scope_key.scope_id <>
    all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
)


def upgrade() -> None:
    op.execute(ENTER)
    _drop(_before().POLICIES)
    for policy in POLICIES:
        op.execute(policy)


def downgrade() -> None:
    _drop(POLICIES)
    before = _before()
    op.execute(before.ENTER)
    for policy in before.POLICIES:
        op.execute(policy)


def _drop(policies: Iterable[str]) -> None:
    for policy in policies:
        _create, _policy, name, _on, table, *_rest = policy.split()
        op.execute(f"drop policy {name} on {table}")


def _before() -> Any:
    """Revision 0014, which holds the policies as they were."""
    return cast(ScriptDirectory, op.get_context().script).get_revision("0014").module
