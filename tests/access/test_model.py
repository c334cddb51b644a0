"""Who sees a case, held against a model a page long while cases are opened, routed, handed over, referred, kept from people,
opened to people, while people move and time passes.

Whole: `MODEL_RUNS=2000 .venv/bin/python -m pytest -m slow tests/access/test_model.py -s` (2,000 runs of up to ten acts each), or
half as many twice side by side, the second with `MODEL_SEED=2`.
Marked slow: not in CI; by itself 10 runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlmodel import select

from casework.access.models import CaseGrant
from casework.app import create_app
from casework.cases.exclusions import end_exclusion, exclusions_on, keep_from
from casework.cases.handover import accept_hand_over, find_offer, offer_hand_over, offers_to_me
from casework.cases.models import Case
from casework.cases.queries import Filter, find_case, list_cases
from casework.cases.service import take_action
from casework.errors import NotFound
from casework.intake.service import receive_report
from casework.people.models import Post, Staff, Unit
from casework.people.rules import WAITING, Role
from casework.people.service import actor_of, confirm_account, move_account
from casework.referral.queries import find_referral, referrals_to_me
from casework.referral.service import refer_case
from casework.work import SYSTEM, Actor, Work
from tests.access.filled import other_province, person
from tests.cases.walking import initial, report

if TYPE_CHECKING:
    from tests.conftest import Town
from tests.web.conftest import signed_in

pytestmark = pytest.mark.slow
RUNS = int(os.environ.get("MODEL_RUNS", "10"))
SEED = int(os.environ.get("MODEL_SEED", "1"))  # another one for each process that shares a long run
STEPS = 10
MOST_CASES = 2

COMMUNES = ("99001", "99002", "99003")
WORKERS = {"99001": "worker", "99002": "worker-99002", "99003": "worker-99003"}
MOVER = "chair-99003"  # the one whose post changes
# user name → role, and the unit where they begin
PEOPLE = {
    "worker": ("worker", "99001"),
    "chair": ("chair", "99001"),
    "worker-99002": ("worker", "99002"),
    "worker-99003": ("worker", "99003"),
    MOVER: ("chair", "99003"),
    "supervisor": ("supervisor", "99"),
    "supervisor-98": ("supervisor", "98"),
    "police": ("police", "CA-99001"),
    "police-ca-99002": ("police", "CA-99002"),
    "health": ("health", "YT-99001"),
    "collaborator": ("collaborator", "99001"),
    "administrator": ("administrator", "99"),
    "auditor": ("auditor", "99"),
}
UNITS = ("99001", "99002", "99003", "98001", "CA-99001", "YT-99001")
BODIES = {"police": ("CA-99001", "CA-99002"), "health": ("YT-99001",)}


# ---------------------------------------------------------------- the model


@dataclass
class Given:
    """A unit or person let in; `glass`: opened by themselves in an emergency, which is good in their own province only."""

    whom: str
    until: datetime
    glass: bool
    revoked: bool = False


@dataclass
class Known:
    """What the model knows of one case."""

    code: str
    id: UUID
    held: str
    incident: str | None
    residence: str | None = None
    state: str = "received"
    kept_from: set[str] = field(default_factory=set)
    given: list[Given] = field(default_factory=list)
    referrals: dict[UUID, str] = field(default_factory=dict)
    offers: dict[UUID, str] = field(default_factory=dict)


@dataclass
class Model:
    """The rules once more, as a clerk would say them."""

    units: dict[str, str]  # user name → unit
    cases: list[Known] = field(default_factory=list)

    def kept(self, name: str, case: Known) -> bool:
        return bool({name, self.units[name]} & case.kept_from)

    def sees(self, name: str, case: Known, now: datetime) -> bool:
        role, unit = PEOPLE[name][0], self.units[name]
        if self.kept(name, case) or role not in ("worker", "chair", "supervisor"):
            return False
        if role == "supervisor" and unit == "99":
            return True
        if role != "supervisor" and unit in (case.held, case.incident, case.residence):
            return True
        return any(
            one.whom in (name, unit) and not one.revoked and now < one.until and (unit[:2] == "99" or not one.glass)
            for one in case.given
        )

    def packets(self, name: str, case: Known) -> set[UUID]:
        kind, unit = PEOPLE[name][0], self.units[name]
        if kind not in BODIES or self.kept(name, case):
            return set()
        return {one for one, to in case.referrals.items() if to == unit}

    def letters(self, name: str, case: Known) -> set[UUID]:
        if PEOPLE[name][0] not in ("worker", "chair") or self.kept(name, case):
            return set()
        return {one for one, to in case.offers.items() if to == self.units[name]}


# ---------------------------------------------------------------- what is so


@dataclass(frozen=True)
class Seen:
    """What one person sees of the office now."""

    total: int
    listed: frozenset[str]
    opens: frozenset[str]
    packets: frozenset[UUID] = frozenset()
    letters: frozenset[UUID] = frozenset()


Look = Callable[["Town", Actor, list[Known]], Seen]


def look(town: Town, actor: Actor, cases: list[Known]) -> Seen:
    """Through the doors that every page goes through."""
    with town.office.begin(actor) as work:
        page = list_cases(work, Filter(open_only=False), with_facts=False)
        return Seen(
            page.total,
            frozenset(row.case.code for row in page.rows),
            frozenset(case.code for case in cases if there(lambda code=case.code: find_case(work, code))),  # type: ignore[misc]
            packets=found(work, [one for case in cases for one in case.referrals], find_referral, referrals_to_me),
            letters=found(work, [one for case in cases for one in case.offers], find_offer, offers_to_me),
        )


def found(
    work: Work, ids: list[UUID], one: Callable[[Work, UUID], Any], every: Callable[[Work], Any]
) -> frozenset[UUID]:
    """Those that open by their own address; the list must say the same."""
    opened = frozenset(row for row in ids if there(lambda row=row: one(work, row)))  # type: ignore[misc]
    listed = frozenset(row.id for row in every(work) if row.id in ids)
    assert opened == listed, (opened, listed)
    return opened


def there(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except NotFound:
        return False
    return True


# ---------------------------------------------------------------- the acts


@dataclass
class Ground:
    """One town under all runs of a machine: emptied of cases after each."""

    town: Town
    look: Look
    app: Any
    runs: int = 0
    acts: int = 0
    checks: int = 0

    def empty(self) -> None:
        """As the owner of the tables: the office itself takes nothing away."""
        with psycopg.connect(self.town.database.owner_url, autocommit=True) as owner:
            owner.execute("truncate case_file, alarm, alarm_call, notice cascade")
            owner.execute(
                "update staff set unit_id = (select id from unit where code = %s and valid_to is null) where username = %s",
                (PEOPLE[MOVER][1], MOVER),
            )


def machine(ground: Ground) -> type[RuleBasedStateMachine]:
    town, office = ground.town, ground.town.office
    with office.begin(SYSTEM) as work:
        units = {unit.code: unit.id for unit in work.session.exec(select(Unit))}
        staff = {one.username: one.id for one in work.session.exec(select(Staff))}

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.model = Model({name: unit for name, (_role, unit) in PEOPLE.items()})
            self.actors = {name: town.act_as(name) for name in PEOPLE}
            self.looked = False
            ground.runs += 1

        def pick(self, number: int) -> Known:
            return self.model.cases[number % len(self.model.cases)]

        def worker_of(self, case: Known) -> str | None:
            """The worker who may act on the case: of the unit that holds it, and not kept from it."""
            name = WORKERS.get(case.held)
            return name if name and not self.model.kept(name, case) else None

        @precondition(lambda self: len(self.model.cases) < MOST_CASES)
        @rule(commune=st.sampled_from((*COMMUNES, None)))
        def open_case(self, commune: str | None) -> None:
            with office.begin(town.act_as("hotline")) as work:
                values = {**report(), "incident_commune": commune or ""}
                case = receive_report(work, values, received_at=work.now).case
                self.model.cases.append(Known(case.code, case.id, commune or "99", commune))
            self.looked = False

        @precondition(lambda self: self.model.cases)
        @rule(number=st.integers(0, 9), commune=st.sampled_from(COMMUNES))
        def route(self, number: int, commune: str) -> None:
            """The province sends a report to its commune."""
            case = self.pick(number)
            if case.state != "received" or commune in case.kept_from or self.model.kept("supervisor", case):
                return
            with office.begin(self.actors["supervisor"]) as work:
                values = {"incident_commune": commune}
                take_action(work, find_case(work, case.code), "route", values, to_unit=units[commune])
            case.held = case.incident = commune
            self.looked = False

        @precondition(lambda self: self.model.cases)
        @rule(number=st.integers(0, 9))
        def assess(self, number: int) -> None:
            case = self.pick(number)
            name = self.worker_of(case)
            if case.state != "received" or name is None:
                return
            with office.begin(self.actors[name]) as work:
                take_action(work, find_case(work, case.code), "accept")
            with office.begin(self.actors[name]) as work:
                take_action(
                    work,
                    find_case(work, case.code),
                    "submit-initial-assessment",
                    initial("plan"),
                    late_reason="Xa (diễn tập)",
                )
            case.state = "assessed"
            self.looked = False

        @precondition(lambda self: self.model.cases)
        @rule(number=st.integers(0, 9), commune=st.sampled_from(COMMUNES))
        def hand_over(self, number: int, commune: str) -> None:
            """Offers the case, or answers the offer that stands."""
            case = self.pick(number)
            name = self.worker_of(case)
            if case.state != "assessed" or name is None:
                return
            if not case.offers:
                if commune == case.held or commune in case.kept_from:
                    return
                with office.begin(self.actors[name]) as work:
                    values = {"to_commune": commune, "reason": "Cháu về quê (diễn tập)"}
                    offer = offer_hand_over(work, find_case(work, case.code), values, late_reason="Xa (diễn tập)")
                    case.offers = {offer.id: commune}
                self.looked = False
                return
            ((offer_id, to),) = case.offers.items()
            if self.model.kept(WORKERS[to], case):
                return
            with office.begin(self.actors[WORKERS[to]]) as work:
                accept_hand_over(work, offer_id, late_reason="Xa (diễn tập)")
            case.held = case.residence = to
            case.offers = {}
            self.looked = False

        @precondition(lambda self: self.model.cases)
        @rule(number=st.integers(0, 9), kind=st.sampled_from(sorted(BODIES)), which=st.integers(0, 1))
        def refer(self, number: int, kind: str, which: int) -> None:
            case = self.pick(number)
            name = self.worker_of(case)
            body = BODIES[kind][which % len(BODIES[kind])]
            if name is None or body in case.kept_from:
                return
            with office.begin(self.actors[name]) as work:
                values = {"to_unit": body, "reason": "Cần phối hợp (diễn tập)"}
                referral = refer_case(work, find_case(work, case.code), kind, values)
                case.referrals[referral.id] = body
            self.looked = False

        @precondition(lambda self: self.model.cases)
        @rule(number=st.integers(0, 9), whom=st.sampled_from((*UNITS, *PEOPLE)))
        def exclude(self, number: int, whom: str) -> None:
            case = self.pick(number)
            # As it is made while a report is taken down: by the hotline, which nobody here is kept from.
            with office.begin(Actor(id=None, role=Role.HOTLINE)) as work, work.whole_sight():
                found = work.session.exec(select(Case).where(Case.code == case.code)).one()
                if whom in units:
                    keep_from(work, found, unit_id=units[whom], reason="Người thân (diễn tập)")
                else:
                    keep_from(work, found, staff_id=staff[whom], reason="Người thân (diễn tập)")
            case.kept_from.add(whom)
            if case.held == whom:
                case.held = "99"
            case.offers = {one: to for one, to in case.offers.items() if to != whom}
            self.looked = False

        @precondition(lambda self: any(case.kept_from for case in self.model.cases))
        @rule(number=st.integers(0, 9))
        def end_exclusions(self, number: int) -> None:
            case = self.pick(number)
            with office.begin(SYSTEM) as work:
                found = work.session.exec(select(Case).where(Case.code == case.code)).one()
                for one in exclusions_on(work, found):
                    if one.ended_at is None:
                        end_exclusion(work, one.id)
            case.kept_from.clear()
            self.looked = False

        @precondition(lambda self: self.model.cases)
        @rule(
            number=st.integers(0, 9),
            whom=st.sampled_from((*UNITS, *PEOPLE)),
            hours=st.sampled_from((1, 6)),
            glass=st.booleans(),
        )
        def let_in(self, number: int, whom: str, hours: int, glass: bool) -> None:
            case = self.pick(number)
            until = town.clock.now() + timedelta(hours=hours)
            with office.begin(SYSTEM) as work:
                row = CaseGrant(
                    case_id=case.id,
                    unit_id=units.get(whom),
                    staff_id=None if whom in units else staff[whom],
                    kind="break-glass" if glass else "grant",
                    groups=sorted(work.law.groups),
                    purpose="emergency" if glass else "care",
                    starts_at=work.now,
                    expires_at=until,
                )
                work.session.add(row)
            case.given.append(Given(whom, until, glass))
            self.looked = False

        @precondition(lambda self: any(case.given for case in self.model.cases))
        @rule(number=st.integers(0, 9))
        def revoke(self, number: int) -> None:
            case = self.pick(number)
            with office.begin(SYSTEM) as work:
                for one in work.session.exec(select(CaseGrant).where(CaseGrant.case_id == case.id)):
                    one.revoked_at = one.revoked_at or work.now
                    work.session.add(one)
            for given in case.given:
                given.revoked = True
            self.looked = False

        @rule(to=st.sampled_from(COMMUNES))
        def move(self, to: str) -> None:
            """Somebody's post changes: what they saw stays behind with it."""
            with office.begin(self.actors["administrator"]) as work:
                one = work.session.get_one(Staff, staff[MOVER])
                move_account(work, one, role=Role.CHAIR, unit=work.session.get_one(Unit, units[to]), post=Post.CHAIR)
            with office.begin(SYSTEM) as work:
                moved = work.session.get_one(Staff, staff[MOVER])
                assert actor_of(work, moved).role == WAITING  # until a second person agrees
                confirm_account(work, moved)
                self.actors[MOVER] = actor_of(work, moved)
            self.model.units[MOVER] = to
            self.looked = False

        @rule(hours=st.sampled_from((1, 3, 8)))
        def pass_time(self, hours: int) -> None:
            town.clock.advance(hours=hours)
            self.looked = False

        @invariant()
        def everybody_sees_what_the_model_says(self) -> None:
            if self.looked:
                return  # the last act was none: nothing has changed since the last look
            self.looked = True
            now = town.clock.now()
            ground.acts += 1
            for name, actor in self.actors.items():
                seen = ground.look(town, actor, self.model.cases)
                mine = frozenset(case.code for case in self.model.cases if self.model.sees(name, case, now))
                ground.checks += 1
                assert (seen.opens, seen.listed, seen.total) == (mine, mine, len(mine)), name
                assert seen.packets == {one for case in self.model.cases for one in self.model.packets(name, case)}, (
                    name
                )
                assert seen.letters == {one for case in self.model.cases for one in self.model.letters(name, case)}, (
                    name
                )

        def teardown(self) -> None:
            """At the end of some runs two people look at the pages themselves."""
            try:
                if ground.runs % 10 == 1:
                    for name in ("chair", "supervisor-98"):
                        self.look_at_pages(name)
            finally:
                ground.empty()

        def look_at_pages(self, name: str) -> None:
            browser = signed_in(town, ground.app, name)
            listing = browser.get("/ca?tat-ca=1").get_data(as_text=True)
            for case in self.model.cases:
                mine = self.model.sees(name, case, town.clock.now())
                assert browser.get(f"/ca/{case.code}").status_code == (200 if mine else 404), name
                assert (case.code in listing) == mine, name

    return Machine


@pytest.fixture
def ground(town: Town) -> Iterator[Callable[[Look], Ground]]:
    with town.office.begin(SYSTEM) as work:
        other_province(work)
        person(work, "second-administrator", Role.ADMINISTRATOR, "99")
    yield lambda eyes: Ground(town, eyes, create_app(town.office))


def run(ground: Ground, runs: int, *, shrink: bool = True) -> None:
    phases = [Phase.explicit, Phase.generate, *([Phase.shrink] if shrink else [])]
    run_state_machine_as_test(
        seed(SEED)(machine(ground)),
        settings=settings(
            max_examples=runs,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_everybody_sees_what_the_model_says_whatever_happens(ground: Callable[[Look], Ground]) -> None:
    stage = ground(look)
    run(stage, RUNS)
    print(f"\n{stage.runs} runs, {stage.acts} states, {stage.checks} looks, 0 divergences")
    assert stage.runs >= RUNS


def remembering() -> Look:
    """Eyes that forget nothing: what somebody has once opened they open for ever, as a cache without an end would have it."""
    before: dict[tuple[UUID | None, str], bool] = {}

    def seen(town: Town, actor: Actor, cases: list[Known]) -> Seen:
        now = look(town, actor, cases)
        for code in now.opens:
            before[actor.id, code] = True
        known = frozenset(case.code for case in cases if before.get((actor.id, case.code)))
        return Seen(now.total, now.listed, now.opens | known, now.packets, now.letters)

    return seen


def counting_all(town: Town, actor: Actor, cases: list[Known]) -> Seen:
    """A list that is narrowed and a count that is not."""
    seen = look(town, actor, cases)
    return Seen(len(cases), seen.listed, seen.opens, seen.packets, seen.letters)


def open_packets(town: Town, actor: Actor, cases: list[Known]) -> Seen:
    """A packet that whoever has its address may open."""
    seen = look(town, actor, cases)
    every: Mapping[UUID, str] = {one: to for case in cases for one, to in case.referrals.items()}
    return Seen(seen.total, seen.listed, seen.opens, frozenset(every), seen.letters)


@pytest.mark.parametrize("eyes", [remembering(), counting_all, open_packets], ids=["remembers", "counts", "packets"])
def test_a_planted_hole_is_found(ground: Callable[[Look], Ground], eyes: Look) -> None:
    with pytest.raises(AssertionError):
        run(ground(eyes), 300, shrink=False)
