"""Every step × state × person: allowed, not theirs, or not there, as the table below says, and the table was written from
the procedure's page and the decree, not from the data it checks.

Read a line as: this act, in these states, by these people. `held` is the commune that holds the case, `offered` the one it
is offered to, `referred` the body it was referred to, `anywhere` whoever may report.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlmodel import Session, select

from casework.cases.models import Case
from casework.cases.service import INTAKE_ACTIONS, check_move, take_action
from casework.errors import CaseworkError, Forbidden, IllegalMove
from casework.law.book import LawBook
from casework.law.calendar import calendar_of
from casework.people.models import UnitKind
from casework.people.queries import bodies_of, commune_by_code
from casework.vault.keys import Keys
from casework.work import SYSTEM, Actor, Work
from tests.cases.walking import Walk

if TYPE_CHECKING:
    from casework.law.model import Law
    from tests.conftest import Town

BEFORE_03 = "received initial-assessment conclusion-review emergency specific-assessment observation"
EVERYWHERE = (
    "received initial-assessment conclusion-review emergency specific-assessment specific-review needs-meeting planning"
    " plan-submitted carrying-out change-proposed review-check reviewed monitoring observation ended"
)
STATES = EVERYWHERE.split()
OPEN = " ".join(state for state in STATES if state != "ended")
REPEAT_03 = (
    "needs-meeting planning plan-submitted carrying-out change-proposed review-check reviewed monitoring observation"
)
PLAN_IN_FORCE = "planning plan-submitted carrying-out change-proposed review-check reviewed monitoring"

# act: (states, where, who)
TABLE: dict[str, tuple[str, str, str]] = {
    # 25-26: receipt, check with others, the first assessment, its second person, the emergency
    "accept": ("received", "held", "worker chair"),
    "route": ("received", "anywhere", "supervisor hotline"),
    "verify": (BEFORE_03, "held", "worker chair"),
    "submit-initial-assessment": ("initial-assessment", "held", "worker"),
    "confirm-conclusion": ("conclusion-review", "held", "chair"),
    "decide-measures": ("emergency", "held", "chair"),
    # Made by an exclusion and by an emergency opening, which decide who may before they move: whoever has the role.
    "take-to-province": (OPEN, "anywhere", "supervisor hotline collaborator worker chair police health"),
    "open-break-glass": (OPEN, "anywhere", "worker chair supervisor"),
    "review-break-glass": (OPEN, "anywhere", "supervisor"),
    "join-report": (OPEN, "anywhere", "hotline collaborator worker chair supervisor police health system"),
    # 32: separation is the chair's alone; that it has run out, the worker may write down as well
    "order-separation": (
        "emergency specific-assessment specific-review needs-meeting planning plan-submitted carrying-out"
        " change-proposed review-check reviewed",
        "held",
        "chair",
    ),
    "extend-separation": (OPEN, "held", "chair"),
    "cancel-separation": (OPEN, "held", "chair"),
    "record-separation-over": (OPEN, "held", "worker chair"),
    "court-request": (OPEN, "held", "chair"),
    # 27: the specific assessment, repeated as often as needed, and the meeting
    "submit-specific-assessment": ("specific-assessment", "held", "worker"),
    "confirm-specific": ("specific-review", "held", "chair"),
    "assess-parents": (REPEAT_03, "held", "worker"),
    "confirm-parents": (REPEAT_03, "held", "chair"),
    "record-meeting": ("needs-meeting", "held", "worker chair"),
    # 28: the plan and its decision
    "submit-plan": ("planning", "held", "worker"),
    "approve-plan": ("plan-submitted", "held", "chair"),
    "return-plan": ("plan-submitted", "held", "chair"),
    # 29: carried out, changed in time
    "record-activity": (PLAN_IN_FORCE, "held", "worker chair"),
    "propose-change": ("carrying-out", "held", "worker"),
    "accept-change": ("change-proposed", "held", "chair"),
    "refuse-change": ("change-proposed", "held", "chair"),
    "record-progress": (OPEN, "held", "worker chair"),
    # 30: review, its second person, monitoring, the end, and beginning again
    "submit-review": ("carrying-out", "held", "worker"),
    "confirm-review": ("review-check", "held", "chair"),
    "decide-monitoring": ("reviewed", "held", "chair"),
    "decide-new-plan": ("reviewed", "held", "chair"),
    "risk-returned": ("monitoring", "held", "worker chair"),
    "end-case": ("monitoring", "held", "chair"),
    "end-observation": ("observation", "held", "chair"),
    "assess-again": (
        "observation specific-assessment specific-review needs-meeting planning plan-submitted carrying-out"
        " change-proposed review-check reviewed monitoring",
        "held",
        "worker chair",
    ),
    "reopen": ("ended", "held", "worker chair"),
    # 31.4, 31.5: police and health, of whom only the body that was asked answers, also after the end
    "refer-police": (OPEN, "held", "worker chair supervisor"),
    "refer-health": (OPEN, "held", "worker chair supervisor"),
    "acknowledge-police": (EVERYWHERE, "referred", "police"),
    "acknowledge-health": (EVERYWHERE, "referred", "health"),
    "answer-police": (EVERYWHERE, "referred", "police"),
    "answer-health": (EVERYWHERE, "referred", "health"),
    # incident commune ≠ residence commune: between the emergency and the plan
    "offer-hand-over": ("specific-assessment specific-review needs-meeting planning", "held", "worker chair"),
    "accept-hand-over": (OPEN, "offered", "worker chair"),
    "refuse-hand-over": (OPEN, "offered", "worker chair"),
    "refuse-hand-over-again": (OPEN, "offered", "worker chair"),
    "decide-hand-over": (OPEN, "held", "supervisor"),
}


@dataclass(frozen=True)
class Person:
    """Somebody beside the case: their role, where their desk stands, and whether they may decide as the chair now."""

    name: str
    role: str
    place: str  # held, offered, referred, other, province, other-province, none
    deputy: bool = False
    on_duty: bool = False


PEOPLE = (
    Person("worker", "worker", "held"),
    Person("chair", "chair", "held"),
    Person("deputy on duty", "chair", "held", deputy=True, on_duty=True),
    Person("deputy off duty", "chair", "held", deputy=True),
    Person("worker of the offered commune", "worker", "offered"),
    Person("chair of the offered commune", "chair", "offered"),
    Person("deputy on duty of the offered commune", "chair", "offered", deputy=True, on_duty=True),
    Person("deputy off duty of the offered commune", "chair", "offered", deputy=True),
    Person("worker of a third commune", "worker", "other"),
    Person("chair of a third commune", "chair", "other"),
    Person("deputy on duty of a third commune", "chair", "other", deputy=True, on_duty=True),
    Person("supervisor", "supervisor", "province"),
    Person("supervisor of another province", "supervisor", "other-province"),
    Person("police that was asked", "police", "referred"),
    Person("police that was not", "police", "other"),
    Person("health that was asked", "health", "referred"),
    Person("health that was not", "health", "other"),
    Person("hotline", "hotline", "none"),
    Person("collaborator", "collaborator", "held"),
    Person("administrator", "administrator", "province"),
    Person("auditor", "auditor", "province"),
    Person("the office's own clock", "system", "none"),
)


def expected(act: str, state: str, person: Person) -> str:
    states, where, who = TABLE[act]
    if state not in states.split():
        return "illegal"
    if person.role not in who.split():
        return "forbidden"
    if act in INTAKE_ACTIONS:
        return "allowed"
    if person.deputy and not person.on_duty:
        return "forbidden"
    if person.role == "supervisor":
        return "allowed" if person.place == "province" else "forbidden"
    if where == "anywhere":
        return "allowed"
    return "allowed" if person.place == where else "forbidden"


def cells() -> Iterator[tuple[str, str, Person]]:
    return ((act, state, person) for act in TABLE for state in STATES for person in PEOPLE)


def actor_of(person: Person, places: dict[str, UUID | None]) -> Actor:
    province = places["other-province" if person.place == "other-province" else "province"]
    return Actor(
        id=uuid4(),
        role=person.role,
        unit_id=places[person.place],
        province_id=province,
        deputy=person.deputy,
        on_duty=person.on_duty,
    )


def asked_unit(act: str, places: dict[str, UUID | None]) -> UUID | None:
    """The unit that the rooms above name with such an act: the body referred to, the commune offered to."""
    where = TABLE[act][1]
    return places[where] if where in ("referred", "offered") else None


def answer_of(refused: CaseworkError | None) -> str:
    if isinstance(refused, IllegalMove):
        return "illegal"
    return "forbidden" if isinstance(refused, Forbidden) else "allowed"


def test_the_table_names_every_act_and_every_state_that_the_law_has(law: Law) -> None:
    assert TABLE.keys() == law.actions.keys()
    assert set(STATES) == law.states.keys()


def answers_of(law: Law, keys: Keys) -> list[tuple[str, str, Person, str]]:
    """Every cell with what the real check answers. Nobody is asked of a database: the rule is pure."""
    held, province = uuid4(), uuid4()
    places: dict[str, UUID | None] = {place: uuid4() for place in ("offered", "referred", "other", "other-province")}
    places |= {"held": held, "province": province, "none": None}
    now = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    case = Case(
        code="TE-26-000000",
        state="received",
        risk="unassessed",
        edition=law.key,
        received_at=now,
        opened_at=now,
        changed_at=now,
        incident_unit_id=held,
        responsible_unit_id=held,
        province_id=province,
    )
    found = []
    with Session() as unbound:
        book, calendar = LawBook([law]), calendar_of(law)
        works = {one: Work(unbound, actor_of(one, places), now, book, lambda work: calendar, keys) for one in PEOPLE}
        for act, state, person in cells():
            case.state = state
            try:
                check_move(works[person], case, act, liaison_unit=asked_unit(act, places))
                answer = "allowed"
            except CaseworkError as refused:
                answer = answer_of(refused)
            found.append((act, state, person, answer))
    return found


def wrong(found: list[tuple[str, str, Person, str]]) -> list[tuple[str, str, str, str]]:
    return [
        (act, state, person.name, answer)
        for act, state, person, answer in found
        if answer != expected(act, state, person)
    ]


def test_every_step_in_every_state_by_everybody_is_allowed_or_refused_as_the_table_says(law: Law, keys: Keys) -> None:
    found = answers_of(law, keys)
    assert not wrong(found)
    assert len(found) >= 3000
    counted = Counter(answer for *_, answer in found)
    assert min(counted[one] for one in ("allowed", "forbidden", "illegal")) > 500


@pytest.mark.parametrize(
    ("act", "defect"),
    [
        ("approve-plan", {"roles": ("chair", "worker")}),
        ("approve-plan", {"roles": ("worker",)}),
        ("order-separation", {"sources": ("*",)}),
        ("cancel-separation", {"sources": ("emergency",)}),
        ("accept-hand-over", {"receiver": False}),
        ("answer-police", {"liaison": None}),
        ("end-case", {"sources": ("monitoring", "reviewed")}),
    ],
)
def test_a_planted_defect_of_the_data_is_found(law: Law, keys: Keys, act: str, defect: dict[str, Any]) -> None:
    planted = replace(law, actions={**law.actions, act: replace(law.actions[act], **defect)})
    assert {cell[0] for cell in wrong(answers_of(planted, keys))} == {act}


class Undone(Exception):
    """Rolls the cell's work back."""


def take(town: Town, code: str, actor: Actor, act: str, unit: UUID | None) -> str:
    """What the real move answers; answers of forms are left out, so that a guard or a form may refuse what is theirs."""
    try:
        with town.office.begin(actor) as work:
            with work.whole_sight():  # that they are refused is to be told by the move
                case = work.session.exec(select(Case).where(Case.code == code)).one()
            take_action(work, case, act, {}, liaison_unit=unit, late_reason="x")
            raise Undone
    except Undone:
        return "allowed"
    except CaseworkError as refused:
        return answer_of(refused)


def real_places(town: Town) -> dict[str, Any]:
    with town.office.begin(SYSTEM) as work:
        communes = [commune_by_code(work, code) for code in ("99001", "99002", "99003")]
        assert all(communes)
        held, offered, other = (one.id for one in communes if one is not None)
        province = town.act_as("supervisor").unit_id
        assert province is not None
        police, health = (bodies_of(work, province, kind) for kind in (UnitKind.POLICE, UnitKind.HEALTH))
    return {
        "held": held,
        "offered": offered,
        "other": other,
        "province": province,
        "other-province": uuid4(),
        "none": None,
        "police": {"referred": police[0].id, "other": police[1].id},
        "health": {"referred": health[0].id, "other": health[1].id},
    }


def test_a_sample_of_the_cells_holds_for_the_real_move_on_a_real_case(town: Town) -> None:
    """Each allowed cell of the table would make two thousand moves: sixty of each answer are enough to see that the move
    asks the same rule as the buttons."""
    walk = Walk(town).open()
    known = real_places(town)
    chance = random.Random(56)  # a sample, the same every time
    wanted = Counter({"allowed": 60, "forbidden": 60, "illegal": 60})
    drawn = list(cells())
    chance.shuffle(drawn)
    differs = []
    with psycopg.connect(town.database.owner_url, autocommit=True) as owner:
        for act, state, person in drawn:
            answer = expected(act, state, person)
            if not wanted[answer]:
                continue
            wanted[answer] -= 1
            places = {**known, "referred": None, **(known.get(person.role) or {})}
            asked = known.get(act.rpartition("-")[2], {}).get("referred") if TABLE[act][1] == "referred" else None
            unit = asked or asked_unit(act, places)
            owner.execute("update case_file set state = %s where code = %s", (state, walk.code))
            actor = Actor(**{**vars(actor_of(person, places)), "id": None})
            if (found := take(town, walk.code, actor, act, unit)) != answer:
                differs.append((act, state, person.name, found))
    assert not differs
    assert not +wanted


@pytest.mark.parametrize(
    ("act", "state", "person", "answer"),
    [
        ("approve-plan", "plan-submitted", "deputy off duty", "forbidden"),
        ("approve-plan", "plan-submitted", "deputy on duty", "allowed"),
        ("accept-hand-over", "planning", "worker", "forbidden"),
        ("accept-hand-over", "planning", "deputy off duty of the offered commune", "forbidden"),
        ("order-separation", "emergency", "supervisor", "forbidden"),
        ("end-case", "ended", "chair", "illegal"),
    ],
)
def test_the_table_s_own_reading_is_the_one_meant(act: str, state: str, person: str, answer: str) -> None:
    (one,) = [somebody for somebody in PEOPLE if somebody.name == person]
    assert expected(act, state, one) == answer
