"""The second wall: what the database itself shows to whom, asked in raw SQL as the application's own role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Boolean, Column, Connection, Date, DateTime, LargeBinary, Table, Text, Uuid, text
from sqlalchemy.exc import ProgrammingError
from sqlmodel import select

from casework.access.rowsecurity import GUARDED, OPEN, Guarded, check_row_security, statements
from casework.access.rules import CaseUnits, Grant, may_read_case
from casework.db import Sight, check_application_role, enter, make_engine
from casework.errors import UnsafeStart
from casework.people.models import Unit
from casework.tables import metadata
from casework.work import SYSTEM, UNKNOWN, Actor, begin
from tests.conftest import Town

TABLES = {one.name: one for one in GUARDED}
ROWLESS = ("case_exclusion", "case_grant", "unread_report")  # made by each test for itself, or of no case
WHOLE = {one.name for one in GUARDED if "field" in one.sights or one.name in ("case_file", "case_clock")} - set(ROWLESS)
ELSEWHERE = uuid4()  # a unit of another province


@dataclass(frozen=True)
class Street:
    """One case of commune 99001 with a row in every guarded table, and the people around it by a word for each."""

    town: Town
    case: UUID
    units: Mapping[str, UUID]
    people: Mapping[str, Actor]

    def seen_by(self, who: str | None, *, now: datetime | None = None) -> set[str]:
        """The tables of which this person is shown the case's row; None: a transaction that was told nothing."""
        with self.town.office.engine.begin() as connection:
            if who is not None:
                enter(connection, sight(self.people[who], now or self.town.clock.now()))
            return {name for name in TABLES if name not in ROWLESS and self.count(connection, TABLES[name])}

    def count(self, connection: Connection, one: Guarded) -> int:
        column = {"draft": "scope_id", "scope_key": "scope_id", "case_file": "id"}.get(one.name, "case_id")
        query = text(f"select count(*) from {one.table} where {column} = :case")
        return int(connection.scalar(query, {"case": self.case}) or 0)

    def decided(self, who: str, **more: Any) -> bool:
        """What the pure rule says of reading the case."""
        home, province = self.units["99001"], self.units["99"]
        units = CaseUnits(home, province, home, home, **more)
        return may_read_case(self.people[who], units, self.town.clock.now()).allowed

    def put(self, table: str, **values: Any) -> None:
        """A row, as the owner of the tables writes it."""
        with psycopg.connect(self.town.database.owner_url) as owner:
            owner.execute("set session_replication_role = replica")  # the rows around it do not matter here
            put(owner, metadata.tables[table], values)


def sight(actor: Actor, now: datetime) -> Sight:
    whole = actor.role == SYSTEM.role
    return Sight(actor.role, actor.id, actor.unit_id, actor.province_id, now, whole=whole, excluding=not whole)


def put(owner: psycopg.Connection[Any], table: Table, values: Mapping[str, Any]) -> None:
    needed = {column.name: filler(column) for column in table.columns if not column.nullable}
    row = {**needed, **values}
    names, marks = ", ".join(f'"{name}"' for name in row), ", ".join(["%s"] * len(row))
    owner.execute(f"insert into {table.fullname} ({names}) values ({marks})", list(row.values()))


def filler(column: Column[Any]) -> Any:
    kinds = ((Uuid, uuid4()), (DateTime, datetime(2026, 11, 1).astimezone()), (Date, date(2026, 11, 1)))
    kinds += ((Boolean, False), (LargeBinary, b""), (Text, "x"))  # type: ignore[assignment]
    found = next((value for kind, value in kinds if isinstance(column.type, kind)), None)
    if found is not None:
        return found
    return "[]" if column.type.__class__.__name__ == "JSON" else 1 if column.type.python_type is int else "x"


@pytest.fixture
def street(town: Town) -> Street:
    with town.office.begin(SYSTEM) as work:
        units = {one.code: one.id for one in work.session.exec(select(Unit)) if one.valid_to is None}
    people = {
        name: town.act_as(name)
        for name in (
            "hotline", "collaborator", "worker", "chair", "supervisor", "police", "health", "administrator", "auditor",
            "worker-99002", "chair-99003", "police-ca-99002", "deputy-99001",
        )
    }  # fmt: skip
    people |= {
        f"{role}-98": Actor(uuid4(), role, unit_id=ELSEWHERE, province_id=ELSEWHERE)
        for role in ("worker", "chair", "supervisor", "police", "health", "collaborator", "auditor")
    }
    people |= {"public": Actor(None, "public"), "system": SYSTEM}
    street = Street(town, uuid4(), units, people)
    fill(street)
    return street


def fill(street: Street) -> None:
    home, units, people = street.units["99001"], street.units, street.people
    special: dict[str, dict[str, Any]] = {
        "case_file": {"id": street.case, "responsible_unit_id": home, "province_id": units["99"]},
        "case_clock": {"owner_unit_id": home, "province_id": units["99"]},
        "hand_over": {"to_unit_id": units["99003"]},
        "referral": {"to_unit_id": units["CA-99001"], "kind": "police"},
        "report": {"staff_id": people["collaborator"].id},
        "notice": {"staff_id": people["worker"].id},
        "draft": {"staff_id": people["worker"].id, "scope_id": street.case},
        "case_seen": {"staff_id": people["worker"].id},
        "paper": {"state": "draft-print"},
        "scope_key": {"scope_id": street.case},
    }
    with psycopg.connect(street.town.database.owner_url) as owner:
        owner.execute("set session_replication_role = replica")
        for one in GUARDED:
            if one.name not in ROWLESS:
                table = metadata.tables[one.table]
                mine = {"case_id": street.case} if "case_id" in table.columns else {}
                put(owner, table, mine | special.get(one.name, {}))


def besides(street: Street) -> dict[str, set[str]]:
    """What who may not read the case is shown of it all the same: a referral, a receipt, an offer, a queue; else nothing."""
    return {
        "worker": {"draft", "case_seen"},
        "police": {"case_file", "referral", "scope_key"},
        "chair-99003": {"case_file", "case_clock", "hand_over", "scope_key"},
        "collaborator": {"case_file", "case_clock", "report"},
        "hotline": {"case_file", "case_clock", "report"},
    }


NOTICES = {"worker", "chair", "deputy-99001", "collaborator", "supervisor", "administrator", "supervisor-98"}


def expected(street: Street, who: str, **more: Any) -> set[str]:
    if who == "system":
        return set(TABLES) - set(ROWLESS)
    kept = street.people[who]
    if kept.unit_id in more.get("excluded_units", ()) or kept.id in more.get("excluded_staff", ()):
        return set()
    whole = WHOLE if street.decided(who, **more) else set()
    notices = {"notice"} if who in NOTICES else set()
    return whole | notices | besides(street).get(who, set())


# ---------------------------------------------------------------- who sees what


def test_the_database_shows_every_role_what_the_rules_decide_and_no_row_more(street: Street) -> None:
    assert {who: street.seen_by(who) for who in street.people} == {who: expected(street, who) for who in street.people}
    assert sum(street.decided(who) for who in street.people) == 5, (
        "worker, chair, deputy, supervisor and the office itself"
    )


def test_a_transaction_that_was_told_nothing_sees_and_writes_nothing(street: Street) -> None:
    assert street.seen_by(None) == set()
    with street.town.office.engine.connect() as connection, pytest.raises(ProgrammingError, match="row-level security"):
        connection.execute(text("insert into name_bucket (case_id, bucket) values (:case, 7)"), {"case": street.case})


def test_an_exclusion_takes_every_row_away_from_a_unit_and_from_a_person(street: Street) -> None:
    units, staff = frozenset({street.units["99001"]}), frozenset({street.people["supervisor"].id or uuid4()})
    street.put("case_grant", **grant(street, unit_id=street.units["99001"]))
    street.put("case_grant", **grant(street, kind="break-glass", staff_id=street.people["supervisor"].id))
    street.put("case_exclusion", case_id=street.case, unit_id=street.units["99001"], staff_id=None)
    street.put("case_exclusion", case_id=street.case, staff_id=street.people["supervisor"].id, unit_id=None)
    found = {who: street.seen_by(who) for who in street.people}
    assert found == {who: expected(street, who, excluded_units=units, excluded_staff=staff) for who in street.people}
    assert found["worker"] == found["chair"] == found["supervisor"] == set()
    for who in ("worker", "supervisor"):
        with street.town.office.engine.begin() as connection:
            enter(
                connection,
                replace(sight(street.people[who], street.town.clock.now()), reached=frozenset({street.case})),
            )
            assert not street.count(connection, TABLES["case_file"]), "no act reaches it either"
            enter(connection, replace(sight(street.people[who], street.town.clock.now()), whole=True))
            assert not street.count(connection, TABLES["case_file"]), "nor a question beyond their sight"
        with street.town.office.begin(street.people[who]) as work:
            assert not work.let_in, "what is looked up only for who was let in would take time, and so tell"


def test_an_exclusion_that_has_ended_holds_no_longer(street: Street) -> None:
    ended = street.town.clock.now()
    street.put("case_exclusion", case_id=street.case, unit_id=street.units["99001"], staff_id=None, ended_at=ended)
    assert "document" in street.seen_by("worker")


LIVE = {"starts_at": timedelta(hours=-1), "expires_at": timedelta(hours=1)}


@pytest.mark.parametrize(
    ("who", "kind", "changed"),
    [
        ("worker-99002", "grant", {}),
        ("worker-99002", "grant", {"expires_at": timedelta(0)}),
        ("worker-99002", "grant", {"starts_at": timedelta(minutes=1)}),
        ("worker-99002", "grant", {"revoked_at": timedelta(minutes=-1)}),
        ("worker-99002", "break-glass", {}),
        ("worker-98", "grant", {}),
        ("worker-98", "break-glass", {}),
        ("police-ca-99002", "grant", {}),
        ("administrator", "grant", {}),
    ],
)
def test_a_grant_shows_the_case_while_it_lives(street: Street, who: str, kind: str, changed: Mapping[str, Any]) -> None:
    now = street.town.clock.now()
    moments = {name: now + delta for name, delta in (LIVE | dict(changed)).items()}
    row = grant(street, kind=kind, staff_id=street.people[who].id) | moments
    street.put("case_grant", **row)
    live = Grant(
        None, street.people[who].id, kind, frozenset({"identity"}), "emergency" if kind == "break-glass" else "care",
        moments["starts_at"], moments["expires_at"], moments.get("revoked_at"),
    )  # fmt: skip
    allowed = street.decided(who, grants=(live,))
    assert ("document" in street.seen_by(who)) is allowed
    assert ("scope_key" in street.seen_by(who)) is allowed
    with street.town.office.begin(street.people[who]) as work:
        assert work.let_in is allowed
        with work.whole_sight(excluding=True):
            assert work.let_in is allowed, "beyond their own sight nothing new is told of them"


def grant(
    street: Street, *, kind: str = "grant", unit_id: UUID | None = None, staff_id: UUID | None = None
) -> dict[str, Any]:
    now = street.town.clock.now()
    return {
        "case_id": street.case, "unit_id": unit_id, "staff_id": staff_id, "kind": kind, "groups": '["identity"]',
        "starts_at": now - timedelta(hours=1), "expires_at": now + timedelta(hours=1), "actions": "read",
    }  # fmt: skip


def test_who_took_a_report_down_reads_it_back_for_thirty_minutes(street: Street) -> None:
    now = street.town.clock.now()
    street.put("report", case_id=street.case, staff_id=street.people["hotline"].id, recorded_at=now, code="TN-1")
    assert {"document", "scope_key"} <= street.seen_by("hotline", now=now + timedelta(minutes=29))
    assert not {"document", "scope_key"} & street.seen_by("hotline", now=now + timedelta(minutes=30))


def test_nobody_writes_what_is_not_theirs(street: Street) -> None:
    """A sibling commune's worker can neither change the case nor add to it nor take it over, by whatever statement."""
    acts = (
        "update case_file set state = 'x' where id = :case",
        "update name_bucket set bucket = 7 where case_id = :case",
        "delete from draft where scope_id = :case",
        "update case_clock set due_at = now() where case_id = :case",
    )
    with street.town.office.engine.connect() as connection:
        enter(connection, sight(street.people["worker-99002"], street.town.clock.now()))
        assert [connection.execute(text(act), {"case": street.case}).rowcount for act in acts] == [0] * len(acts)
        with pytest.raises(ProgrammingError, match="row-level security"):
            connection.execute(
                text("insert into name_bucket (case_id, bucket) values (:case, 7)"), {"case": street.case}
            )


def test_a_case_is_given_away_only_by_an_act_that_reached_it(street: Street) -> None:
    move = text("update case_file set responsible_unit_id = :to, incident_unit_id = :to where id = :case")
    values = {"to": street.units["99002"], "case": street.case}
    mine = sight(street.people["worker"], street.town.clock.now())
    with street.town.office.engine.connect() as connection:
        enter(connection, mine)
        with pytest.raises(ProgrammingError, match="row-level security"):
            connection.execute(move, values)
        connection.rollback()
        enter(connection, replace(mine, reached=frozenset({street.case})))
        assert connection.execute(move, values).rowcount == 1


# ---------------------------------------------------------------- how a piece of work tells it


def test_what_one_transaction_was_told_the_next_on_its_connection_has_forgotten(street: Street) -> None:
    engine = make_engine(street.town.database.url, pool_size=1)
    office = street.town.office
    try:
        with begin(engine, SYSTEM, office.clock.now(), office.book, lambda _: office_days(), office.keys) as work:
            first = work.session.connection().scalar(text("select pg_backend_pid()"))
            assert work.session.connection().scalar(text("select count(*) from case_file")) == 1
        with engine.connect() as connection:
            assert connection.scalar(text("select pg_backend_pid()")) == first, (
                "the same connection, or this says nothing"
            )
            assert connection.scalar(text("select count(*) from case_file")) == 0
            told = connection.execute(
                text("select current_setting('app.role', true), current_setting('app.whole', true)")
            )
            assert [value or "" for value in told.one()] == ["", ""]
    finally:
        engine.dispose()


def office_days() -> Any:
    raise AssertionError("no day is counted here")


def test_a_work_tells_the_database_its_sight_by_one_statement(street: Street) -> None:
    with street.town.office.begin(street.people["worker-99002"]) as work:
        asked = text("select count(*) from case_file")
        assert work.session.connection().scalar(asked) == 0
        with work.whole_sight():
            assert work.session.connection().scalar(asked) == 1
        assert work.session.connection().scalar(asked) == 0
        work.reach(street.case)
        assert work.session.connection().scalar(asked) == 1
        work.actor = street.people["worker"]
        assert work.session.connection().scalar(text("select count(*) from document")) == 1


def test_a_fault_inside_the_whole_sight_ends_it(street: Street) -> None:
    with street.town.office.begin(street.people["worker-99002"]) as work:
        with pytest.raises(LookupError), work.whole_sight():
            raise LookupError
        assert work.session.connection().scalar(text("select count(*) from case_file")) == 0
        with pytest.raises(ProgrammingError), work.whole_sight():
            work.session.execute(text("select no_such_column"))
        work.session.rollback()
        assert work.session.connection().scalar(text("select count(*) from case_file")) == 0


# ---------------------------------------------------------------- the wall itself


def test_every_table_that_names_a_case_is_guarded_or_says_why_not() -> None:
    assert unguarded(GUARDED, OPEN) == {}
    assert not {one.name for one in GUARDED} & set(OPEN)
    assert unguarded([one for one in GUARDED if one.name != "paper_version"], OPEN) == {"paper_version": "case_id"}
    assert "signed_scan" in unguarded([one for one in GUARDED if one.name != "signed_scan"], OPEN)


def unguarded(guarded: Any, reasons: Mapping[str, str]) -> dict[str, str]:
    """Tables that name a case, or a row of a guarded table, and are in neither list; with the column that does."""
    walls = {one.name for one in guarded}
    every = {one.name for one in GUARDED}
    found: dict[str, str] = {}
    for table in metadata.tables.values():
        if table.name in walls or table.name in reasons:
            continue
        for column in table.columns:
            leads_to = {key.column.table.name for key in column.foreign_keys} & every
            if column.name in ("case_id", "case_code") or leads_to:
                found.setdefault(table.name, column.name)
    return found


def test_the_office_refuses_to_open_where_the_wall_has_a_hole(street: Street) -> None:
    engine = street.town.office.engine
    check_row_security(engine)
    for hole, whole in (
        ("alter table document disable row level security", "alter table document enable row level security"),
        ("alter table paper no force row level security", "alter table paper force row level security"),
    ):
        as_owner(street, hole)
        with pytest.raises(UnsafeStart, match=hole.split()[2]):
            check_row_security(engine)
        as_owner(street, whole)
    as_owner(street, "drop policy referral_excluded on referral")
    with pytest.raises(UnsafeStart, match="referral"):
        check_row_security(engine)


def test_a_policy_taken_away_shows_in_the_matrix(street: Street) -> None:
    street.put("case_exclusion", case_id=street.case, unit_id=street.units["99001"], staff_id=None)
    as_owner(street, "drop policy document_excluded on document")
    # The case itself is still hidden, and a document is shown only with its case.
    assert street.seen_by("worker") == set()
    as_owner(street, "drop policy case_file_excluded on case_file")
    assert street.seen_by("worker") == {"case_file", "document"}


def test_a_role_that_may_bypass_row_security_is_refused(street: Street) -> None:
    with psycopg.connect(street.town.database.owner_url, autocommit=True) as owner:
        owner.execute("create role casework_bypass login bypassrls")
    engine = make_engine(street.town.database.owner_url.replace("postgres@", "casework_bypass@"))
    try:
        with pytest.raises(UnsafeStart, match="bypass"):
            check_application_role(engine)
    finally:
        engine.dispose()
        with psycopg.connect(street.town.database.owner_url, autocommit=True) as owner:
            owner.execute("drop role casework_bypass")


def as_owner(street: Street, *statements: str) -> None:
    with psycopg.connect(street.town.database.owner_url) as owner:
        for one in statements:
            owner.execute(one)


def test_the_migration_makes_exactly_the_policies_of_the_code(street: Street) -> None:
    """The migration's SQL is a copy and never changes; a policy that changes in code needs a migration of its own."""
    made = policies(street)
    drops = [f"drop policy {name} on {table}" for table, name, *_ in made]
    again = [line.replace("create function", "create or replace function", 1) for line in statements()]
    as_owner(street, *drops, *again)
    assert policies(street) == made


def policies(street: Street) -> list[Any]:
    with psycopg.connect(street.town.database.owner_url) as owner:
        return owner.execute(
            "select polrelid::regclass::text, polname, polcmd, polpermissive, pg_get_expr(polqual, polrelid),"
            " pg_get_expr(polwithcheck, polrelid) from pg_policy order by 1, 2"
        ).fetchall()


def test_while_it_is_unknown_who_asks_no_row_of_a_case_is_shown_or_written(street: Street) -> None:
    """The guard of every page looks up whose session it is before anybody is anybody."""
    with street.town.office.begin(Actor(id=None, role=UNKNOWN)) as work:
        connection = work.session.connection()
        assert {
            name for name in TABLES if connection.scalar(text(f"select 1 from {TABLES[name].table} limit 1"))
        } == set()
        assert connection.scalar(text("select 1 from staff limit 1")), "accounts are not guarded"
        with pytest.raises(ProgrammingError, match="row-level security"):
            connection.execute(
                text("insert into name_bucket (case_id, bucket) values (:case, 7)"), {"case": street.case}
            )
        work.session.rollback()
    with street.town.office.begin(Actor(id=None, role=UNKNOWN)) as work:
        work.actor = street.people["worker"]
        assert street.count(work.session.connection(), TABLES["case_file"]), "from then on it is theirs"
