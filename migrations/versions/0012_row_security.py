"""Row security: which rows the database itself shows to whom.

A copy of what `casework.access.rowsecurity` said when this was written: a policy that changes there needs a revision of its
own. The functions first, for the policies ask them.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

FUNCTIONS = (
    """create function enter_sight(
    p_role text, p_staff uuid, p_unit uuid, p_province uuid, p_now timestamptz,
    p_whole boolean, p_excluding boolean, p_reached uuid[]
) returns void language plpgsql as $$
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
    if not p_whole and p_role not in ('hotline', 'administrator', 'auditor') then
        reported := array(select case_id from report where staff_id = p_staff);
    end if;
    if not p_whole and p_role in ('hotline', 'worker', 'chair', 'supervisor') then
        lately := array(
            select case_id from report where staff_id = p_staff and recorded_at > p_now - interval '30 minutes'
        );
    end if;
    perform
        set_config('app.role', coalesce(p_role, ''), true),
        set_config('app.staff', coalesce(p_staff::text, ''), true),
        set_config('app.unit', coalesce(p_unit::text, ''), true),
        set_config('app.province', coalesce(p_province::text, ''), true),
        set_config('app.now', p_now::text, true),
        set_config('app.whole', case when p_whole then 'on' else 'off' end, true),
        set_config('app.excluded', excluded::text, true),
        set_config('app.granted', granted::text, true),
        set_config('app.offered', offered::text, true),
        set_config('app.reported', reported::text, true),
        set_config('app.lately', lately::text, true),
        set_config('app.reached', coalesce(p_reached, '{}')::text, true);
end $$""",
    """create function referred_here(p_case uuid) returns boolean language plpgsql stable set app.whole = 'on' as $$
begin
    return exists (
        select from referral r where r.case_id = p_case
        and r.to_unit_id = nullif(current_setting('app.unit', true), '')::uuid
        and r.kind = current_setting('app.role', true)
    );
end $$""",
)

TABLES = (
    "case_file",
    "name_bucket",
    "document",
    "hand_over",
    "draft",
    "case_clock",
    "clock_change",
    "alarm",
    "notice",
    "report",
    "unread_report",
    "referral",
    "paper",
    "paper_version",
    "signed_scan",
    "stored_file",
    "file_chunk",
    "case_export",
    "case_exclusion",
    "case_grant",
    "break_glass_review",
    "case_seen",
    "two_person_act",
    "keystore.scope_key",
)

POLICIES = (
    """create policy case_file_office on case_file for all using (case when (select nullif(current_setting('app.whole',
    true), '')) = 'on' then true else false end) with check ((select nullif(current_setting('app.whole', true), ''))
    = 'on')""",
    """create policy case_file_excluded on case_file as restrictive for all using (id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy case_file_unit on case_file for all using (case when (select nullif(current_setting('app.role',
    true), '')) in ('worker', 'chair') and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (responsible_unit_id, incident_unit_id, residence_unit_id) then true else false end) with check ((select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair') and (select
    nullif(current_setting('app.unit', true), '')::uuid) in (responsible_unit_id, incident_unit_id,
    residence_unit_id))""",
    """create policy case_file_unit_of_province on case_file for all using (case when (select
    nullif(current_setting('app.role', true), '')) = 'supervisor' and province_id = (select
    nullif(current_setting('app.unit', true), '')::uuid) then true else false end) with check ((select
    nullif(current_setting('app.role', true), '')) = 'supervisor' and province_id = (select
    nullif(current_setting('app.unit', true), '')::uuid))""",
    """create policy case_file_reached on case_file for all using (case when id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check (id =
    any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy case_file_granted on case_file for select using (case when id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy case_file_reporter on case_file for select using (case when id = any ((select
    nullif(current_setting('app.reported', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy case_file_hotline on case_file for select using (case when (select
    nullif(current_setting('app.role', true), '')) = 'hotline' then true else false end)""",
    """create policy case_file_offered on case_file for select using (case when id = any ((select
    nullif(current_setting('app.offered', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy case_file_liaison on case_file for select using (case when (select
    nullif(current_setting('app.role', true), '')) in ('police', 'health') and referred_here(id) then true else
    false end)""",
    """create policy case_file_offered_holds on case_file for update using (case when id = any ((select
    nullif(current_setting('app.offered', true), '')::uuid[])::uuid[]) then true else false end) with check (false)""",
    """create policy case_file_liaison_holds on case_file for update using (case when (select
    nullif(current_setting('app.role', true), '')) in ('police', 'health') and referred_here(id) then true else
    false end) with check (false)""",
    """create policy name_bucket_office on name_bucket for all using (case when (select
    nullif(current_setting('app.whole', true), '')) = 'on' then true else false end) with check ((select
    nullif(current_setting('app.whole', true), '')) = 'on')""",
    """create policy name_bucket_excluded on name_bucket as restrictive for all using (name_bucket.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (name_bucket.case_id <>
    all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy name_bucket_field on name_bucket for all using (case when (select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = name_bucket.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end) with
    check ((select nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists
    (select from case_file c where c.id = name_bucket.case_id and (select nullif(current_setting('app.unit', true),
    '')::uuid) in (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy name_bucket_reached on name_bucket for all using (case when name_bucket.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (name_bucket.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy name_bucket_granted on name_bucket for select using (case when name_bucket.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy document_office on document for all using (case when (select nullif(current_setting('app.whole',
    true), '')) = 'on' then true else false end) with check ((select nullif(current_setting('app.whole', true), ''))
    = 'on')""",
    """create policy document_excluded on document as restrictive for all using (document.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (document.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy document_field on document for all using (case when (select nullif(current_setting('app.role',
    true), '')) in ('worker', 'chair', 'supervisor') and exists (select from case_file c where c.id =
    document.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in (c.responsible_unit_id,
    c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end) with check ((select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = document.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy document_reached on document for all using (case when document.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (document.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy document_granted on document for select using (case when document.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy document_taken_down on document for select using (case when document.case_id = any ((select
    nullif(current_setting('app.lately', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy hand_over_office on hand_over for all using (case when (select nullif(current_setting('app.whole',
    true), '')) = 'on' then true else false end) with check ((select nullif(current_setting('app.whole', true), ''))
    = 'on')""",
    """create policy hand_over_excluded on hand_over as restrictive for all using (hand_over.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (hand_over.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy hand_over_field on hand_over for all using (case when (select nullif(current_setting('app.role',
    true), '')) in ('worker', 'chair', 'supervisor') and exists (select from case_file c where c.id =
    hand_over.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in (c.responsible_unit_id,
    c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end) with check ((select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = hand_over.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy hand_over_reached on hand_over for all using (case when hand_over.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (hand_over.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy hand_over_granted on hand_over for select using (case when hand_over.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy hand_over_offered on hand_over for select using (case when hand_over.to_unit_id = (select
    nullif(current_setting('app.unit', true), '')::uuid) and hand_over.case_id = any ((select
    nullif(current_setting('app.offered', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy hand_over_offered_holds on hand_over for update using (case when hand_over.to_unit_id = (select
    nullif(current_setting('app.unit', true), '')::uuid) and hand_over.case_id = any ((select
    nullif(current_setting('app.offered', true), '')::uuid[])::uuid[]) then true else false end) with check (false)""",
    """create policy draft_office on draft for all using (case when (select nullif(current_setting('app.whole', true),
    '')) = 'on' then true else false end) with check ((select nullif(current_setting('app.whole', true), '')) =
    'on')""",
    """create policy draft_excluded on draft as restrictive for all using (scope_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (scope_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy draft_mine on draft for all using (case when staff_id = (select
    nullif(current_setting('app.staff', true), '')::uuid) then true else false end) with check (staff_id = (select
    nullif(current_setting('app.staff', true), '')::uuid))""",
    """create policy case_clock_office on case_clock for all using (case when (select
    nullif(current_setting('app.whole', true), '')) = 'on' then true else false end) with check ((select
    nullif(current_setting('app.whole', true), '')) = 'on')""",
    """create policy case_clock_excluded on case_clock as restrictive for all using (case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy case_clock_unit_of_province on case_clock for all using (case when (select
    nullif(current_setting('app.role', true), '')) = 'supervisor' and province_id = (select
    nullif(current_setting('app.unit', true), '')::uuid) then true else false end) with check ((select
    nullif(current_setting('app.role', true), '')) = 'supervisor' and province_id = (select
    nullif(current_setting('app.unit', true), '')::uuid))""",
    """create policy case_clock_unit on case_clock for all using (case when (select nullif(current_setting('app.role',
    true), '')) in ('worker', 'chair') and (owner_unit_id = (select nullif(current_setting('app.unit', true),
    '')::uuid) or exists (select from case_file c where c.id = case_clock.case_id and (select
    nullif(current_setting('app.unit', true), '')::uuid) in (c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id))) then true else false end) with check ((select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair') and (owner_unit_id = (select
    nullif(current_setting('app.unit', true), '')::uuid) or exists (select from case_file c where c.id =
    case_clock.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in (c.responsible_unit_id,
    c.incident_unit_id, c.residence_unit_id, c.province_id))))""",
    """create policy case_clock_reached on case_clock for all using (case when case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check (case_id
    = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy case_clock_granted on case_clock for select using (case when case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy case_clock_offered on case_clock for select using (case when case_id = any ((select
    nullif(current_setting('app.offered', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy case_clock_owner on case_clock for select using (case when (select
    nullif(current_setting('app.role', true), '')) in ('police', 'health') and owner_unit_id = (select
    nullif(current_setting('app.unit', true), '')::uuid) then true else false end)""",
    """create policy case_clock_reporter on case_clock for select using (case when case_id = any ((select
    nullif(current_setting('app.reported', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy case_clock_hotline on case_clock for select using (case when (select
    nullif(current_setting('app.role', true), '')) = 'hotline' then true else false end)""",
    """create policy clock_change_office on clock_change for all using (case when (select
    nullif(current_setting('app.whole', true), '')) = 'on' then true else false end) with check ((select
    nullif(current_setting('app.whole', true), '')) = 'on')""",
    """create policy clock_change_excluded on clock_change as restrictive for all using (clock_change.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (clock_change.case_id
    <> all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy clock_change_field on clock_change for all using (case when (select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = clock_change.case_id and (select nullif(current_setting('app.unit', true), '')::uuid)
    in (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end)
    with check ((select nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and
    exists (select from case_file c where c.id = clock_change.case_id and (select nullif(current_setting('app.unit',
    true), '')::uuid) in (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy clock_change_reached on clock_change for all using (case when clock_change.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (clock_change.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy clock_change_granted on clock_change for select using (case when clock_change.case_id = any
    ((select nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy alarm_office on alarm for all using (case when (select nullif(current_setting('app.whole', true),
    '')) = 'on' then true else false end) with check ((select nullif(current_setting('app.whole', true), '')) =
    'on')""",
    """create policy alarm_excluded on alarm as restrictive for all using (alarm.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (alarm.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy alarm_field on alarm for all using (case when (select nullif(current_setting('app.role', true),
    '')) in ('worker', 'chair', 'supervisor') and exists (select from case_file c where c.id = alarm.case_id and
    (select nullif(current_setting('app.unit', true), '')::uuid) in (c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id)) then true else false end) with check ((select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = alarm.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy alarm_reached on alarm for all using (case when alarm.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (alarm.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy alarm_called on alarm for all using (case when exists (select from alarm_call k where k.alarm_id =
    alarm.id and k.staff_id = (select nullif(current_setting('app.staff', true), '')::uuid)) then true else false
    end) with check (exists (select from alarm_call k where k.alarm_id = alarm.id and k.staff_id = (select
    nullif(current_setting('app.staff', true), '')::uuid)))""",
    """create policy alarm_granted on alarm for select using (case when alarm.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy notice_office on notice for all using (case when (select nullif(current_setting('app.whole',
    true), '')) = 'on' then true else false end) with check ((select nullif(current_setting('app.whole', true), ''))
    = 'on')""",
    """create policy notice_excluded on notice as restrictive for all using (coalesce(case_id,
    '00000000-0000-0000-0000-000000000000'::uuid) <> all ((select nullif(current_setting('app.excluded', true),
    '')::uuid[])::uuid[])) with check (coalesce(case_id, '00000000-0000-0000-0000-000000000000'::uuid) <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy notice_mine on notice for all using (case when staff_id = (select
    nullif(current_setting('app.staff', true), '')::uuid) then true else false end) with check (staff_id = (select
    nullif(current_setting('app.staff', true), '')::uuid))""",
    """create policy notice_unit on notice for select using (case when exists (select from staff s where s.id =
    notice.staff_id and s.unit_id = (select nullif(current_setting('app.unit', true), '')::uuid)) then true else
    false end)""",
    """create policy notice_desk on notice for select using (case when (select nullif(current_setting('app.role',
    true), '')) in ('supervisor', 'administrator') then true else false end)""",
    """create policy notice_told on notice for insert with check ((select nullif(current_setting('app.role', true),
    '')) is not null)""",
    """create policy report_office on report for all using (case when (select nullif(current_setting('app.whole',
    true), '')) = 'on' then true else false end) with check ((select nullif(current_setting('app.whole', true), ''))
    = 'on')""",
    """create policy report_excluded on report as restrictive for all using (report.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (report.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy report_field on report for all using (case when (select nullif(current_setting('app.role', true),
    '')) in ('worker', 'chair', 'supervisor') and exists (select from case_file c where c.id = report.case_id and
    (select nullif(current_setting('app.unit', true), '')::uuid) in (c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id)) then true else false end) with check ((select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = report.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy report_reached on report for all using (case when report.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (report.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy report_granted on report for select using (case when report.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy report_mine on report for select using (case when report.staff_id = (select
    nullif(current_setting('app.staff', true), '')::uuid) then true else false end)""",
    """create policy report_hotline on report for select using (case when (select nullif(current_setting('app.role',
    true), '')) = 'hotline' then true else false end)""",
    """create policy unread_report_office on unread_report for all using (case when (select
    nullif(current_setting('app.whole', true), '')) = 'on' then true else false end) with check ((select
    nullif(current_setting('app.whole', true), '')) = 'on')""",
    """create policy unread_report_desk on unread_report for all using (case when (select
    nullif(current_setting('app.role', true), '')) in ('hotline', 'supervisor') then true else false end) with check
    ((select nullif(current_setting('app.role', true), '')) in ('hotline', 'supervisor'))""",
    """create policy referral_office on referral for all using (case when (select nullif(current_setting('app.whole',
    true), '')) = 'on' then true else false end) with check ((select nullif(current_setting('app.whole', true), ''))
    = 'on')""",
    """create policy referral_excluded on referral as restrictive for all using (referral.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (referral.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy referral_field on referral for all using (case when (select nullif(current_setting('app.role',
    true), '')) in ('worker', 'chair', 'supervisor') and exists (select from case_file c where c.id =
    referral.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in (c.responsible_unit_id,
    c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end) with check ((select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = referral.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy referral_reached on referral for all using (case when referral.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (referral.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy referral_granted on referral for select using (case when referral.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy referral_liaison on referral for select using (case when referral.kind = (select
    nullif(current_setting('app.role', true), '')) and referral.to_unit_id = (select
    nullif(current_setting('app.unit', true), '')::uuid) then true else false end)""",
    """create policy referral_liaison_holds on referral for update using (case when referral.kind = (select
    nullif(current_setting('app.role', true), '')) and referral.to_unit_id = (select
    nullif(current_setting('app.unit', true), '')::uuid) then true else false end) with check (false)""",
    """create policy paper_office on paper for all using (case when (select nullif(current_setting('app.whole', true),
    '')) = 'on' then true else false end) with check ((select nullif(current_setting('app.whole', true), '')) =
    'on')""",
    """create policy paper_excluded on paper as restrictive for all using (paper.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (paper.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy paper_field on paper for all using (case when (select nullif(current_setting('app.role', true),
    '')) in ('worker', 'chair', 'supervisor') and exists (select from case_file c where c.id = paper.case_id and
    (select nullif(current_setting('app.unit', true), '')::uuid) in (c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id)) then true else false end) with check ((select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = paper.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy paper_reached on paper for all using (case when paper.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (paper.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy paper_granted on paper for select using (case when paper.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy paper_version_office on paper_version for all using (case when (select
    nullif(current_setting('app.whole', true), '')) = 'on' then true else false end) with check ((select
    nullif(current_setting('app.whole', true), '')) = 'on')""",
    """create policy paper_version_excluded on paper_version as restrictive for all using (paper_version.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (paper_version.case_id
    <> all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy paper_version_field on paper_version for all using (case when (select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = paper_version.case_id and (select nullif(current_setting('app.unit', true), '')::uuid)
    in (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end)
    with check ((select nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and
    exists (select from case_file c where c.id = paper_version.case_id and (select
    nullif(current_setting('app.unit', true), '')::uuid) in (c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id)))""",
    """create policy paper_version_reached on paper_version for all using (case when paper_version.case_id = any
    ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (paper_version.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy paper_version_granted on paper_version for select using (case when paper_version.case_id = any
    ((select nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy signed_scan_office on signed_scan for all using (case when (select
    nullif(current_setting('app.whole', true), '')) = 'on' then true else false end) with check ((select
    nullif(current_setting('app.whole', true), '')) = 'on')""",
    """create policy signed_scan_excluded on signed_scan as restrictive for all using (signed_scan.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (signed_scan.case_id <>
    all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy signed_scan_field on signed_scan for all using (case when (select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = signed_scan.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end) with
    check ((select nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists
    (select from case_file c where c.id = signed_scan.case_id and (select nullif(current_setting('app.unit', true),
    '')::uuid) in (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy signed_scan_reached on signed_scan for all using (case when signed_scan.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (signed_scan.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy signed_scan_granted on signed_scan for select using (case when signed_scan.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy stored_file_office on stored_file for all using (case when (select
    nullif(current_setting('app.whole', true), '')) = 'on' then true else false end) with check ((select
    nullif(current_setting('app.whole', true), '')) = 'on')""",
    """create policy stored_file_excluded on stored_file as restrictive for all using (stored_file.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (stored_file.case_id <>
    all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy stored_file_field on stored_file for all using (case when (select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = stored_file.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end) with
    check ((select nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists
    (select from case_file c where c.id = stored_file.case_id and (select nullif(current_setting('app.unit', true),
    '')::uuid) in (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy stored_file_reached on stored_file for all using (case when stored_file.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (stored_file.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy stored_file_granted on stored_file for select using (case when stored_file.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy file_chunk_office on file_chunk for all using (case when (select
    nullif(current_setting('app.whole', true), '')) = 'on' then true else false end) with check ((select
    nullif(current_setting('app.whole', true), '')) = 'on')""",
    """create policy file_chunk_excluded on file_chunk as restrictive for all using (file_chunk.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (file_chunk.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy file_chunk_field on file_chunk for all using (case when (select nullif(current_setting('app.role',
    true), '')) in ('worker', 'chair', 'supervisor') and exists (select from case_file c where c.id =
    file_chunk.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in (c.responsible_unit_id,
    c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end) with check ((select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = file_chunk.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy file_chunk_reached on file_chunk for all using (case when file_chunk.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (file_chunk.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy file_chunk_granted on file_chunk for select using (case when file_chunk.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy case_export_office on case_export for all using (case when (select
    nullif(current_setting('app.whole', true), '')) = 'on' then true else false end) with check ((select
    nullif(current_setting('app.whole', true), '')) = 'on')""",
    """create policy case_export_excluded on case_export as restrictive for all using (case_export.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (case_export.case_id <>
    all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy case_export_field on case_export for all using (case when (select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = case_export.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end) with
    check ((select nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists
    (select from case_file c where c.id = case_export.case_id and (select nullif(current_setting('app.unit', true),
    '')::uuid) in (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy case_export_reached on case_export for all using (case when case_export.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (case_export.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy case_export_granted on case_export for select using (case when case_export.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy case_exclusion_office on case_exclusion for all using (case when (select
    nullif(current_setting('app.whole', true), '')) = 'on' then true else false end) with check ((select
    nullif(current_setting('app.whole', true), '')) = 'on')""",
    """create policy case_exclusion_province on case_exclusion for all using (case when (select
    nullif(current_setting('app.role', true), '')) = 'supervisor' and exists (select from case_file c where c.id =
    case_exclusion.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end) with
    check ((select nullif(current_setting('app.role', true), '')) = 'supervisor' and exists (select from case_file c
    where c.id = case_exclusion.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy case_exclusion_reached on case_exclusion for all using (case when case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check (case_id
    = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy case_exclusion_everybody on case_exclusion for select using (case when (select
    nullif(current_setting('app.role', true), '')) is not null then true else false end)""",
    """create policy case_grant_office on case_grant for all using (case when (select
    nullif(current_setting('app.whole', true), '')) = 'on' then true else false end) with check ((select
    nullif(current_setting('app.whole', true), '')) = 'on')""",
    """create policy case_grant_excluded on case_grant as restrictive for all using (case_grant.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (case_grant.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy case_grant_field on case_grant for all using (case when (select nullif(current_setting('app.role',
    true), '')) in ('worker', 'chair', 'supervisor') and exists (select from case_file c where c.id =
    case_grant.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in (c.responsible_unit_id,
    c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end) with check ((select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = case_grant.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy case_grant_reached on case_grant for all using (case when case_grant.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (case_grant.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy case_grant_granted on case_grant for select using (case when case_grant.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy case_grant_mine on case_grant for select using (case when case_grant.unit_id = (select
    nullif(current_setting('app.unit', true), '')::uuid) or case_grant.staff_id = (select
    nullif(current_setting('app.staff', true), '')::uuid) then true else false end)""",
    """create policy break_glass_review_office on break_glass_review for all using (case when (select
    nullif(current_setting('app.whole', true), '')) = 'on' then true else false end) with check ((select
    nullif(current_setting('app.whole', true), '')) = 'on')""",
    """create policy break_glass_review_excluded on break_glass_review as restrictive for all using
    (break_glass_review.case_id <> all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))
    with check (break_glass_review.case_id <> all ((select nullif(current_setting('app.excluded', true),
    '')::uuid[])::uuid[]))""",
    """create policy break_glass_review_field on break_glass_review for all using (case when (select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = break_glass_review.case_id and (select nullif(current_setting('app.unit', true),
    '')::uuid) in (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else
    false end) with check ((select nullif(current_setting('app.role', true), '')) in ('worker', 'chair',
    'supervisor') and exists (select from case_file c where c.id = break_glass_review.case_id and (select
    nullif(current_setting('app.unit', true), '')::uuid) in (c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id)))""",
    """create policy break_glass_review_reached on break_glass_review for all using (case when
    break_glass_review.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[])
    then true else false end) with check (break_glass_review.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy break_glass_review_granted on break_glass_review for select using (case when
    break_glass_review.case_id = any ((select nullif(current_setting('app.granted', true), '')::uuid[])::uuid[])
    then true else false end)""",
    """create policy case_seen_office on case_seen for all using (case when (select nullif(current_setting('app.whole',
    true), '')) = 'on' then true else false end) with check ((select nullif(current_setting('app.whole', true), ''))
    = 'on')""",
    """create policy case_seen_excluded on case_seen as restrictive for all using (case_seen.case_id <> all ((select
    nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (case_seen.case_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy case_seen_field on case_seen for all using (case when (select nullif(current_setting('app.role',
    true), '')) in ('worker', 'chair', 'supervisor') and exists (select from case_file c where c.id =
    case_seen.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in (c.responsible_unit_id,
    c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end) with check ((select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = case_seen.case_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy case_seen_reached on case_seen for all using (case when case_seen.case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (case_seen.case_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy case_seen_mine on case_seen for all using (case when case_seen.staff_id = (select
    nullif(current_setting('app.staff', true), '')::uuid) then true else false end) with check (case_seen.staff_id =
    (select nullif(current_setting('app.staff', true), '')::uuid))""",
    """create policy case_seen_granted on case_seen for select using (case when case_seen.case_id = any ((select
    nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy two_person_act_office on two_person_act for all using (case when (select
    nullif(current_setting('app.whole', true), '')) = 'on' then true else false end) with check ((select
    nullif(current_setting('app.whole', true), '')) = 'on')""",
    """create policy two_person_act_excluded on two_person_act as restrictive for all using (coalesce(case_id,
    '00000000-0000-0000-0000-000000000000'::uuid) <> all ((select nullif(current_setting('app.excluded', true),
    '')::uuid[])::uuid[])) with check (coalesce(case_id, '00000000-0000-0000-0000-000000000000'::uuid) <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy two_person_act_house on two_person_act for all using (case when (select
    nullif(current_setting('app.role', true), '')) is not null and case_id is null then true else false end) with
    check ((select nullif(current_setting('app.role', true), '')) is not null and case_id is null)""",
    """create policy two_person_act_field on two_person_act for all using (case when (select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = two_person_act.case_id and (select nullif(current_setting('app.unit', true), '')::uuid)
    in (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end)
    with check ((select nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and
    exists (select from case_file c where c.id = two_person_act.case_id and (select
    nullif(current_setting('app.unit', true), '')::uuid) in (c.responsible_unit_id, c.incident_unit_id,
    c.residence_unit_id, c.province_id)))""",
    """create policy two_person_act_reached on two_person_act for all using (case when case_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check (case_id
    = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy scope_key_office on keystore.scope_key for all using (case when (select
    nullif(current_setting('app.whole', true), '')) = 'on' then true else false end) with check ((select
    nullif(current_setting('app.whole', true), '')) = 'on')""",
    """create policy scope_key_excluded on keystore.scope_key as restrictive for all using (scope_key.scope_id <> all
    ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[])) with check (scope_key.scope_id <>
    all ((select nullif(current_setting('app.excluded', true), '')::uuid[])::uuid[]))""",
    """create policy scope_key_field on keystore.scope_key for all using (case when (select
    nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists (select from
    case_file c where c.id = scope_key.scope_id and (select nullif(current_setting('app.unit', true), '')::uuid) in
    (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)) then true else false end) with
    check ((select nullif(current_setting('app.role', true), '')) in ('worker', 'chair', 'supervisor') and exists
    (select from case_file c where c.id = scope_key.scope_id and (select nullif(current_setting('app.unit', true),
    '')::uuid) in (c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id)))""",
    """create policy scope_key_reached on keystore.scope_key for all using (case when scope_key.scope_id = any ((select
    nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]) then true else false end) with check
    (scope_key.scope_id = any ((select nullif(current_setting('app.reached', true), '')::uuid[])::uuid[]))""",
    """create policy scope_key_house on keystore.scope_key for all using (case when scope_key.scope_id in
    ('00000000-0000-0000-0000-000000000000'::uuid, (select nullif(current_setting('app.staff', true), '')::uuid))
    then true else false end) with check (scope_key.scope_id in ('00000000-0000-0000-0000-000000000000'::uuid,
    (select nullif(current_setting('app.staff', true), '')::uuid)))""",
    """create policy scope_key_granted on keystore.scope_key for select using (case when scope_key.scope_id = any
    ((select nullif(current_setting('app.granted', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy scope_key_offered on keystore.scope_key for select using (case when scope_key.scope_id = any
    ((select nullif(current_setting('app.offered', true), '')::uuid[])::uuid[]) then true else false end)""",
    """create policy scope_key_liaison on keystore.scope_key for select using (case when (select
    nullif(current_setting('app.role', true), '')) in ('police', 'health') and referred_here(scope_key.scope_id)
    then true else false end)""",
    """create policy scope_key_taken_down on keystore.scope_key for select using (case when scope_key.scope_id = any
    ((select nullif(current_setting('app.lately', true), '')::uuid[])::uuid[]) then true else false end)""",
)


def upgrade() -> None:
    _widen_index("case_id", "rule", "owner_unit_id")
    for function in FUNCTIONS:
        op.execute(function)
    for table in TABLES:
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
    for policy in POLICIES:
        op.execute(policy)


def downgrade() -> None:
    for policy in POLICIES:
        _create, _policy, name, _on, table, *_rest = policy.split()
        op.execute(f"drop policy {name} on {table}")
    for table in TABLES:
        op.execute(f"alter table {table} no force row level security")
        op.execute(f"alter table {table} disable row level security")
    op.execute("drop function enter_sight, referred_here")
    _widen_index("case_id", "rule")


def _widen_index(*carried: str) -> None:
    """The index that carries what lists ask of every running clock, and with it what its policies ask."""
    op.drop_index("ix_case_clock_province", "case_clock")
    op.create_index(
        "ix_case_clock_province",
        "case_clock",
        ["province_id", "due_at"],
        postgresql_where="state = 'running'",
        postgresql_include=list(carried),
    )
