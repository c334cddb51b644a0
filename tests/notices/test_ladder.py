"""A limit nobody answers climbs from post to post; only a person's word in the application stops it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from casework.cases.models import Case
from casework.cases.service import take_action
from casework.deadlines.climbing import alarms_for
from casework.deadlines.models import CaseClock
from casework.errors import LawFault, NotFound
from casework.intake.service import receive_report
from casework.jobs.runner import climb
from casework.law.model import Law
from casework.notices import alarms
from casework.notices.alarms import FLOOD, calls_of
from casework.notices.ladder import Rung, is_stopped, ladder_for, read_ladders
from casework.notices.models import Alarm, Delivery, Notice
from casework.people.models import Staff
from casework.people.service import take_leave
from casework.work import SYSTEM
from tests.conftest import Town


def report(town: Town, commune: str = "99001") -> None:
    with town.office.begin(town.act_as("hotline")) as work:
        values = {"incident_commune": commune, "danger_now": "yes", "narrative": "Nghe tiếng khóc"}
        receive_report(work, values, received_at=work.now)


def alarm_of(town: Town, ladder: str = "acknowledge") -> Alarm:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(Alarm).where(Alarm.ladder == ladder)).one()


def called(town: Town, ladder: str = "acknowledge") -> list[tuple[str, str]]:
    """(rung, answer) of everybody called, in order."""
    alarm = alarm_of(town, ladder)
    with town.office.begin(SYSTEM) as work:
        return [(one.who, one.answer) for one in calls_of(work, [alarm.id]).get(alarm.id, [])]


def after(town: Town, **delta: float) -> None:
    town.clock.advance(**delta)
    climb(town.office)


def id_of(town: Town, username: str) -> UUID:
    found = town.act_as(username).id
    assert found is not None
    return found


def test_a_report_nobody_answers_climbs_to_the_national_office_and_shows_who_was_silent(town: Town) -> None:
    report(town)
    after(town, seconds=1)
    assert called(town) == [("owner", "silent")]
    for minutes in (7, 4, 4, 31):
        after(town, minutes=minutes)
    assert called(town) == [(who, "silent") for who in ("owner", "deputy", "chair", "province", "national")]
    assert alarm_of(town).next_at is None


def test_a_delivery_receipt_stops_nothing(town: Town) -> None:
    report(town)
    after(town, seconds=1)
    with town.office.begin(SYSTEM) as work:
        delivered = {"state": Delivery.DELIVERED.value, "delivered_at": work.now, "seen_at": work.now}
        work.session.connection().execute(update(Notice).values(**delivered))
    after(town, minutes=8)
    assert called(town) == [("owner", "silent"), ("deputy", "silent")]


def test_received_is_kept_and_stops_nothing(town: Town) -> None:
    report(town)
    after(town, seconds=1)
    with town.office.begin(town.act_as("worker")) as work:
        alarms.receive(work, alarm_of(town).id, id_of(town, "worker"))
    after(town, minutes=8)
    assert called(town) == [("owner", "received"), ("deputy", "silent")]


def test_i_take_it_stops_the_ladder_until_the_limit_and_the_limit_starts_it_again(town: Town) -> None:
    report(town)
    after(town, seconds=1)
    with town.office.begin(town.act_as("worker")) as work:
        alarms.take(work, alarm_of(town).id, id_of(town, "worker"))
    after(town, minutes=14)
    assert called(town) == [("owner", "taken")]
    after(town, minutes=2)
    assert called(town) == [("owner", "taken"), ("province", "silent")]
    with town.office.begin(town.act_as("supervisor")) as work:
        alarms.take(work, alarm_of(town).id, id_of(town, "supervisor"))
    after(town, hours=2)
    assert called(town) == [("owner", "taken"), ("province", "taken")]


def test_who_was_not_called_cannot_take_it(town: Town) -> None:
    report(town)
    after(town, seconds=1)
    with pytest.raises(NotFound), town.office.begin(town.act_as("chair")) as work:
        alarms.take(work, alarm_of(town).id, id_of(town, "chair"))


def test_the_act_itself_ends_the_alarm(town: Town) -> None:
    report(town)
    after(town, seconds=1)
    with town.office.begin(town.act_as("worker")) as work:
        case = work.session.exec(select(Case)).one()
        take_action(work, case, "accept")
        ladders = {one.alarm.ladder for one in alarms_for(work, id_of(town, "worker"))}
        assert "acknowledge" not in ladders
    after(town, hours=1)
    assert called(town) == [("owner", "silent")]
    assert alarm_of(town).closed_at is not None


def test_a_rung_nobody_holds_gives_way_at_once(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        for name in ("deputy-99001", "chair"):
            staff = work.session.exec(select(Staff).where(Staff.username == name)).one()
            take_leave(work, staff, starts_at=work.now, ends_at=work.now + timedelta(days=9))
    report(town)
    after(town, seconds=1)
    after(town, minutes=8)
    assert called(town) == [("owner", "silent"), ("province", "silent")]


def test_a_report_that_comes_late_does_not_call_everybody_at_once(town: Town) -> None:
    with town.office.begin(town.act_as("hotline")) as work:
        values = {"incident_commune": "99001", "danger_now": "yes", "narrative": "Nghe tiếng khóc"}
        receive_report(work, values, received_at=work.now - timedelta(hours=10))
    after(town, seconds=1)
    assert called(town, "emergency") == [("owner", "silent")]
    after(town, hours=1)
    assert called(town, "emergency") == [("owner", "silent"), ("province", "silent")]


def test_a_moved_limit_moves_its_rungs(town: Town) -> None:
    report(town)
    after(town, seconds=1)
    with town.office.begin(SYSTEM) as work:
        clock = work.session.exec(select(CaseClock).where(CaseClock.rule == "acknowledge")).one()
        clock.due_at += timedelta(hours=5)
        work.session.add(clock)
        alarms.look_again(work, clock.id)
    after(town, minutes=16)
    assert called(town) == [("owner", "silent")]


def test_after_a_standstill_nobody_is_flooded_and_nothing_is_hidden(town: Town) -> None:
    for _ in range(12):
        report(town)
    after(town, hours=9)
    supervisor = id_of(town, "supervisor")
    with town.office.begin(SYSTEM) as work:
        mine = work.session.exec(select(Notice).where(Notice.staff_id == supervisor)).all()
        many = work.session.exec(select(Notice).where(col(Notice.text_id) == "case-answer-many")).all()
        shown = alarms_for(work, supervisor)
    assert len([one for one in mine if one.state == Delivery.READY]) <= FLOOD + 1
    assert any(one.staff_id == supervisor for one in many)
    assert len({one.alarm.case_id for one in shown}) == 12


def test_ticking_twice_calls_nobody_twice(town: Town) -> None:
    report(town)
    after(town, minutes=20)
    once = called(town)
    assert climb(town.office) == 0
    assert called(town) == once


@pytest.mark.parametrize(
    ("share", "taken", "stopped"),
    [(0.5, None, False), (0.5, -60, True), (1.0, -60, False), (1.0, 0, True), (1.1, 5, True)],
)
def test_what_a_word_stops(town: Town, share: float, taken: int | None, stopped: bool) -> None:
    due = town.clock.now()
    at = None if taken is None else due + timedelta(minutes=taken)
    assert is_stopped(Rung("chair", share), due, at) is stopped


def test_every_limit_has_a_ladder_that_ends_above_its_owner(law: Law) -> None:
    for rule in law.deadlines:
        rungs = ladder_for(rule).rungs
        assert rungs[0].who == "owner" and rungs[-1].who == "national"


@pytest.mark.parametrize(
    "rungs",
    [
        [{"who": "mayor", "at": 0.5}],
        [{"who": "owner", "at": 0.5}, {"who": "chair", "at": 0.5}],
        [{"who": "owner", "at": 0.9}, {"who": "chair", "at": 0.5}],
        [],
    ],
)
def test_a_ladder_that_does_not_hold_together_is_refused(rungs: list[dict[str, object]]) -> None:
    with pytest.raises(LawFault):
        read_ladders({"days": {"rules": [], "urgent": False, "rungs": rungs}})
