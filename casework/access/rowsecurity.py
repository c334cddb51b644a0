"""The second wall: which rows of which table the database itself shows to whom, whatever a query forgot to ask.

Every table that tells of a case is guarded here or stands in `OPEN` with the reason. A guarded table has one restrictive
policy (an exclusion beats everything) and permissive ones, a row of which any is enough. They read the settings that
`casework.db.enter` makes at the beginning of each transaction; without those nothing is shown and nothing can be written.

Policies say which rows; which fields of a row a role is shown is decided above, and sealed ones open only with the case's
key, whose rows are guarded here as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# ---------------------------------------------------------------- what a transaction was told


def _told(name: str, kind: str = "") -> str:
    """A setting of this transaction, read once a query and not once a row; null where nothing was told."""
    return f"(select nullif(current_setting('app.{name}', true), ''){kind})"


ROLE, STAFF, UNIT = _told("role"), _told("staff", "::uuid"), _told("unit", "::uuid")
NOW = _told("now", "::timestamptz")
WHOLE = f"{_told('whole')} = 'on'"
EXCLUDED, GRANTED, OFFERED, REACHED = (
    _told(name, "::uuid[]") for name in ("excluded", "granted", "offered", "reached")
)
OFFICE = "'00000000-0000-0000-0000-000000000000'::uuid"

ENTER = """create function enter_sight(
    p_role text, p_staff uuid, p_unit uuid, p_province uuid, p_now timestamptz, p_whole boolean, p_reached uuid[]
) returns void language plpgsql as $$
declare
    excluded uuid[];
    granted uuid[];
    offered uuid[];
begin
    perform set_config('app.whole', 'on', true);
    if not p_whole then
        excluded := array(
            select case_id from case_exclusion where unit_id = p_unit and ended_at is null
            union all
            select case_id from case_exclusion where staff_id = p_staff and ended_at is null
        );
        granted := array(
            select case_id from case_grant
            where unit_id = p_unit and revoked_at is null and starts_at <= p_now and expires_at > p_now
            union all
            select case_id from case_grant
            where staff_id = p_staff and revoked_at is null and starts_at <= p_now and expires_at > p_now
        );
        if p_role in ('worker', 'chair') then
            offered := array(select case_id from hand_over where to_unit_id = p_unit and answer is null);
        end if;
    end if;
    perform
        set_config('app.role', coalesce(p_role, ''), true),
        set_config('app.staff', coalesce(p_staff::text, ''), true),
        set_config('app.unit', coalesce(p_unit::text, ''), true),
        set_config('app.province', coalesce(p_province::text, ''), true),
        set_config('app.now', p_now::text, true),
        set_config('app.whole', case when p_whole then 'on' else 'off' end, true),
        set_config('app.excluded', coalesce(excluded, '{}')::text, true),
        set_config('app.granted', coalesce(granted, '{}')::text, true),
        set_config('app.offered', coalesce(offered, '{}')::text, true),
        set_config('app.reached', coalesce(p_reached, '{}')::text, true);
end $$"""

# What a policy of one table must know of another is asked through a function that sees it whole: tables whose policies
# asked each other would turn in a circle.
_ASKED = """create function {name}(p_case uuid) returns boolean language plpgsql stable set app.whole = 'on' as $$
begin
    return exists (select from {rest});
end $$"""
REFERRED = _ASKED.format(
    name="referred_here",
    rest="""referral r where r.case_id = p_case
        and r.to_unit_id = nullif(current_setting('app.unit', true), '')::uuid
        and r.kind = current_setting('app.role', true)""",
)
REPORTED = _ASKED.format(
    name="reported_by_me",
    rest="""report r where r.case_id = p_case
        and r.staff_id = nullif(current_setting('app.staff', true), '')::uuid""",
)
READ_BACK = _ASKED.format(
    name="taken_down_lately",
    rest="""report r where r.case_id = p_case
        and r.staff_id = nullif(current_setting('app.staff', true), '')::uuid
        and r.recorded_at > nullif(current_setting('app.now', true), '')::timestamptz - interval '30 minutes'""",
)
FUNCTIONS = ("enter_sight", "referred_here", "reported_by_me", "taken_down_lately")

# ---------------------------------------------------------------- the tables


@dataclass(frozen=True)
class Guarded:
    """One guarded table. `case` is the SQL of the id of the case a row is of (None: of no case); `sights` are the policies
    by their name: who besides the office itself may see and write its rows. `reads` and `adds` are the same for reading,
    and for adding rows, alone."""

    table: str
    case: str | None
    sights: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)
    adds: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.table.rpartition(".")[2]

    def policies(self) -> list[str]:
        """The table's policies as statements."""
        made = [
            f"alter table {self.table} enable row level security",
            f"alter table {self.table} force row level security",
        ]
        made.append(self._policy("office", "all", WHOLE))
        if self.case is not None:
            kept = f"{WHOLE} or {self.case} is null or {self.case} <> all ({EXCLUDED})"
            made.append(self._policy("excluded", "all", kept, restrictive=True))
        for verb, policies in (("all", self.sights), ("select", self.reads), ("insert", self.adds)):
            made += [self._policy(name, verb, says) for name, says in policies.items()]
        return made

    def _policy(self, name: str, verb: str, says: str, *, restrictive: bool = False) -> str:
        kind = " as restrictive" if restrictive else ""
        using = "" if verb == "insert" else f" using ({says})"
        check = "" if verb == "select" else f" with check ({says})"
        return f"create policy {self.name}_{name} on {self.table}{kind} for {verb}{using}{check}"


_FIELD = f"{ROLE} in ('worker', 'chair', 'supervisor')"


def _of_case(table: str, column: str = "case_id", **more: Mapping[str, str]) -> Guarded:
    """A table of a case's own content: for the staff of its communes and province, for who was let in, and for the act."""
    case = f"{table.rpartition('.')[2]}.{column}"
    sights = {
        "field": f"{_FIELD} and exists (select from case_file c where c.id = {case})",
        "reached": f"{case} = any ({REACHED})",
    }
    reads = {"granted": f"{case} = any ({GRANTED})"}
    return Guarded(
        table, case, sights | dict(more.get("sights", {})), reads | dict(more.get("reads", {})), more.get("adds", {})
    )


_LIAISON = f"{ROLE} in ('police', 'health')"

GUARDED = (
    Guarded(
        "case_file",
        "id",
        sights={
            "commune": f"{ROLE} in ('worker', 'chair')"
            f" and {UNIT} in (responsible_unit_id, incident_unit_id, residence_unit_id)",
            "province": f"{ROLE} = 'supervisor' and province_id = {UNIT}",
            "reached": f"id = any ({REACHED})",
        },
        reads={
            "granted": f"id = any ({GRANTED})",
            "offered": f"id = any ({OFFERED})",
            "liaison": f"{_LIAISON} and referred_here(id)",
            "collaborator": f"{ROLE} = 'collaborator' and reported_by_me(id)",
            # The shift's queue: codes and states. The keys of their content are not the hotline's.
            "hotline": f"{ROLE} = 'hotline'",
        },
    ),
    _of_case("document"),
)


def statements() -> list[str]:
    """Everything that raises the wall, in order."""
    return [ENTER, REFERRED, REPORTED, READ_BACK, *(line for one in GUARDED for line in one.policies())]


def undo_statements() -> list[str]:
    """Takes the wall down again."""
    return []
