"""The plan's activities: each with who, with whom, when, cost, outcome and its own reminder; the plan changed in time."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlmodel import select

from casework.audit.queries import entries_of_case
from casework.cases.clocks import late_clocks
from casework.cases.models import Case, Document
from casework.cases.queries import activities_of
from casework.cases.rules import paper_warning
from casework.clock import local
from casework.deadlines.models import ClockState
from casework.deadlines.sweeping import sweep
from casework.errors import GuardRefused, Invalid
from casework.law.model import Law
from casework.notices.models import Notice
from casework.work import SYSTEM
from tests.cases.walking import ACTIVITY, PLAN, WHY, Walk

SOONER = {**ACTIVITY, "name": "Khám sức khoẻ", "to": "2026-12-10", "cost": 0}
TWO = {**PLAN, "activities": [ACTIVITY, SOONER]}
CHANGE = {"because": ["child"], "what_changed": "x", "proposed": "y"}


def done(key: str, state: str = "done") -> dict[str, Any]:
    return {"activity": key, "state": state, "on": "2026-12-01", "outcome": "Trẻ khá hơn.", "real_cost": 250000}


@pytest.fixture
def planned(walk: Walk) -> Walk:
    """Two activities, approved."""
    walk.to("planning").do("worker", "submit-plan", TWO)
    walk.do("chair", "approve-plan")
    return walk


def activities(walk: Walk) -> list[Any]:
    with walk.town.office.begin(SYSTEM) as work:
        return activities_of(work, work.session.exec(select(Case).where(Case.code == walk.code)).one())


def states(walk: Walk) -> list[str]:
    return sorted(clock.state for clock in walk.clocks("activity"))


def test_each_activity_of_an_approved_plan_has_its_own_reminder_on_its_own_day(planned: Walk) -> None:
    first, second = activities(planned)
    assert (first.key, second.key) == ("1-1", "1-2")
    assert [local(one.clock.due_at).date() for one in (first, second)] == [date(2026, 12, 31), date(2026, 12, 10)]
    assert (second.row["officer"], second.row["cost"], second.state) == (ACTIVITY["officer"], 0, "planned")


def test_a_plan_not_yet_approved_reminds_nobody(walk: Walk) -> None:
    walk.to("planning").do("worker", "submit-plan", TWO)
    assert activities(walk) == []
    assert walk.clocks("activity") == []


@pytest.mark.parametrize("lacking", ["officer", "from", "to", "cost"])
def test_an_activity_without_who_when_and_cost_is_refused(walk: Walk, lacking: str) -> None:
    walk.to("planning")
    row = {key: value for key, value in ACTIVITY.items() if key != lacking}
    with pytest.raises(GuardRefused, match="activities-named"):
        walk.do("worker", "submit-plan", {**PLAN, "activities": [row]})


def test_recording_an_activity_stops_its_own_clock_and_no_other(planned: Walk) -> None:
    planned.do("worker", "record-activity", done("1-2"))
    first, second = activities(planned)
    assert (first.clock.state, second.clock.state) == (ClockState.RUNNING, ClockState.MET)
    assert (second.state, second.outcome, second.real_cost) == ("done", "Trẻ khá hơn.", 250000)


@pytest.mark.parametrize(("state", "left"), [("ongoing", ClockState.RUNNING), ("not-done", ClockState.CANCELLED)])
def test_what_goes_on_keeps_its_day_and_what_cannot_be_done_lapses(planned: Walk, state: str, left: str) -> None:
    planned.do("worker", "record-activity", done("1-1", state))
    assert activities(planned)[0].clock.state == left


@pytest.mark.parametrize("key", ["1-3", "2-1", "", "1-0"])
def test_only_an_activity_of_the_plan_in_force_is_recorded(planned: Walk, key: str) -> None:
    with pytest.raises(GuardRefused, match="activity-of-the-plan"):
        planned.do("worker", "record-activity", done(key))


def test_the_worker_is_warned_before_and_told_after_an_activity_s_day(planned: Walk) -> None:
    clock = activities(planned)[1].clock
    planned.town.clock.at = clock.due_at
    with planned.town.office.begin(SYSTEM) as work:
        while sweep(work):
            pass
    with planned.town.office.begin(SYSTEM) as work:
        told = {one.text_id for one in work.session.exec(select(Notice).where(Notice.case_code == planned.code))}
        assert entries_of_case(work, planned.case().id, tags=["clock:breached"])
    assert "deadline-passed" in told


def test_a_late_activity_asks_why_and_the_other_does_not(planned: Walk) -> None:
    planned.town.clock.at = activities(planned)[1].clock.due_at
    planned.pass_time(hours=1)
    with pytest.raises(Invalid, match="late_reason"):
        planned.do("worker", "record-activity", done("1-2"), late_reason=None)
    planned.do("worker", "record-activity", done("1-1"), late_reason=None)
    with planned.town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case).where(Case.code == planned.code)).one()
        assert [clock.rule for clock in late_clocks(work, case, "record-activity")] == ["activity"]


def test_a_change_accepted_leads_to_a_new_plan_whose_activities_replace_the_old_ones(planned: Walk) -> None:
    planned.do("worker", "propose-change", CHANGE)
    planned.do("chair", "accept-change")
    assert planned.case().state == "planning"
    planned.do("worker", "record-activity", done("1-2"))  # the plan in force goes on
    planned.do("worker", "submit-plan", {**PLAN, "review_date": "2027-02-20"})
    planned.do("chair", "approve-plan")
    assert [one.key for one in activities(planned)] == ["2-1"]
    assert states(planned) == [ClockState.CANCELLED, ClockState.MET, ClockState.RUNNING]
    assert local(planned.running()["review"].due_at).date() == date(2027, 2, 20)


def test_a_change_refused_keeps_the_plan_with_its_clocks(planned: Walk) -> None:
    before = {clock.id: clock.due_at for clock in planned.running().values()}
    planned.do("worker", "propose-change", CHANGE)
    planned.do("chair", "refuse-change", dict(WHY))
    assert planned.case().state == "carrying-out"
    assert {clock.id: clock.due_at for clock in planned.running().values()} == before


# ---------------------------------------------------------------- late steps


def test_a_late_step_is_refused_without_its_reason_and_keeps_it_at_the_server_s_time(walk: Walk) -> None:
    walk.to("planning")
    walk.pass_time(days=20)
    with pytest.raises(Invalid) as caught:
        walk.do("worker", "submit-plan", PLAN, late_reason="  ")
    assert caught.value.faults == {"late_reason": "missing"}
    assert walk.case().state == "planning"
    now = walk.town.clock.now()
    walk.do("worker", "submit-plan", PLAN, late_reason="Bão, mất điện (diễn tập).")
    with walk.town.office.begin(SYSTEM) as work:
        kept = work.session.exec(select(Document).where(Document.form == "late-reason")).one()
        assert (kept.at, kept.action) == (now, "submit-plan")
        assert work.open(kept, "content") == {"late_reason": "Bão, mất điện (diễn tập)."}
        (entry,) = entries_of_case(work, walk.case().id, tags=["late-reason:given"])
        assert (entry.object_id, entry.fields) == (kept.id, '["submit-plan"]')


def test_a_reason_typed_for_a_step_in_time_is_not_kept(walk: Walk) -> None:
    walk.to("planning").do("worker", "submit-plan", PLAN, late_reason="không chậm")
    with walk.town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(Document).where(Document.form == "late-reason")).all() == []


def test_taking_a_case_on_late_is_never_held_up_by_a_question(walk: Walk) -> None:
    walk.pass_time(hours=20)
    walk.do("worker", "accept", late_reason=None)


def test_monitoring_that_has_lasted_its_time_is_not_late(walk: Walk) -> None:
    walk.to("monitoring")
    walk.town.clock.at = walk.running()["monitoring"].due_at
    walk.pass_time(days=3)
    walk.do("chair", "end-case", {"outcome": "stable"}, late_reason=None)


# ---------------------------------------------------------------- the check with others, papers to parents


def test_whether_a_report_is_true_can_be_checked_with_others_until_the_specific_assessment(walk: Walk) -> None:
    asked = {"asked": [{"body": "Trường học (diễn tập)"}], "authentic": "unclear", "unsafe": "unknown", "finding": "x"}
    for state in ("received", "initial-assessment", "emergency", "specific-assessment"):
        walk.to(state).do("worker", "verify", asked)
        assert walk.case().state == state
    assert walk.content("verify") == asked


@pytest.mark.parametrize(
    "kind", ["04", "05", "07", "minutes", "cost-estimate", "extend-separation", "cancel-separation"]
)
def test_every_paper_that_goes_to_parents_warns_where_one_of_them_is_named_as_harming(law: Law, kind: str) -> None:
    assert paper_warning(law, kind, {"harmer.relation": {"value": "father"}}) == "father"
    assert paper_warning(law, kind, {"harmer.relation": {"value": "neighbour"}}) is None
    assert paper_warning(law, kind, {}) is None


@pytest.mark.parametrize("kind", ["01", "02", "03", "06", "court-request", "file-index"])
def test_papers_of_the_office_alone_warn_of_nothing(law: Law, kind: str) -> None:
    assert paper_warning(law, kind, {"harmer.relation": {"value": "father"}}) is None
