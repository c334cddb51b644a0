"""The soonest limit of a case stands on the case, kept by the database: the lists are ordered and narrowed by it."""

from __future__ import annotations

import psycopg
import pytest
from sqlmodel import select

from casework.cases.models import Case
from casework.cases.queries import Filter, list_cases
from casework.deadlines.models import CaseClock
from casework.deadlines.queries import clocks_of
from casework.intake.service import receive_report
from casework.law.model import Law
from casework.referral.service import acknowledge, refer_case
from casework.work import SYSTEM
from tests.cases.soonest import Soonest, soonest, soonest_of
from tests.cases.walking import COURSE, Walk
from tests.conftest import Town


def both(walk: Walk, law: Law) -> tuple[Soonest, Soonest]:
    """What the case says and what its clocks say."""
    with walk.town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case).where(Case.code == walk.code)).one()
        return soonest(case), soonest_of(law, clocks_of(work, case.id))


def test_at_every_stop_of_the_course_the_case_says_what_its_clocks_say(walk: Walk, law: Law) -> None:
    seen: set[Soonest] = set()
    for stop, _, _, _ in COURSE:
        walk.to(stop)
        said, true = both(walk, law)
        assert said == true, stop
        seen.add(said)
    assert len(seen) > 3
    assert any(at is not None and limit is None for at, limit in seen), "three months' monitoring is no limit"


def test_who_may_not_change_the_case_moves_its_soonest_limit_all_the_same(walk: Walk, law: Law) -> None:
    """The police acknowledge: their clock stops, and the case's own row is not theirs to write."""
    walk.to("monitoring")
    with walk.town.office.begin(walk.actor("worker")) as work:
        sent = refer_case(work, walk.found(work), "police", {"to_unit": "CA-99001", "reason": "x"}).id
    waiting, true = both(walk, law)
    assert waiting == true and waiting[1] is not None
    with walk.town.office.begin(walk.actor("police")) as work:
        acknowledge(work, sent)
    said, true = both(walk, law)
    assert said == true and said[1] is None


@pytest.mark.parametrize(
    ("trigger", "stop"),
    [("case_clock_soonest_new", "planning"), ("case_clock_soonest_moved", "initial-assessment")],
)
def test_without_the_database_s_help_the_same_check_sees_it(walk: Walk, law: Law, trigger: str, stop: str) -> None:
    with psycopg.connect(walk.town.database.owner_url, autocommit=True) as owner:
        owner.execute(f"alter table case_clock disable trigger {trigger}")
    walk.to(stop)
    said, true = both(walk, law)
    assert said != true


def test_a_clock_moved_by_hand_in_the_database_moves_its_case_in_the_lists(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        codes = [
            receive_report(
                work, {"incident_commune": "99001", "danger_now": "no", "narrative": "x"}, received_at=work.now
            ).case.code
            for _ in range(2)
        ]
    with psycopg.connect(town.database.owner_url, autocommit=True) as owner:
        owner.execute("update case_clock set due_at = due_at - interval '9 days' where case_code = %s", [codes[1]])
    with town.office.begin(town.act_as("worker")) as work:
        assert [one.case.code for one in list_cases(work, Filter(lateness="late")).rows] == [codes[1]]
        assert next(one.case.code for one in list_cases(work, Filter()).rows) == codes[1]
        assert work.session.exec(select(CaseClock.case_code).where(CaseClock.period)).all() == []
