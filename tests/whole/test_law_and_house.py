"""The law's data and the house that carries it out name the same things."""

from __future__ import annotations

from casework.audit.tags import Tag
from casework.cases.service import LATE_REASON
from casework.law.model import Law
from casework.people.rules import Role
from casework.referral.service import KINDS

PEOPLE = {role.value for role in Role} | {"system"}


def test_every_action_says_who_may_from_where_and_how_it_is_kept(law: Law) -> None:
    for action in law.actions.values():
        assert action.roles and action.sources and action.tag and action.article, action.id
        assert set(action.roles) <= PEOPLE
        assert {role for _, role in action.notify} <= PEOPLE


def test_no_action_shares_its_tag_with_another_or_with_the_house(law: Law) -> None:
    tags = [action.tag for action in law.actions.values()]
    assert len(set(tags)) == len(tags)
    assert not set(tags) & {tag.value for tag in Tag}


def test_every_form_an_action_names_is_there_and_every_form_is_handed_in_by_some_action(law: Law) -> None:
    named = {action.form for action in law.actions.values() if action.form}
    assert named | {LATE_REASON} == law.forms.keys()  # handed in beside whatever step came late


def test_every_body_a_case_can_be_referred_to_has_its_audience_its_moves_and_its_clock(law: Law) -> None:
    for kind in KINDS:
        assert {f"refer-{kind}", f"acknowledge-{kind}", f"answer-{kind}"} <= law.actions.keys()
        assert law.actions[f"acknowledge-{kind}"].liaison == law.actions[f"answer-{kind}"].liaison == kind
        assert {kind} <= law.audiences.keys()
        assert law.deadlines[f"acknowledge-{kind}"].owner == kind
    assert law.audiences.keys() == KINDS.keys()


def test_every_deadline_is_owed_by_a_post_and_its_breach_told_to_one(law: Law) -> None:
    for rule in law.deadlines.values():
        assert {rule.owner, rule.escalate} <= PEOPLE
