"""Who is kept from a case is told nothing of it: no alert, no alarm, no limit, no line in the calendar, no number."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlmodel import col, select

from casework.access.models import CaseExclusion
from casework.cases.exclusions import keep_from
from casework.cases.models import Case
from casework.deadlines.climbing import alarms_for, climb_ladders, limits_of_post
from casework.notices.models import Delivery, Notice
from casework.notices.queries import standing, to_staff
from casework.notices.service import About, notify_post
from casework.people.models import Staff
from casework.people.rules import Role
from casework.work import SYSTEM, Work
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
