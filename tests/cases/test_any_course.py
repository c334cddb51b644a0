"""Whatever anybody does, in whatever order: the case stays inside the law, and the trail alone tells where it stands; and
from wherever that has led, the people the law names bring it to an end that leaves nothing open.

Six walks as a rule; the whole run is `WALKS=500 pytest tests/cases/test_any_course.py`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from casework.audit.queries import entries_of_case
from casework.audit.service import seal_checkpoint
from casework.audit.verifier import verify
from casework.cases.handover import accept_hand_over, decide_hand_over, offer_hand_over, refuse_hand_over
from casework.cases.models import Case, Document
from casework.cases.queries import hand_overs_of
from casework.clock import FrozenClock, local
from casework.deadlines.models import CaseClock, ClockState
from casework.deadlines.queries import clocks_of
from casework.errors import CaseworkError, Forbidden, GuardRefused
from casework.law.model import Action, Law
from casework.law.procedure import actions_from
from casework.people.models import UnitKind
from casework.people.queries import bodies_of, unit
from casework.referral.models import Referral
from casework.referral.service import acknowledge, answer, refer_case
from casework.work import SYSTEM, Work
from tests.cases.soonest import soonest, soonest_of
from tests.cases.walking import (
    ACTIVITY,
    CALM,
    COURSE,
    GRAVE,
    LATE,
    MINUTES,
    PLAN,
    SAFE_AGAIN,
    WHY,
    Walk,
    initial,
    report,
    review,
    specific,
)

if TYPE_CHECKING:
    from tests.conftest import Town

WALKS = int(os.environ.get("WALKS", "6"))
PEOPLE = (
    "worker", "chair", "supervisor", "hotline", "police", "health", "worker-99002", "chair-99002", "deputy-99001",
    "auditor", "collaborator",
)  # fmt: skip
CONCLUSIONS = ("emergency", "plan", "monitor")
STATES = ("done", "ongoing", "not-done")
BODY = {"past_limit": True, "competent_body": "Cơ quan điều tra (diễn tập)", "competent_paper": "1/CQĐT"}
# What runs whenever a case stands there: no stage of the law is ever without its limit.
RUNS_IN = {
    "initial-assessment": "emergency",
    "conclusion-review": "emergency",
    "emergency": "emergency",
    "planning": "submit-plan",
    "plan-submitted": "approve-plan",
    "carrying-out": "review",
    "change-proposed": "review",
    "review-check": "review",
    "monitoring": "monitoring",
}


def values_for(data: st.DataObject, walk: Walk, action: Action) -> dict[str, Any]:
    """Answers of the action's form, some of which a guard will refuse."""
    reason = data.draw(st.sampled_from([{}, WHY]))
    choices: dict[str | None, list[dict[str, Any]]] = {
        "01": [report(danger_now=now, harmer_relation=who) for now in ("yes", "no") for who in ("father", "friend")],
        "02": [initial(one, levels, **reason) for one in CONCLUSIONS for levels in (CALM, GRAVE)],
        "03": [specific("high"), specific("low", **reason), SAFE_AGAIN],
        "04": [PLAN, {**PLAN, "activities": []}, {**PLAN, "activities": [ACTIVITY, {**ACTIVITY, "to": "2027-03-01"}]}],
        "06": [review("stable"), review("continue"), review("stable", "cao", "thap", **reason)],
        "07": [walk.separation(days) for days in (3, 15, 16)],
        "confirm-conclusion": [{"conclusion": one, "reason": "x"} for one in CONCLUSIONS],
        "confirm-specific": [{"conclusion": one, "reason": "x"} for one in ("high", "low")],
        "confirm-review": [{"conclusion": one, "reason": "x"} for one in ("stable", "continue")],
        "extend-separation": [extension(walk, days, **body) for days in (4, 15, 30) for body in ({}, BODY)],
        "activity": [
            {"activity": f"{plan}-{row}", "state": state} for plan in (1, 2) for row in (1, 2) for state in STATES
        ],
        "hand-over": [{"to_commune": code, "reason": "x", "outstanding": "y"} for code in ("99001", "99002", "99003")],
        "decide-hand-over": [{"to_commune": code, "reason": "x"} for code in ("99001", "99002")],
        "minutes": [MINUTES],
        "end-case": [{"outcome": "stable"}],
        "referral": [{"to_unit": unit, "reason": "x"} for unit in ("CA-99001", "CA-99", "YT-99001", "YT-99")],
        "route": [{"incident_commune": "99001"}],
    }
    return dict(data.draw(st.sampled_from(choices.get(action.form, [WHY]))))


def extension(walk: Walk, days: int, **more: Any) -> dict[str, Any]:
    today = local(walk.town.clock.now()).date()
    return {"until": (today + timedelta(days=days)).isoformat(), "reason": "x", **more}


def attempt(walk: Walk, who: str, action: Action, values: dict[str, Any]) -> None:
    """As the doors do it: a referral, and what answers it, by the room of referrals."""
    with walk.town.office.begin(walk.actor(who)) as work:
        case = walk.found(work)
        if action.id.startswith("refer-"):
            refer_case(work, case, action.id.removeprefix("refer-"), values)
            walk.pass_time(minutes=1)
            return
        if action.receiver or action.id in ("offer-hand-over", "decide-hand-over"):
            hand_over(work, case, action, values)
            walk.pass_time(minutes=1)
            return
        if action.liaison:
            mine = Referral.to_unit_id == work.actor.unit_id
            made = select(Referral).where(Referral.case_id == case.id, mine).order_by(col(Referral.sent_at))
            found = work.session.exec(made).first()
            if found is None:
                raise Forbidden("not-referred-to-this-unit")
            acknowledge(work, found.id) if action.id.startswith("acknowledge") else answer(work, found.id, values)
            return
    walk.do(who, action.id, values)


def hand_over(work: Work, case: Case, action: Action, values: dict[str, Any]) -> None:
    """A worker of whatever commune answers the offer that stands, if one does."""
    if action.id == "offer-hand-over":
        offer_hand_over(work, case, values, late_reason=LATE)
        return
    if action.id == "decide-hand-over":
        decide_hand_over(work, case, values, late_reason=LATE)
        return
    standing = [one for one in hand_overs_of(work, case.id) if one.answer is None]
    if not standing:
        raise Forbidden("nothing-offered")
    answered = accept_hand_over if action.id == "accept-hand-over" else refuse_hand_over
    answered(work, standing[-1].id, values, late_reason=LATE)


def replayed(work: Work, law: Law, case_id: UUID) -> set[str]:
    """The states in which the trail leaves the case. More than one only where a conclusion may have gone to a second
    person and nothing has happened since to tell."""
    moves = {action.tag: action for action in law.actions.values()}
    possible = {law.initial_state.id}
    for entry in reversed(entries_of_case(work, case_id, tags=moves, limit=10_000)):
        action = moves[entry.tag]
        conclusion = None
        if action.outcomes:
            document = work.session.get_one(Document, entry.object_id)
            conclusion = work.open(document, "content")[action.outcome_field]
        possible = {
            target
            for state in possible
            if action in actions_from(law, state)
            for target in _targets(action, state, conclusion)
        }
    return possible


def _targets(action: Action, state: str, conclusion: str | None) -> set[str]:
    if conclusion is None:
        return {action.to or state}
    return {action.outcomes[conclusion], action.outcomes.get("second-person", action.outcomes[conclusion])}


def check_case(walk: Walk, law: Law) -> None:
    with walk.town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case).where(Case.code == walk.code)).one()
        running: list[CaseClock] = [one for one in clocks_of(work, case.id) if one.state == ClockState.RUNNING]
        assert case.state in law.states
        assert case.state in replayed(work, law, case.id)
    twins = [(clock.rule, clock.subject_id) for clock in running]
    assert len(twins) == len(set(twins)), "one rule runs twice for one subject"
    assert {clock.rule for clock in running} <= law.deadlines.keys()
    if law.states[case.state].final:
        assert not running
    assert soonest(case) == soonest_of(law, running), "the case says another limit than its clocks"
    if case.state in RUNS_IN:
        assert RUNS_IN[case.state] in {clock.rule for clock in running}


# What the people the law names do to bring a case to its end, from wherever it stands.
ENDING: dict[str, tuple[str, str, dict[str, Any]]] = {
    **{state: (who, action, values) for state, who, action, values in COURSE},
    "conclusion-review": ("chair", "confirm-conclusion", {"conclusion": "plan", "reason": "x"}),
    "specific-review": ("chair", "confirm-specific", {"conclusion": "high", "reason": "x"}),
    "change-proposed": ("chair", "refuse-change", dict(WHY)),
    "review-check": ("chair", "confirm-review", {"conclusion": "stable", "reason": "x"}),
    "observation": ("chair", "end-observation", {"outcome": "no-abuse"}),
}
WAY_ROUND = {
    "review-found-stable": ("chair", "decide-new-plan", dict(WHY)),
    "still-safe-and-stable": ("worker", "assess-parents", SAFE_AGAIN),
}


# Moves that an exclusion and an emergency opening make: tests/access walks them.
BY_OTHER_ROOMS = ("take-to-province", "open-break-glass", "review-break-glass")


def to_the_end(walk: Walk, law: Law) -> int:
    """On by the holders of the commune that holds the case now. Returns how many moves that took."""
    for moves in range(40):
        case = walk.case()
        if law.states[case.state].final:
            return moves
        who, action, values = ENDING[case.state]
        with walk.town.office.begin(SYSTEM) as work:
            code = unit(work, case.responsible_unit_id).code
        here = "" if code == "99001" else f"-{code}"
        if action == "end-case":
            walk.town.clock.at = max(walk.running()["monitoring"].due_at, walk.town.clock.now())
        try:
            walk.do(f"{who}{here}", action, values)
        except GuardRefused as refused:
            if refused.guard == "not-separated":
                walk.town.clock.at = walk.running()["separation"].due_at
                walk.pass_time(minutes=1)
                continue
            other, instead, said = WAY_ROUND[refused.guard]
            walk.do(f"{other}{here}", instead, said)
    raise AssertionError(f"no end from {walk.case().state}")


def wander(walk: Walk, law: Law, data: st.DataObject) -> None:
    """Ten acts, half of them what the law waits for, three in four by somebody of the right role."""
    for _ in range(10):
        state = walk.case().state
        primary = law.actions.get(law.states[state].primary or "reopen", law.actions["reopen"])
        others = [one for one in actions_from(law, state) if one.id not in BY_OTHER_ROOMS]
        action = data.draw(st.sampled_from([primary, *data.draw(st.permutations(others))[:1]]))
        right = [role for role in action.roles if role != "system"]
        if action.receiver:
            right = [f"{role}-99002" for role in right]
        who = data.draw(st.sampled_from([*right * 3, data.draw(st.sampled_from(PEOPLE))]))
        walk.pass_time(hours=data.draw(st.sampled_from([0, 1, 30, 24 * (100 if state == "monitoring" else 5)])))
        try:
            attempt(walk, who, action, values_for(data, walk, action))
        except CaseworkError as refused:
            event(refused.kind)
            assert walk.case().state == state
        else:
            event(f"did {action.id}")
        check_case(walk, law)


def walk_somewhere_and_to_the_end(town: Town, law: Law, data: st.DataObject) -> str:
    """The code of the case walked, which has ended."""
    clock = FrozenClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    walk = Walk(replace(town, office=replace(town.office, clock=clock), clock=clock)).open()
    walk.to(data.draw(st.sampled_from([stop for stop, _, _, _ in COURSE])))
    wander(walk, law, data)
    event(walk.case().state)
    to_the_end(walk, law)
    check_case(walk, law)
    with walk.town.office.begin(SYSTEM) as work:
        case = walk.case()
        assert law.states[case.state].final
        assert not [one for one in clocks_of(work, case.id) if one.state == ClockState.RUNNING]
        assert not [one for one in hand_overs_of(work, case.id) if one.answer is None]
    return walk.code


def test_any_walk_stays_inside_the_law_and_ends_with_no_clock_open_and_a_trail_that_verifies(
    town: Town, law: Law
) -> None:
    ended: list[str] = []

    # Not shrunk: on a real database that takes minutes, and a walk of ten acts is read as it is.
    @settings(
        max_examples=WALKS,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(data=st.data())
    def one_walk(data: st.DataObject) -> None:
        ended.append(walk_somewhere_and_to_the_end(town, law, data))

    one_walk()
    with town.office.begin(SYSTEM) as work:
        seal_checkpoint(work, force=True)
    with town.office.begin(SYSTEM) as work:
        verdict = verify(work.session, work.keys)
    assert verdict.ok, verdict.faults
    assert len(set(ended)) == WALKS
    assert verdict.entries > 40 * WALKS


def test_the_bodies_that_the_walk_refers_to_exist(town: Town) -> None:
    with town.office.begin(town.act_as("worker")) as work:
        assert work.actor.province_id is not None
        known = [bodies_of(work, work.actor.province_id, kind) for kind in (UnitKind.POLICE, UnitKind.HEALTH)]
    assert {"CA-99001", "CA-99", "YT-99001", "YT-99"} <= {unit.code for units in known for unit in units}
