"""Incident and residence commune differ: handed over with acceptance, no gap, no clock restarted, nothing shown too early."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from casework.audit.queries import entries_of_case
from casework.cases.handover import (
    accept_hand_over,
    decide_hand_over,
    find_offer,
    offer_hand_over,
    offers_to_me,
    read_letter,
    refuse_hand_over,
)
from casework.cases.models import Case, HandOver
from casework.cases.queries import find_case, hand_overs_of
from casework.cases.rules import age_band
from casework.deadlines.models import ClockState
from casework.errors import Forbidden, GuardRefused, IllegalMove, Invalid, NotFound
from casework.notices.models import Notice
from casework.people.queries import commune_by_code
from casework.work import SYSTEM
from tests.cases.walking import LATE, SAFE_AGAIN, WHY, Walk

if TYPE_CHECKING:
    from tests.conftest import Town

LETTER = {"to_commune": "99002", "reason": "Trẻ ở xã kia (diễn tập).", "outstanding": "Họp, kế hoạch (diễn tập)."}


@pytest.fixture
def here(walk: Walk) -> Walk:
    return walk.to("needs-meeting")


def offer(walk: Walk, who: str = "worker", **more: Any) -> HandOver:
    with walk.town.office.begin(walk.actor(who)) as work:
        case = work.session.exec(select(Case).where(Case.code == walk.code)).one()
        made = offer_hand_over(work, case, {**LETTER, **more}, late_reason=LATE)
    walk.pass_time(minutes=1)
    return made


def accept(walk: Walk, made: HandOver, who: str = "worker-99002") -> None:
    with walk.town.office.begin(walk.actor(who)) as work:
        accept_hand_over(work, made.id, {}, late_reason=LATE)


def refuse(walk: Walk, made: HandOver, who: str = "worker-99002") -> None:
    with walk.town.office.begin(walk.actor(who)) as work:
        refuse_hand_over(work, made.id, dict(WHY), late_reason=LATE)


def decide(walk: Walk, code: str, who: str = "supervisor") -> None:
    with walk.town.office.begin(walk.actor(who)) as work:
        case = work.session.exec(select(Case).where(Case.code == walk.code)).one()
        decide_hand_over(work, case, {"to_commune": code, "reason": "x"}, late_reason=LATE)


def answers(walk: Walk) -> list[str | None]:
    with walk.town.office.begin(SYSTEM) as work:
        return [one.answer for one in hand_overs_of(work, walk.case().id)]


def unit_id(town: Town, code: str) -> Any:
    with town.office.begin(SYSTEM) as work:
        found = commune_by_code(work, code)
        assert found is not None
        return found.id


def seen(walk: Walk, who: str) -> bool:
    with walk.town.office.begin(walk.actor(who)) as work:
        try:
            find_case(work, walk.code)
        except NotFound:
            return False
    return True


def test_the_sender_stays_responsible_until_acceptance_and_then_the_other_is_at_once(here: Walk) -> None:
    home, other = unit_id(here.town, "99001"), unit_id(here.town, "99002")
    made = offer(here)
    assert here.case().responsible_unit_id == home
    here.do("worker", "record-meeting", {"needs": "x"})  # work goes on meanwhile
    accept(here, made)
    case = here.case()
    assert (case.responsible_unit_id, case.residence_unit_id, case.incident_unit_id) == (other, other, home)
    assert case.state == "planning"
    with pytest.raises(Forbidden):
        here.do("worker", "record-progress", dict(WHY))
    here.do("worker-99002", "record-progress", dict(WHY))


def test_no_clock_starts_again_and_all_go_along(here: Walk) -> None:
    made = offer(here)
    before = {clock.id: (clock.started_at, clock.due_at) for clock in here.running().values()}
    accept(here, made)
    after = here.running()
    assert {clock.owner_unit_id for clock in after.values()} == {unit_id(here.town, "99002")}
    assert {clock.id: (clock.started_at, clock.due_at) for clock in after.values()}.items() <= before.items()
    assert "accept-hand-over" not in after


def test_the_offered_commune_reads_the_letter_alone_until_it_accepts(here: Walk) -> None:
    made = offer(here)
    assert not seen(here, "worker-99002")
    with here.town.office.begin(here.actor("worker-99002")) as work:
        assert [one.id for one in offers_to_me(work)] == [made.id]
        letter = read_letter(work, find_offer(work, made.id))
    assert (letter.code, letter.reason, letter.age_band) == (here.code, LETTER["reason"], "unknown")
    assert {clock.rule for clock in letter.clocks} == {"submit-plan"}
    with here.town.office.begin(SYSTEM) as work:
        assert entries_of_case(work, here.case().id, tags=["hand-over:read"])
    accept(here, made)
    assert seen(here, "worker-99002")


@pytest.mark.parametrize("who", ["worker", "worker-99003", "supervisor", "hotline"])
def test_nobody_but_the_offered_commune_finds_the_letter_or_answers_it(here: Walk, who: str) -> None:
    made = offer(here)
    with here.town.office.begin(here.actor(who)) as work, pytest.raises(NotFound):
        find_offer(work, made.id)
    for answer in (accept, refuse):
        with pytest.raises((Forbidden, NotFound)):
            answer(here, made, who)


def test_a_refusal_leaves_the_case_where_it_is_with_its_reason_kept(here: Walk) -> None:
    refuse(here, offer(here))
    assert answers(here) == ["refused"]
    assert here.case().responsible_unit_id == unit_id(here.town, "99001")
    assert here.content("refuse-hand-over") == WHY
    assert "accept-hand-over" not in here.running()


def test_refused_twice_the_province_decides_and_binds_at_once(here: Walk) -> None:
    refuse(here, offer(here))
    with pytest.raises(GuardRefused, match="refused-twice"):
        decide(here, "99002")
    refuse(here, offer(here, to_commune="99003"), "chair-99003")
    clock = here.running()["decide-hand-over"]
    assert clock.owner_unit_id == here.case().province_id
    with pytest.raises(GuardRefused, match="not-refused-twice"):
        offer(here)
    decide(here, "99002")
    assert here.case().responsible_unit_id == unit_id(here.town, "99002")
    assert answers(here) == ["refused", "refused", "decided"]
    assert "decide-hand-over" not in here.running()


def test_the_province_may_leave_the_case_where_it_is_and_the_count_begins_anew(here: Walk) -> None:
    refuse(here, offer(here))
    refuse(here, offer(here))
    decide(here, "99001")
    assert here.case().responsible_unit_id == unit_id(here.town, "99001")
    refuse(here, offer(here))
    assert "decide-hand-over" not in here.running()


def test_only_one_offer_stands_at_a_time(here: Walk) -> None:
    offer(here)
    with pytest.raises(GuardRefused, match="no-hand-over-open"):
        offer(here, to_commune="99003")


def test_an_offer_answered_is_answered_once(here: Walk) -> None:
    made = offer(here)
    accept(here, made)
    with pytest.raises(IllegalMove):
        refuse(here, made)


@pytest.mark.parametrize("code", ["99001", "00000", "CA-99001", ""])
def test_a_case_is_offered_to_another_commune_of_its_province_and_to_nothing_else(here: Walk, code: str) -> None:
    with pytest.raises(Invalid):
        offer(here, to_commune=code)
    assert answers(here) == []


def test_what_the_messages_say_names_neither_child_nor_act(here: Walk) -> None:
    refuse(here, offer(here))
    refuse(here, offer(here))
    decide(here, "99002")
    with here.town.office.begin(SYSTEM) as work:
        told = work.session.exec(select(Notice).where(Notice.case_code == here.code)).all()
    bodies = {one.text_id: one.body for one in told if one.text_id.startswith("hand-over")}
    assert bodies.keys() == {"hand-over-offered", "hand-over-answered", "hand-over-disputed", "hand-over-decided"}
    assert all(here.code in body and len(body) <= 160 and body.isascii() for body in bodies.values())


def test_an_offer_lapses_with_the_end_of_the_case(here: Walk) -> None:
    made = offer(here)
    here.to("ended")
    assert answers(here) == ["lapsed"]
    assert here.clocks("accept-hand-over")[0].state == ClockState.CANCELLED
    with pytest.raises(NotFound):
        accept(here, made)


def test_a_deputy_accepts_for_the_other_commune_only_while_on_the_rota(here: Walk) -> None:
    made = offer(here)
    with pytest.raises(Forbidden, match="deputy-off-duty"):
        accept(here, made, "deputy-99002")
    accept(here, made, "chair-99002")


def test_an_answer_after_its_time_says_why(here: Walk) -> None:
    made = offer(here)
    here.pass_time(days=5)
    with here.town.office.begin(here.actor("worker-99002")) as work, pytest.raises(Invalid, match="late_reason"):
        accept_hand_over(work, made.id, {})


@pytest.mark.parametrize(
    ("age", "band"),
    [(0, "0-5"), (5, "0-5"), (6, "6-10"), (15, "11-15"), (17, "16-17"), (40, "unknown"), (None, "unknown")],
)
def test_the_letter_tells_an_age_band_and_no_age(age: int | None, band: str) -> None:
    from datetime import date

    facts = {"child.age": {"value": age}} if age is not None else {}
    assert age_band(facts, date(2026, 11, 23)) == band


def test_no_hand_over_before_the_commune_of_the_incident_has_protected_the_child(walk: Walk) -> None:
    walk.to("emergency")
    with pytest.raises(IllegalMove):
        offer(walk)


def test_clocks_of_referrals_and_activities_are_not_in_the_letter(here: Walk) -> None:
    """Each would tell of the police, of a hospital, of a service (article 33)."""
    from casework.referral.service import refer_case

    with here.town.office.begin(here.actor("worker")) as work:
        case = work.session.exec(select(Case).where(Case.code == here.code)).one()
        refer_case(work, case, "police", {"to_unit": "CA-99001", "reason": "x"})
    made = offer(here)
    with here.town.office.begin(here.actor("worker-99002")) as work:
        rules = {clock.rule for clock in read_letter(work, find_offer(work, made.id)).clocks}
    assert rules == {"submit-plan"}


def test_after_the_hand_over_the_course_goes_on_to_its_end_in_the_other_commune(here: Walk) -> None:
    accept(here, offer(here))
    here.do("worker-99002", "assess-parents", SAFE_AGAIN)
    here.pass_time(**{"hours": timedelta(hours=1).total_seconds() / 3600})
    assert here.case().state == "needs-meeting"
