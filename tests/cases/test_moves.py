"""The one door through which a case moves: who may, from where, and what a refusal leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.audit.queries import entries_of_case
from casework.cases.models import Case
from casework.cases.service import INTAKE_ACTIONS, allowed_now, offers, record_refusal, take_action
from casework.errors import CaseworkError, Forbidden, GuardRefused, IllegalMove, Invalid
from casework.law.procedure import actions_from
from casework.people.queries import commune_by_code
from casework.people.rules import LIAISON_ROLES, Role
from casework.work import SYSTEM
from tests.cases.walking import COURSE, MINUTES, PLAN, WHY, Walk, initial, rows

if TYPE_CHECKING:
    from casework.law.model import Law
    from tests.conftest import Town

EVERYBODY = [role.value for role in Role]


def test_the_whole_course_can_be_walked_by_the_people_the_law_names(walk: Walk) -> None:
    seen = []
    for state, who, action, values in COURSE:
        seen.append(walk.case().state)
        assert seen[-1] == state
        if action == "end-case":
            walk.town.clock.at = walk.running()["monitoring"].due_at
        walk.do(who, action, values)
    assert walk.case().state == "ended"


def test_every_move_leaves_its_own_tag_its_maker_and_its_document(walk: Walk, law: Law) -> None:
    walk.to("ended")
    tags = {law.actions[action].tag: action for _, _, action, _ in COURSE}
    with walk.town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case)).one()
        entries = [one for one in reversed(entries_of_case(work, case.id)) if one.tag in tags]
    assert [tags[one.tag] for one in entries] == [action for _, _, action, _ in COURSE]
    for entry, (_, who, action, _) in zip(entries, COURSE, strict=True):
        assert entry.actor_id == walk.actor(who).id
        assert entry.object_type == ("document" if law.actions[action].form else "case")


def test_an_illegal_move_names_the_state_the_action_and_what_is_allowed_instead(walk: Walk, law: Law) -> None:
    with pytest.raises(IllegalMove) as refused:
        walk.do("chair", "end-case", {"outcome": "stable"})
    assert (refused.value.state, refused.value.action) == ("received", "end-case")
    assert refused.value.allowed == tuple(action.id for action in actions_from(law, "received"))
    assert "accept" in refused.value.allowed


def test_no_state_takes_an_action_that_the_law_does_not_give_it(walk: Walk, law: Law) -> None:
    tried = 0
    for state in [stop for stop, _, _, _ in COURSE] + ["ended"]:
        walk.to(state)
        legal = {action.id for action in actions_from(law, state)}
        for action in law.actions.values():
            if action.id not in legal:
                with pytest.raises(IllegalMove):
                    walk.do(next(iter(action.roles)), action.id, dict(WHY))
                tried += 1
    assert tried > 100
    assert walk.case().state == "ended"


def test_nobody_makes_a_move_that_is_another_role_s(walk: Walk, law: Law) -> None:
    for state, _, _, _ in COURSE:
        walk.to(state)
        for action in actions_from(law, state):
            for who in EVERYBODY:
                if who not in action.roles:
                    with pytest.raises(Forbidden) as refused:
                        walk.do(who, action.id, dict(WHY))
                    assert refused.value.reason == "role"


def test_staff_of_another_commune_cannot_move_a_case(walk: Walk) -> None:
    for who in ("worker-99002", "chair-99002"):
        with pytest.raises(Forbidden) as refused:
            walk.do(who, "accept")
        assert refused.value.reason == "case-held-elsewhere"
    assert walk.case().state == "received"


def test_staff_of_the_old_commune_cannot_move_a_case_that_was_sent_on(town: Town) -> None:
    walk = Walk(town).open(incident_commune="xã không có")
    with town.office.begin(SYSTEM) as work:
        target = commune_by_code(work, "99002")
        assert target is not None
    walk.do("supervisor", "route", {"incident_commune": "99002"}, to_unit=target.id)
    with pytest.raises(Forbidden):
        walk.do("worker", "accept")
    walk.do("worker-99002", "accept")
    assert walk.case().state == "initial-assessment"


def test_a_body_the_case_was_not_referred_to_cannot_act_on_it(walk: Walk) -> None:
    for role in LIAISON_ROLES:
        with pytest.raises(Forbidden) as refused:
            walk.do(role, f"acknowledge-{role.value}")
        assert refused.value.reason == "not-referred-to-this-unit"


def test_anybody_who_may_report_adds_to_a_case_of_another_commune(walk: Walk) -> None:
    walk.do("worker-99002", "join-report", {"danger_now": "no", "narrative": "x"})
    with pytest.raises(Forbidden):
        walk.do("auditor", "join-report", {"danger_now": "no", "narrative": "x"})


@pytest.mark.parametrize(
    ("who", "action", "values", "refusal"),
    [
        ("worker", "submit-plan", PLAN, IllegalMove),
        ("chair", "submit-initial-assessment", initial("plan"), Forbidden),
        ("worker-99002", "submit-initial-assessment", initial("plan"), Forbidden),
        ("worker", "submit-initial-assessment", initial("plan", {"harm_1_1": "cao"}), GuardRefused),
        ("worker", "submit-initial-assessment", {}, Invalid),
        ("worker", "submit-initial-assessment", initial("no such conclusion"), Invalid),
    ],
)
def test_a_refused_move_leaves_nothing_behind(
    walk: Walk, who: str, action: str, values: dict[str, str], refusal: type[CaseworkError]
) -> None:
    walk.to("initial-assessment")
    before = rows(walk.town)
    with pytest.raises(refusal):
        walk.do(who, action, values)
    assert rows(walk.town) == before


def test_a_move_that_succeeds_does_leave_rows_behind(walk: Walk) -> None:
    """The comparison of the test above can see a change."""
    walk.to("initial-assessment")
    before = rows(walk.town)
    walk.do("worker", "submit-initial-assessment", initial("plan"))
    assert rows(walk.town) != before


def test_a_refusal_is_kept_in_a_transaction_of_its_own_with_its_reason_sealed(walk: Walk) -> None:
    office, reason = walk.town.office, "illegal-move: end-case is not allowed in received"
    with pytest.raises(IllegalMove), office.begin(walk.actor("chair")) as work:
        take_action(work, work.session.exec(select(Case)).one(), "end-case")
    with office.begin(walk.actor("chair")) as work:
        record_refusal(work, work.session.exec(select(Case)).one(), "end-case", reason)
    with office.begin(SYSTEM) as work:
        entry = work.session.exec(select(AuditEntry).where(AuditEntry.tag == "move:refused")).one()
        assert (entry.result, entry.object_type, entry.actor_id) == ("refused", "end-case", walk.actor("chair").id)
        assert work.open(entry, "reason") == reason
    assert not any(reason in row for row in rows(walk.town)["audit_entry"])


def test_what_a_person_is_offered_is_what_they_may_do(walk: Walk, law: Law) -> None:
    """No button that would be refused for who they are or where the case stands; none missing."""
    for state, _, _, _ in COURSE:
        walk.to(state)
        for who in EVERYBODY:
            with walk.town.office.begin(walk.actor(who)) as work:
                with work.whole_sight():
                    case = work.session.exec(select(Case)).one()
                offered = {action.id for action in allowed_now(work, case)}
                assert offered == {offer.action.id for offer in offers(work, case)}
            expected = {
                action.id
                for action in actions_from(law, state, who)
                if action.liaison is None and not action.receiver and action.id not in INTAKE_ACTIONS
            }
            assert offered == expected, (state, who)


def test_an_offer_says_which_condition_still_stands_in_its_way(walk: Walk) -> None:
    walk.to("monitoring")

    def blocked() -> dict[str, str | None]:
        with walk.town.office.begin(walk.actor("chair")) as work:
            found = offers(work, work.session.exec(select(Case)).one())
        return {offer.action.id: offer.blocked_by for offer in found}

    assert blocked()["end-case"] == "monitored-three-months"
    assert blocked()["cancel-separation"] == "separated"
    assert blocked()["risk-returned"] is None
    walk.town.clock.at = walk.running()["monitoring"].due_at
    assert blocked()["end-case"] is None


def test_the_meeting_may_be_recorded_by_the_chair_as_well(walk: Walk) -> None:
    walk.to("needs-meeting").do("chair", "record-meeting", MINUTES)
    assert walk.case().state == "planning"


def test_an_ended_case_opens_again_only_by_reopening_it(walk: Walk, law: Law) -> None:
    walk.to("ended")
    assert {action.id for action in actions_from(law, "ended") if action.liaison is None} == {"reopen"}
    walk.do("worker", "reopen", dict(WHY))
    assert walk.case().state == "initial-assessment"
    assert "emergency" in walk.running()
