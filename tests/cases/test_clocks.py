"""Which clock a move starts, stops, resumes or lets lapse: the procedure's own lines, seen on a case."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from casework.cases.models import Case
from casework.clock import local
from casework.deadlines.models import ClockState
from casework.people.queries import commune_by_code
from casework.referral.service import refer_case
from casework.work import SYSTEM
from tests.cases.walking import CALM, GRAVE, PLAN, WHY, Walk, initial

if TYPE_CHECKING:
    from tests.conftest import Town


def due_day(walk: Walk, rule: str) -> date:
    return local(walk.running()[rule].due_at).date()


def test_each_step_of_the_course_runs_the_clocks_that_the_law_gives_it(walk: Walk) -> None:
    runs = {}
    for state in (
        "received", "initial-assessment", "emergency", "specific-assessment", "needs-meeting", "planning",
        "plan-submitted", "carrying-out", "reviewed", "monitoring", "ended",
    ):  # fmt: skip
        walk.to(state)
        runs[state] = sorted(walk.running())
    assert runs == {
        "received": ["acknowledge", "emergency"],
        "initial-assessment": ["emergency"],
        "emergency": ["emergency"],
        "specific-assessment": ["submit-plan"],
        "needs-meeting": ["submit-plan"],
        "planning": ["submit-plan"],
        "plan-submitted": ["approve-plan"],
        "carrying-out": ["activity", "review"],
        "reviewed": ["activity"],
        "monitoring": ["monitoring"],
        "ended": [],
    }
    assert {walk.clocks(rule)[0].state for rule in ("emergency", "submit-plan", "approve-plan", "review")} == {
        ClockState.MET
    }


def test_a_report_of_no_danger_asks_nobody_to_acknowledge_within_minutes(town: Town) -> None:
    assert sorted(Walk(town).open(danger_now="no").running()) == ["emergency"]
    assert sorted(Walk(town).open(danger_now="unknown").running()) == ["acknowledge", "emergency"]


@pytest.mark.parametrize(("conclusion", "left"), [("emergency", "emergency"), ("plan", "submit-plan"), ("monitor", "")])
def test_the_conclusion_of_mau_02_decides_which_clock_goes_on(walk: Walk, conclusion: str, left: str) -> None:
    walk.to("initial-assessment").do("worker", "submit-initial-assessment", initial(conclusion, CALM))
    assert list(walk.running()) == ([left] if left else [])


def test_the_plan_s_five_days_count_from_the_conclusion_that_stands_in_the_end(walk: Walk) -> None:
    walk.to("initial-assessment")
    walk.do("worker", "submit-initial-assessment", initial("plan", GRAVE, reason="x"))
    walk.pass_time(hours=3)
    confirmed = walk.town.clock.now()
    walk.do("chair", "confirm-conclusion", {"conclusion": "plan", "reason": "y"})
    assert walk.running()["submit-plan"].started_at == confirmed


def test_the_review_falls_due_on_the_day_the_plan_set(walk: Walk) -> None:
    walk.to("carrying-out")
    assert due_day(walk, "review") == date(2027, 1, 15)


def test_a_returned_plan_keeps_its_first_due_time(walk: Walk) -> None:
    walk.to("planning")
    first = walk.running()["submit-plan"].due_at
    for _ in range(2):
        walk.do("worker", "submit-plan", PLAN)
        walk.pass_time(days=1)
        walk.do("chair", "return-plan", dict(WHY))
        assert walk.running()["submit-plan"].due_at == first
        assert "approve-plan" not in walk.running()
    assert [clock.state for clock in walk.clocks("approve-plan")] == [ClockState.CANCELLED] * 2
    walk.do("worker", "submit-plan", PLAN)
    assert [clock.state for clock in walk.clocks("submit-plan")] == [ClockState.MET], (
        "one cycle, however often returned"
    )


def test_assessing_again_does_not_push_the_plan_away(walk: Walk) -> None:
    walk.to("planning")
    first = walk.running()["submit-plan"].due_at
    walk.pass_time(days=1)
    walk.do("worker", "assess-again", dict(WHY))
    walk.do("worker", "submit-initial-assessment", initial("plan", CALM))
    assert walk.running()["submit-plan"].due_at == first
    walk.do("worker", "assess-again", dict(WHY))
    walk.do("worker", "submit-initial-assessment", initial("emergency", GRAVE))
    walk.do("chair", "decide-measures")
    assert walk.running()["submit-plan"].due_at == first


def test_assessing_again_starts_twelve_hours_and_lets_later_steps_lapse(walk: Walk) -> None:
    walk.to("carrying-out")
    again = walk.town.clock.now()
    walk.do("worker", "assess-again", dict(WHY))
    assert walk.running()["emergency"].due_at == again + timedelta(hours=12)
    assert walk.clocks("review")[0].state == ClockState.CANCELLED


def test_a_second_report_of_danger_does_not_push_the_twelve_hours_away(walk: Walk) -> None:
    first = walk.running()["emergency"].due_at
    walk.pass_time(hours=5)
    walk.join(danger_now="yes")
    assert walk.running()["emergency"].due_at == first


def test_risk_that_comes_back_ends_the_monitoring_and_asks_for_a_plan(walk: Walk) -> None:
    walk.to("monitoring").do("worker", "risk-returned", dict(WHY))
    assert list(walk.running()) == ["submit-plan"]
    assert walk.clocks("monitoring")[0].state == ClockState.CANCELLED
    assert [clock.cycle for clock in walk.clocks("submit-plan")] == [1, 2]


def test_sending_a_case_on_moves_its_clocks_and_restarts_none(town: Town) -> None:
    walk = Walk(town).open(incident_commune="xã không có")
    before = {rule: clock.due_at for rule, clock in walk.running().items()}
    with town.office.begin(SYSTEM) as work:
        commune = commune_by_code(work, "99002")
        assert commune is not None
    walk.pass_time(minutes=10)
    walk.do("supervisor", "route", {"incident_commune": "99002"}, to_unit=commune.id)
    after = walk.running()
    assert {rule: clock.due_at for rule, clock in after.items()} == before
    assert {clock.owner_unit_id for clock in after.values()} == {commune.id}


def test_a_separation_s_clock_counts_from_the_midnight_of_its_first_day(walk: Walk) -> None:
    walk.to("emergency").do("chair", "order-separation", walk.separation())
    clock = walk.running()["separation"]
    assert local(clock.started_at) == datetime.fromisoformat("2026-11-23T00:00:00+07:00")
    assert due_day(walk, "separation") == date(2026, 12, 8)


def refer(walk: Walk, kind: str, unit: str) -> None:
    with walk.town.office.begin(walk.actor("worker")) as work:
        case = work.session.exec(select(Case).where(Case.code == walk.code)).one()
        refer_case(work, case, kind, {"to_unit": unit, "reason": "x"})


def test_nobody_owes_an_ended_case_anything_in_time(walk: Walk) -> None:
    walk.to("monitoring")
    refer(walk, "police", "CA-99001")
    refer(walk, "police", "CA-99")
    refer(walk, "health", "YT-99001")
    walk.join(danger_now="yes")
    assert sorted(walk.running()) == ["acknowledge-health", "acknowledge-police", "emergency", "monitoring"]
    walk.to("ended")
    assert walk.running() == {}
    lapsed = [*walk.clocks("acknowledge-police"), *walk.clocks("acknowledge-health"), walk.clocks("emergency")[-1]]
    assert [clock.state for clock in lapsed] == [ClockState.CANCELLED] * 4
    assert walk.clocks("monitoring")[0].state == ClockState.MET


def test_ending_an_observation_leaves_no_clock_of_an_abandoned_plan(walk: Walk) -> None:
    walk.to("planning").do("worker", "assess-again", dict(WHY))
    walk.do("worker", "submit-initial-assessment", initial("monitor", CALM))
    assert walk.running() == {}, "nobody owes a plan that was given up for observation"
    assert [clock.state for clock in walk.clocks("submit-plan")] == [ClockState.CANCELLED]
    walk.do("chair", "end-observation", {"outcome": "no-abuse"})
    assert walk.running() == {}
