"""Whatever anybody does, in whatever order: the case stays inside the law, and the trail alone tells where it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from casework.audit.queries import entries_of_case
from casework.cases.models import Case, Document
from casework.clock import FrozenClock
from casework.deadlines.models import CaseClock, ClockState
from casework.deadlines.queries import clocks_of
from casework.errors import CaseworkError, Forbidden
from casework.law.model import Action, Law
from casework.law.procedure import actions_from
from casework.people.models import UnitKind
from casework.people.queries import bodies_of
from casework.referral.models import Referral
from casework.referral.service import acknowledge, answer, refer_case
from casework.work import SYSTEM, Work
from tests.cases.walking import (
    CALM,
    COURSE,
    GRAVE,
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

PEOPLE = ("worker", "chair", "supervisor", "hotline", "police", "health", "worker-99002", "auditor", "collaborator")
CONCLUSIONS = ("emergency", "plan", "monitor")
# What runs whenever a case stands there: no stage of the law is ever without its limit.
RUNS_IN = {
    "initial-assessment": "emergency",
    "conclusion-review": "emergency",
    "emergency": "emergency",
    "planning": "submit-plan",
    "plan-submitted": "approve-plan",
    "carrying-out": "review",
    "monitoring": "monitoring",
}


def values_for(data: st.DataObject, walk: Walk, action: Action) -> dict[str, Any]:
    """Answers of the action's form, some of which a guard will refuse."""
    reason = data.draw(st.sampled_from([{}, WHY]))
    choices: dict[str | None, list[dict[str, Any]]] = {
        "01": [report(danger_now=now, harmer_relation=who) for now in ("yes", "no") for who in ("father", "friend")],
        "02": [initial(one, levels, **reason) for one in CONCLUSIONS for levels in (CALM, GRAVE)],
        "03": [specific("high"), specific("low", **reason), SAFE_AGAIN],
        "04": [PLAN, {**PLAN, "activities": []}],
        "06": [review("stable"), review("continue"), review("stable", "cao", "thap", **reason)],
        "07": [walk.separation(days) for days in (3, 15, 16)],
        "confirm-conclusion": [{"conclusion": one, "reason": "x"} for one in CONCLUSIONS],
        "minutes": [MINUTES],
        "end-case": [{"outcome": "stable"}],
        "referral": [{"to_unit": unit, "reason": "x"} for unit in ("CA-99001", "CA-99", "YT-99001", "YT-99")],
        "route": [{"incident_commune": "99001"}],
    }
    return dict(data.draw(st.sampled_from(choices.get(action.form, [WHY]))))


def attempt(walk: Walk, who: str, action: Action, values: dict[str, Any]) -> None:
    """As the doors do it: a referral, and what answers it, by the room of referrals."""
    with walk.town.office.begin(walk.actor(who)) as work:
        case = work.session.exec(select(Case).where(Case.code == walk.code)).one()
        if action.id.startswith("refer-"):
            refer_case(work, case, action.id.removeprefix("refer-"), values)
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
    if case.state in RUNS_IN:
        assert RUNS_IN[case.state] in {clock.rule for clock in running}


# Not shrunk: on a real database that takes minutes, and a walk of fourteen acts is read as it is.
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_no_order_of_acts_by_anybody_leads_out_of_the_law(town: Town, law: Law, data: st.DataObject) -> None:
    clock = FrozenClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    walk = Walk(replace(town, office=replace(town.office, clock=clock), clock=clock)).open()
    walk.to(data.draw(st.sampled_from([stop for stop, _, _, _ in COURSE])))
    for _ in range(14):
        state = walk.case().state
        # Half the acts are the one the law waits for, three in four by somebody of the right role: courses end, too.
        primary = law.actions.get(law.states[state].primary or "reopen", law.actions["reopen"])
        action = data.draw(st.sampled_from([primary, *data.draw(st.permutations(actions_from(law, state)))[:1]]))
        right = [role for role in action.roles if role != "system"]
        who = data.draw(st.sampled_from([*right * 3, data.draw(st.sampled_from(PEOPLE))]))
        clock.advance(hours=data.draw(st.sampled_from([0, 1, 30, 24 * (100 if state == "monitoring" else 5)])))
        try:
            attempt(walk, who, action, values_for(data, walk, action))
        except CaseworkError as refused:
            event(refused.kind)
            assert walk.case().state == state
        check_case(walk, law)
    event(walk.case().state)


def test_the_bodies_that_the_walk_refers_to_exist(town: Town) -> None:
    with town.office.begin(town.act_as("worker")) as work:
        assert work.actor.province_id is not None
        known = [bodies_of(work, work.actor.province_id, kind) for kind in (UnitKind.POLICE, UnitKind.HEALTH)]
    assert {"CA-99001", "CA-99", "YT-99001", "YT-99"} <= {unit.code for units in known for unit in units}
