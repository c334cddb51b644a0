"""Who is kept from a case is told nothing of it: no alert, no alarm, no limit, no line in the calendar, no number."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlmodel import col, select

from casework.access.models import CaseExclusion
from casework.cases.exclusions import keep_from
from casework.cases.models import Case
from casework.deadlines.climbing import alarms_for, climb_ladders, limits_of_post
from casework.notices.alarms import _is_out_of_reach, _told_lately
from casework.notices.models import Alarm, Delivery, Notice
from casework.notices.queries import standing, to_staff
from casework.notices.service import About, gather_digests, notify, notify_post
from casework.oversight.acts import decide_act, propose
from casework.people.models import Staff
from casework.people.rules import Role
from casework.work import SYSTEM, Work
from tests.access.scenes import second_supervisor
from tests.cases.walking import Walk
from tests.conftest import Town


def staff_of(work: Work, username: str) -> Staff:
    return work.session.exec(select(Staff).where(Staff.username == username)).one()


def case_of(work: Work) -> Case:
    return work.session.exec(select(Case)).one()


def knows(town: Town, username: str) -> dict[str, int]:
    """What one person hears of the only case there is."""
    with town.office.begin(SYSTEM) as work:
        staff = staff_of(work, username)
        return {
            "alerts": sum(one.case_id is not None for one in to_staff(work, staff.id)),
            "alarms": len(alarms_for(work, staff.id)),
            "limits": len(limits_of_post(work, staff)),
            "unseen": standing(work, staff.id, unit_id=staff.unit_id).unseen,
        }


def exclude(town: Town, *, unit: str | None = None, staff: str | None = None) -> None:
    with town.office.begin(town.act_as("supervisor")) as work:
        of = staff_of(work, unit or staff or "")
        whose: dict[str, UUID] = {"unit_id": of.unit_id} if unit else {"staff_id": of.id}
        keep_from(work, case_of(work), reason="người nhà", **whose)


@pytest.fixture
def called(town: Town) -> Town:
    """A case of which its commune's worker has been alerted, with a limit that has climbed."""
    Walk(town).open()
    town.clock.advance(hours=13)
    with town.office.begin(SYSTEM) as work:
        climb_ladders(work)
    assert min(knows(town, "worker").values()) > 0
    return town


def test_an_excluded_unit_hears_nothing_any_more(called: Town) -> None:
    exclude(called, unit="worker")
    for username in ("worker", "chair"):
        assert set(knows(called, username).values()) == {0}, username


def test_an_excluded_person_hears_nothing_while_the_colleagues_do(called: Town) -> None:
    exclude(called, staff="worker")
    assert set(knows(called, "worker").values()) == {0}
    assert knows(called, "chair")["alarms"] > 0


def test_an_ended_exclusion_hides_nothing(called: Town) -> None:
    exclude(called, staff="worker")
    with called.office.begin(SYSTEM) as work:
        for one in work.session.exec(select(CaseExclusion)):
            one.ended_at = work.now
            work.session.add(one)
    assert knows(called, "worker")["alerts"] > 0


def test_an_alert_to_a_post_that_is_kept_away_goes_to_the_province(called: Town) -> None:
    exclude(called, unit="worker")
    with called.office.begin(SYSTEM) as work:
        case, worker = case_of(work), staff_of(work, "worker")
        before = {one.id for one in work.session.exec(select(Notice))}
        notify_post(
            work, unit_id=worker.unit_id, role=Role.WORKER, text_id="report-received", about=About(case.id, case.code)
        )
        work.session.flush()
        told = {one.staff_id for one in work.session.exec(select(Notice)) if one.id not in before}
        roles = {one.role for one in work.session.exec(select(Staff).where(col(Staff.id).in_(told)))}
    assert roles == {Role.SUPERVISOR}


def test_what_waited_to_be_sent_is_taken_back(called: Town) -> None:
    exclude(called, unit="worker")
    with called.office.begin(SYSTEM) as work:
        unit = staff_of(work, "worker").unit_id
        rows = work.session.exec(
            select(Notice).join(Staff, col(Staff.id) == Notice.staff_id).where(Staff.unit_id == unit)
        )
        assert not [one for one in rows if one.case_id and one.state == Delivery.READY]


def test_the_next_rung_calls_nobody_who_is_kept_away(called: Town) -> None:
    exclude(called, unit="worker")
    called.clock.advance(hours=30)
    with called.office.begin(SYSTEM) as work:
        climb_ladders(work)
    assert set(knows(called, "worker").values()) == {0}
    assert set(knows(called, "chair").values()) == {0}


# ---------------------------------------------------------------- acts of two persons


def proposed(town: Town) -> UUID:
    """The worker has asked for who reported; two supervisors may decide, and each was told."""
    for name in ("supervisor-2", "supervisor-3"):
        second_supervisor(town, name)
    with town.office.begin(town.act_as("worker")) as work:
        act = propose(work, "release-reporter", case=case_of(work), payload={"reason": "đối chiếu lời kể"})
        return act.id


def acts_told(town: Town, username: str) -> list[str]:
    with town.office.begin(town.act_as(username)) as work:
        staff = staff_of(work, username)
        return [one.text_id for one in to_staff(work, staff.id) if one.text_id.startswith("second-person")]


def test_a_second_person_who_is_kept_from_the_case_hears_no_more_of_the_act(called: Town) -> None:
    proposed(called)
    assert acts_told(called, "supervisor-2") == acts_told(called, "supervisor-3") == ["second-person"]
    exclude(called, staff="supervisor-3")
    assert acts_told(called, "supervisor-3") == []
    assert acts_told(called, "supervisor-2") == ["second-person"]
    with called.office.begin(SYSTEM) as work:
        rows = work.session.exec(select(Notice).where(Notice.staff_id == staff_of(work, "supervisor-3").id))
        assert not [one for one in rows if one.state == Delivery.READY and one.text_id == "second-person"]


def test_who_proposed_it_and_is_kept_from_the_case_since_is_told_no_answer(called: Town) -> None:
    act = proposed(called)
    exclude(called, staff="worker")
    with called.office.begin(called.act_as("supervisor-2")) as work:
        decide_act(work, act, agree=False)
    with called.office.begin(SYSTEM) as work:
        told = select(Notice).where(Notice.staff_id == staff_of(work, "worker").id)
        assert "second-person-decided" not in {one.text_id for one in work.session.exec(told)}


def test_who_proposed_it_and_is_not_kept_away_is_told_the_answer(called: Town) -> None:
    act = proposed(called)
    with called.office.begin(called.act_as("supervisor-2")) as work:
        decide_act(work, act, agree=False)
    assert acts_told(called, "worker") == ["second-person-decided"]


def test_an_act_that_waits_does_not_stand_for_a_call_to_the_case(called: Town) -> None:
    """It belongs to the case and does not name it: the ladder still rings for the case itself."""
    second_supervisor(called, "supervisor-2")
    with called.office.begin(SYSTEM) as work:
        supervisor = staff_of(work, "supervisor-2")
        alarm = work.session.exec(select(Alarm)).first()
        assert alarm is not None
        unnamed = About(alarm.case_id, "")
        notify(work, supervisor, text_id="second-person", about=unnamed).state = Delivery.FAILED
        work.session.flush()
        assert not _told_lately(work, supervisor.id, alarm.case_id)
        assert not _is_out_of_reach(work, supervisor.id, alarm.case_id)
        notify(work, supervisor, text_id="case-answer", about=About(alarm.case_id, alarm.case_code))
        work.session.flush()
        assert _told_lately(work, supervisor.id, alarm.case_id)


def test_the_morning_s_one_message_counts_nothing_of_a_case_that_is_kept_from_its_reader(called: Town) -> None:
    """Told at night and held; before the morning the reader has come to the office that the case is kept from, so that nothing
    was taken back from them when that was decided."""
    called.clock.at = called.clock.now().replace(hour=15)  # 22:00 in Vietnam
    exclude(called, unit="worker")
    with called.office.begin(SYSTEM) as work:
        case, reader = case_of(work), staff_of(work, "worker-99003")
        for about in (About(case.id, case.code), About(None, "")):
            assert notify(work, reader, text_id="decision-made", about=about).held
        work.session.flush()
        reader.unit_id = staff_of(work, "worker").unit_id
        work.session.add(reader)
    called.clock.advance(hours=9)
    with called.office.begin(SYSTEM) as work:
        assert gather_digests(work) == 0, "of two messages they may know of one"
