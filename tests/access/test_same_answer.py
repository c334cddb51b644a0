"""The list of cases and the pure decision give the same answer, whatever the world looks like."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, true
from sqlmodel import col, select

from casework.access import queries as access
from casework.access.models import CaseExclusion, CaseGrant
from casework.access.policybook import policy_book
from casework.access.rules import CONDITIONS, decide
from casework.cases import queries
from casework.cases.models import Case
from casework.db import make_engine
from casework.people.models import Staff, Unit
from casework.people.rules import Role
from casework.work import SYSTEM, Actor, Work
from tests.conftest import Town

WORLDS = int(os.environ.get("CASEWORK_ACCESS_WORLDS", "25"))
CASES_A_WORLD, ACTORS_A_WORLD = 8, 12
GROUPS = policy_book(CONDITIONS).all_groups


MANY = text(
    "insert into case_file (id, code, state, risk, edition, received_at, opened_at, changed_at, responsible_unit_id,"
    " province_id, rev) select gen_random_uuid(), 'X' || n || left(u.id::text, 8), 'received', 'low', 'e', now(), now(),"
    " now(), u.id, u.province_id, 0 from generate_series(1, 6000) n cross join (select id, province_id from unit"
    " where kind = 'commune' and id <> :mine limit 2) u"
)


class Undone(Exception):
    """Takes the world back."""


@dataclass(frozen=True)
class People:
    units: Sequence[UUID]
    provinces: Sequence[UUID]
    staff: Sequence[UUID]


def people_of(work: Work) -> People:
    units = work.session.exec(select(Unit).where(Unit.kind.in_(("commune", "police", "health", "province")))).all()  # type: ignore[attr-defined]  # SQL on the class
    near = [one for one in units if one.code.startswith("99")][:5]
    provinces = [one.id for one in units if one.kind == "province"][:3]
    staff = work.session.exec(select(Staff.id).order_by(Staff.username).limit(6)).all()
    return People([one.id for one in near] + provinces[:2], provinces, staff)


def make_world(work: Work, people: People, chance: random.Random) -> list[Case]:
    """Cases of any units, exclusions and grants of any age to anybody."""
    now, made = work.now, []
    for _ in range(CASES_A_WORLD):
        case = Case(
            code=f"TE-26-{uuid4().hex[:8]}",
            state="received",
            risk="unassessed",
            edition=work.law.key,
            received_at=now,
            opened_at=now,
            changed_at=now,
            responsible_unit_id=chance.choice(people.units),
            province_id=chance.choice(people.provinces),
            incident_unit_id=chance.choice([None, *people.units]),
            residence_unit_id=chance.choice([None, *people.units]),
        )
        work.session.add(case)
        made.append(case)
    work.session.flush()
    for case in made:
        for whom in chance.sample(_whoms(people), chance.randint(0, 2)):
            ended = now - timedelta(hours=1) if chance.random() < 0.3 else None
            work.session.add(CaseExclusion(case_id=case.id, made_at=now - timedelta(days=1), ended_at=ended, **whom))
        for whom in chance.sample(_whoms(people), chance.randint(0, 3)):
            work.session.add(_grant(case.id, whom, now, chance))
    work.session.flush()
    return made


def _whoms(people: People) -> list[dict[str, Any]]:
    return [*({"unit_id": one} for one in dict.fromkeys(people.units)), *({"staff_id": one} for one in people.staff)]


def _grant(case_id: UUID, whom: dict[str, Any], now: datetime, chance: random.Random) -> CaseGrant:
    starts = now + timedelta(minutes=chance.choice((-90, -60, -30, 0, 30)))
    return CaseGrant(
        case_id=case_id,
        kind=chance.choice(("grant", "break-glass")),
        groups=chance.sample(GROUPS, chance.randint(1, 4)),
        purpose=chance.choice(("care", "emergency")),
        starts_at=starts,
        expires_at=starts + timedelta(minutes=60),
        revoked_at=now if chance.random() < 0.2 else None,
        **whom,
    )


def actors(people: People, chance: random.Random) -> Iterator[Actor]:
    for _ in range(ACTORS_A_WORLD):
        role = chance.choice([*Role, Role.WORKER, Role.CHAIR, Role.SUPERVISOR, "nobody"])
        units = people.provinces if role == Role.SUPERVISOR else [*people.units, None]
        yield Actor(
            id=chance.choice([*people.staff, None]),
            role=role,
            unit_id=chance.choice(units),
            province_id=chance.choice([*people.provinces, None]),
        )
    yield SYSTEM


@contextmanager
def invented(town: Town, seed: int) -> Iterator[tuple[Work, list[Case], list[Actor]]]:
    chance = random.Random(seed)
    try:
        with town.office.begin(SYSTEM) as work:
            people = people_of(work)
            made = make_world(work, people, chance)
            yield work, made, list(actors(people, chance))
            raise Undone
    except Undone:
        pass


Lister = Callable[[Work, Actor], set[UUID]]


def asked_of_the_tables(work: Work, actor: Actor) -> set[UUID]:
    """One query, as a single case is looked for."""
    return {case.id for case in work.session.exec(queries.scoped(actor, work.now))}


def on_the_page(work: Work, actor: Actor) -> set[UUID]:
    """The list itself, which reads first what stands of its reader by name; by the first wall alone."""
    work.actor = actor
    with work.whole_sight():
        page = queries.list_cases(work, queries.Filter(open_only=False), size=1000, with_facts=False)
        assert page.total == len(page.rows)
    work.actor = SYSTEM
    return {row.case.id for row in page.rows}


LISTERS = (asked_of_the_tables, on_the_page)


def compared(town: Town, seed: int, lister: Lister) -> tuple[int, int, list[tuple[Actor, Case]]]:
    """(cells, cells allowed, cells on which the query and the decision differ)."""
    differs, cells, allowed = [], 0, 0
    with invented(town, seed) as (work, made, people):
        work.session.expire_all()
        for actor in people:
            listed = lister(work, actor)
            for case in made:
                says = decide(actor, "read-case", queries.units_of(work, case), now=work.now).allowed
                cells, allowed = cells + 1, allowed + says
                if says is not (case.id in listed):
                    differs.append((actor, case))
    return cells, allowed, differs


@pytest.mark.parametrize("lister", LISTERS)
@settings(max_examples=WORLDS, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_case_is_on_the_list_exactly_when_the_decision_says_it_may_be_read(
    town: Town, seed: int, lister: Lister
) -> None:
    """CASEWORK_ACCESS_WORLDS says in how many invented worlds; ACTORS_A_WORLD × CASES_A_WORLD answers in each."""
    _cells, _allowed, differs = compared(town, seed, lister)
    assert not differs


def test_the_invented_worlds_hold_both_answers(town: Town) -> None:
    found = [compared(town, seed, asked_of_the_tables)[:2] for seed in range(5)]
    cells, allowed = (sum(column) for column in zip(*found, strict=True))
    assert 0.05 < allowed / cells < 0.95


def _without_exclusions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "not_excluded", lambda case_id, actor: true())


def _nothing_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "by_name", lambda work: access.ByName())


def _nobody_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Work, "let_in", False)


def _without_residence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(access.IN_SQL, "unit:residence", access.IN_SQL["unit:incident"])


def _grants_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "live", lambda now: true())


def _break_glass_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(access.IN_SQL, "province:case", lambda asked: true())


@pytest.fixture
def said_anew() -> Iterator[None]:
    """What is put together once for each role is put together anew, so that a planted defect is in it, and gone after."""
    queries._scope.cache_clear()
    yield
    queries._scope.cache_clear()


PLANTS = [
    *(
        (lister, plant)
        for lister in LISTERS
        for plant in (_without_residence, _grants_for_ever, _break_glass_anywhere, _without_exclusions)
    ),
    (on_the_page, _nothing_by_name),
    (on_the_page, _nobody_let_in),
]


@pytest.mark.usefixtures("said_anew")
@pytest.mark.parametrize(("lister", "plant"), PLANTS)
def test_a_planted_defect_of_the_query_is_found(
    town: Town, monkeypatch: pytest.MonkeyPatch, lister: Lister, plant: Any
) -> None:
    plant(monkeypatch)
    assert any(compared(town, seed, lister)[2] for seed in range(40))


def test_the_two_columns_beside_a_case_say_what_the_tables_say(town: Town) -> None:
    with invented(town, 7) as (work, made, _people):
        ids = [case.id for case in made]
        kept, grants = access.exclusions_of(work, ids), access.grants_of(work, ids)
        for case in made:
            units = queries.units_of(work, case)
            assert (units.excluded_units, units.excluded_staff) == (
                frozenset(kept[case.id].units) if case.id in kept else frozenset(),
                frozenset(kept[case.id].staff) if case.id in kept else frozenset(),
            )
            assert set(units.grants) == set(grants.get(case.id, ()))
            assert all(one.live(work.now) for one in units.grants)
            for unit in units.excluded_units:
                assert access.is_excluded(work, case.id, unit_id=unit)
            assert not access.is_excluded(work, case.id, unit_id=uuid4(), staff_id=uuid4())


def test_what_was_read_of_a_case_s_exclusions_is_forgotten_when_they_change(town: Town) -> None:
    with invented(town, 9) as (work, made, _people):
        case = made[0]
        before = queries.units_of(work, case)
        unit = replace(before).responsible
        if unit not in before.excluded_units:
            work.session.add(CaseExclusion(case_id=case.id, unit_id=unit, made_at=work.now))
            work.session.flush()
        access.forget_access(work, case.id)
        assert unit in queries.units_of(work, case).excluded_units


def test_the_list_finds_a_person_s_cases_by_their_keys_among_many(town: Town) -> None:
    """Grants and exclusions must not make the database look at every case to show somebody their own."""
    owner = make_engine(town.database.owner_url)
    actor = town.act_as("worker")
    with owner.begin() as connection:
        connection.execute(MANY, {"mine": actor.unit_id})
        connection.execute(text("analyze case_file, case_exclusion, case_grant"))
        wanted = queries.scoped(actor, town.clock.now()).with_only_columns(col(Case.id))
        compiled = wanted.compile(dialect=owner.dialect, compile_kwargs={"literal_binds": True})
        plan = "\n".join(connection.scalars(text(f"explain {compiled}")))
    owner.dispose()
    assert "Seq Scan on case_file" not in plan, plan
