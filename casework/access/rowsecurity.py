"""The second wall: which rows of which table the database itself shows to whom, whatever a query forgot to ask.

Every table that tells of a case is guarded here or stands in `OPEN` with the reason. A guarded table has one restrictive
policy (an exclusion beats everything) and a permissive one for each kind of statement, drawn together from conditions of
which any is enough. They read the settings that `casework.db.enter` makes at the beginning of each transaction; without
those nothing is shown and nothing can be written.

Each setting that a policy names is worked out anew in each statement that meets the table, and a query meets some tables
many times over: what can be put into one setting by `enter_sight` is not asked of two here.

Policies say which rows; which fields of a row a role is shown is decided above, and sealed ones open only with the case's
key, whose rows are guarded here as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, text

from casework.errors import UnsafeStart

# ---------------------------------------------------------------- what a transaction was told


def _told(name: str, kind: str = "") -> str:
    """A setting of this transaction, read once a query and not once a row; null where nothing was told."""
    return f"(select nullif(current_setting('app.{name}', true), ''){kind})"


ROLE, STAFF, UNIT = _told("role"), _told("staff", "::uuid"), _told("unit", "::uuid")
# The unit again, of a commune's staff, of a province's supervisor, and of either; null for everybody else.
COMMUNE, PROVINCE, FIELD = (_told(name, "::uuid") for name in ("commune", "province", "field"))
WHOLE = "(select current_setting('app.whole', true) = 'on')"
# The second cast is none; it tells the parser that `= any (…)` is asked of the list, not of the query's rows.
EXCLUDED, GRANTED, KNOWN, OFFERED, LATELY, REACHED = (
    f"{_told(name, '::uuid[]')}::uuid[]" for name in ("excluded", "granted", "known", "offered", "lately", "reached")
)
OFFICE = "'00000000-0000-0000-0000-000000000000'::uuid"

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

# Two tables whose policies asked each other would turn in a circle: this side asks through a function that sees all. A body
# may have had thousands of referrals, too many for a list to be kept beside the settings.
REFERRED = """create function referred_here(p_case uuid) returns boolean language plpgsql stable set app.whole = 'on' as $$
begin
    return exists (
        select from referral r where r.case_id = p_case
        and r.to_unit_id = nullif(current_setting('app.unit', true), '')::uuid
        and r.kind = current_setting('app.role', true)
    );
end $$"""
FUNCTIONS = {
    "enter_sight": ENTER,
    "referred_here": REFERRED,
}

# ---------------------------------------------------------------- the tables

LIAISON = f"{ROLE} in ('police', 'health')"
HOTLINE = f"{ROLE} = 'hotline'"
ANYBODY = f"{ROLE} is not null"


@dataclass(frozen=True)
class Guarded:
    """One guarded table. `case` is the SQL of the id of the case a row is of; None where an exclusion says nothing of it.

    The rest are conditions by their name, any of which is enough: `sights` to read and write, `reads` to read alone,
    `locks` to read and hold (a move locks its case before it is checked), `adds` to add alone, `keeps` to add and change
    what others let be read. The office itself sees and writes everything.
    """

    table: str
    case: str | None
    sights: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)
    locks: Mapping[str, str] = field(default_factory=dict)
    adds: Mapping[str, str] = field(default_factory=dict)
    keeps: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The table's name without its schema."""
        return self.table.rpartition(".")[2]

    def statements(self) -> list[str]:
        """Switches row security on for the table, its owner included, and makes its policies."""
        made = [f"alter table {self.table} {verb} row level security" for verb in ("enable", "force")]
        sees, reads = _any(WHOLE, *self.sights.values()), _any(*self.reads.values(), *self.locks.values())
        adds, keeps = _any(*self.keeps.values(), *self.adds.values()), _any(*self.keeps.values())
        made.append(self._policy("sees", "all", sees, check=sees))
        made += [self._policy("reads", "select", reads)] if reads else []
        made += [self._policy("holds", "update", _any(*self.locks.values()), check="false")] if self.locks else []
        made += [self._policy("adds", "insert", None, check=adds)] if adds else []
        made += [self._policy("keeps", "update", keeps, check=keeps)] if keeps else []
        if self.case is not None:
            kept = f"{self.case} <> all ({EXCLUDED})"
            made.append(self._policy("excluded", "all", kept, check=kept, kind=" as restrictive"))
        return made

    def _policy(self, name: str, verb: str, using: str | None, *, check: str | None = None, kind: str = "") -> str:
        # Of settings the planner knows nothing and would believe that next to no row passes; of a CASE it believes half.
        seen = f"case when {using} then true else false end" if using and not kind else using
        sees = f" using ({seen})" if using else ""
        writes = f" with check ({check})" if check else ""
        return f"create policy {self.name}_{name} on {self.table}{kind} for {verb}{sees}{writes}"


def _any(*conditions: str) -> str:
    return " or ".join(f"({one})" for one in conditions)


def of_case(table: str, column: str = "case_id", **more: Mapping[str, str]) -> Guarded:
    """A table of a case's own content: for the staff of its communes and province, for who was let in, and for the act."""
    case = f"{table.rpartition('.')[2]}.{column}"
    sights = {"reached": f"{case} = any ({REACHED})", "field": in_sight(case)}
    reads = {"granted": f"{case} = any ({GRANTED})"}
    return Guarded(
        table,
        case,
        sights={**sights, **more.get("sights", {})},
        reads={**reads, **more.get("reads", {})},
        locks=more.get("locks", {}),
        adds=more.get("adds", {}),
    )


def in_sight(case: str, whose: str = FIELD) -> str:
    """That the case is this office's own to read: being offered it, or having reported it, does not open its content."""
    units = "c.responsible_unit_id, c.incident_unit_id, c.residence_unit_id, c.province_id"
    return f"exists (select from case_file c where c.id = {case} and {whose} = any (array[{units}]))"


GUARDED = (
    Guarded(
        "case_file",
        "id",
        sights={
            # First what costs a comparison alone: the other makes a list for each row.
            "province": f"{PROVINCE} = province_id",
            "commune": f"{COMMUNE} = any (array[responsible_unit_id, incident_unit_id, residence_unit_id])",
            "reached": f"id = any ({REACHED})",
        },
        reads={
            "known": f"id = any ({KNOWN})",
            # The shift's queue: codes and states. The keys of what is sealed are not the hotline's.
            "hotline": HOTLINE,
        },
        locks={
            "offered": f"id = any ({OFFERED})",
            "liaison": f"{LIAISON} and referred_here(id)",
        },
    ),
    of_case("name_bucket"),
    of_case("document", reads={"taken_down": f"document.case_id = any ({LATELY})"}),
    # By the list made at the beginning: who finds the offer answered meanwhile is told so.
    of_case("hand_over", locks={"offered": f"hand_over.to_unit_id = {UNIT} and hand_over.case_id = any ({OFFERED})"}),
    Guarded("draft", "scope_id", sights={"mine": f"staff_id = {STAFF}"}),
    Guarded(
        "case_clock",
        "case_id",
        sights={
            # By the clock's own column: a list of a province's cases asks this of every running clock.
            "province": f"{PROVINCE} = province_id",
            "owner": f"{COMMUNE} = owner_unit_id",
            "reached": f"case_id = any ({REACHED})",
            "commune": in_sight("case_clock.case_id", COMMUNE),
        },
        reads={
            "known": f"case_id = any ({KNOWN})",
            "offered": f"case_id = any ({OFFERED})",
            "liaison": f"{LIAISON} and owner_unit_id = {UNIT}",
            "hotline": HOTLINE,
        },
    ),
    of_case("clock_change"),
    of_case(
        "alarm",
        sights={
            "called": f"exists (select from alarm_call k where k.alarm_id = alarm.id and k.staff_id = {STAFF})",
        },
    ),
    Guarded(
        "notice",
        "coalesce(case_id, " + OFFICE + ")",
        sights={"mine": f"staff_id = {STAFF}"},
        reads={
            "desk": f"{ROLE} in ('supervisor', 'administrator')",  # how many did not get through
            "unit": f"exists (select from staff s where s.id = notice.staff_id and s.unit_id = {UNIT})",
        },
        adds={"told": ANYBODY},  # whoever acts tells others
    ),
    of_case("report", reads={"mine": f"report.staff_id = {STAFF}", "hotline": HOTLINE}),
    Guarded("unread_report", None, sights={"desk": f"{ROLE} in ('hotline', 'supervisor')"}),
    of_case("referral", locks={"liaison": f"referral.kind = {ROLE} and referral.to_unit_id = {UNIT}"}),
    of_case("paper"),
    of_case("paper_version"),
    of_case("signed_scan"),
    of_case("stored_file"),
    of_case("file_chunk"),
    of_case("case_export"),
    Guarded(
        "case_exclusion",
        None,
        keeps={
            "reached": f"case_id = any ({REACHED})",
            "province": in_sight("case_exclusion.case_id", PROVINCE),
        },
        # Opaque ids. Every query above, of whatever role, must learn who is kept from what.
        reads={"everybody": ANYBODY},
    ),
    of_case("case_grant", reads={"mine": f"case_grant.unit_id = {UNIT} or case_grant.staff_id = {STAFF}"}),
    of_case("break_glass_review"),
    Guarded("case_seen", "case_id", sights={"mine": f"staff_id = {STAFF}"}),
    Guarded(
        "two_person_act",
        "coalesce(case_id, " + OFFICE + ")",
        sights={
            "house": f"{ANYBODY} and case_id is null",
            "field": in_sight("two_person_act.case_id"),
            "reached": f"case_id = any ({REACHED})",
        },
    ),
    of_case(
        "keystore.scope_key",
        "scope_id",
        sights={"house": f"scope_key.scope_id in ({OFFICE}, {STAFF})"},
        reads={
            "offered": f"scope_key.scope_id = any ({OFFERED})",
            "liaison": f"{LIAISON} and referred_here(scope_key.scope_id)",
            "taken_down": f"scope_key.scope_id = any ({LATELY})",
        },
    ),
)

OPEN = {
    "audit_entry": "append-only by its own guards; every work must read the chain's head. Ids and words; reasons are sealed",
    "alarm_call": "who was called by which alarm: opaque ids, and the alarm itself is guarded",
    "clock_effect": "that a clock rang: its id and a moment",
    "missed_message": "what the sweep has yet to tell a post after a standstill: opaque ids and the name of a text",
    "notice_attempt": "a provider's answer to a notice: no case, no words",
}
"""Tables that name a case, or a row of a guarded table, and are not guarded themselves, each with its reason."""


def statements() -> list[str]:
    """Everything that raises the wall, in order."""
    return [*FUNCTIONS.values(), *(line for one in GUARDED for line in one.statements())]


def check_row_security(engine: Engine) -> None:
    """Raises UnsafeStart, with the table's name, if row security is off, not forced, or without its policies."""
    with engine.connect() as connection:
        found = _standing(connection)
    bare = [one.table for one in GUARDED if found.get(one.name) != len(one.statements()) - 2]
    if bare:
        raise UnsafeStart(f"row security does not stand on {', '.join(bare)}: run `casework migrate`")


def _standing(connection: Connection) -> dict[str, int]:
    """Table → number of its policies, of those whose row security is on and forced."""
    rows = connection.execute(_STANDING, {"tables": [one.name for one in GUARDED]})
    return {name: count for name, count in rows}


_STANDING = text(
    "select c.relname, count(p.polname) from pg_class c join pg_policy p on p.polrelid = c.oid"
    " where c.relname = any (:tables) and c.relrowsecurity and c.relforcerowsecurity group by c.relname"
)
