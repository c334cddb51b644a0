"""Moves: which are allowed, what is said instead of a forbidden one, where they lead."""

from __future__ import annotations

import pytest

from casework.errors import IllegalMove, Invalid
from casework.law.model import Law
from casework.law.procedure import actions_from, find_action, target_of


def test_a_move_the_law_allows_is_found(law: Law) -> None:
    assert find_action(law, "planning", "submit-plan").to == "plan-submitted"


def test_a_forbidden_move_is_refused_by_name_with_what_is_allowed_instead(law: Law) -> None:
    with pytest.raises(IllegalMove) as refused:
        find_action(law, "received", "approve-plan")
    assert (refused.value.state, refused.value.action) == ("received", "approve-plan")
    assert "accept" in refused.value.allowed
    assert "approve-plan" not in refused.value.allowed


def test_moves_stand_in_the_order_of_the_file(law: Law) -> None:
    order = list(law.actions)
    for state in law.states:
        ids = [action.id for action in actions_from(law, state)]
        assert ids == sorted(ids, key=order.index)


def test_a_star_means_every_state_that_is_not_final(law: Law) -> None:
    for state in law.states.values():
        assert ("refer-police" in {action.id for action in actions_from(law, state.id)}) is not state.final


def test_a_role_is_offered_its_own_moves_only(law: Law) -> None:
    assert "approve-plan" in {action.id for action in actions_from(law, "plan-submitted", "chair")}
    assert "approve-plan" not in {action.id for action in actions_from(law, "plan-submitted", "worker")}


def test_only_the_chair_decides_separation_plan_and_end(law: Law) -> None:
    for action_id in ("order-separation", "cancel-separation", "approve-plan", "end-case", "decide-measures"):
        assert law.actions[action_id].roles == ("chair",)


def test_a_case_that_has_ended_is_only_answered_or_reopened(law: Law) -> None:
    moved = {action.id for action in actions_from(law, "ended") if target_of(action, "ended", {}) != "ended"}
    assert moved == {"reopen"}


def test_no_case_ends_while_the_child_is_separated(law: Law) -> None:
    ending = [action for action in law.actions.values() if action.to and law.states[action.to].final]
    assert ending
    assert [action.id for action in ending if "not-separated" not in action.guards] == []


def test_the_conclusion_leads(law: Law) -> None:
    action = law.actions["submit-initial-assessment"]
    for conclusion, state in (("emergency", "emergency"), ("plan", "specific-assessment"), ("monitor", "observation")):
        assert target_of(action, "initial-assessment", {"conclusion": conclusion}) == state
    assert target_of(action, "initial-assessment", {"conclusion": "second-person"}) == "conclusion-review"


@pytest.mark.parametrize(("values", "fault"), [({}, "missing"), ({"conclusion": "nothing"}, "not-a-choice")])
def test_a_conclusion_nobody_knows_leads_nowhere(law: Law, values: dict[str, str], fault: str) -> None:
    with pytest.raises(Invalid) as refused:
        target_of(law.actions["submit-initial-assessment"], "initial-assessment", values)
    assert refused.value.faults == {"conclusion": fault}


def test_a_move_without_target_stays(law: Law) -> None:
    assert target_of(law.actions["record-progress"], "planning", {}) == "planning"
