"""The conditions of the law's moves, each seen to hold and seen to refuse."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.cases.rules import CARERS, GUARDS, GuardSight, carers_of, concludes_below
from casework.clock import local
from casework.deadlines.models import ClockState
from casework.errors import GuardRefused
from tests.cases.walking import (
    CALM,
    GRAVE,
    PLAN,
    SAFE_AGAIN,
    WHY,
    Walk,
    initial,
    review,
    specific,
)

if TYPE_CHECKING:
    from casework.law.model import Law
    from tests.conftest import Town

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
STRANGERS = ("sibling", "relative", "neighbour", "teacher", "friend", "stranger", "other", "unknown")


def sight(**more: Any) -> GuardSight:
    seen: dict[str, Any] = {
        "facts": {},
        "form": None,
        "values": {},
        "now": NOW,
        "commune_known": True,
        "separation": None,
        "most_separated_days": 15,
        "monitored_until": None,
        "documents": {},
        "authors": {},
        "last_values": lambda form: {},
        "forms": {},
        "carers": frozenset({"father"}),
    }
    return GuardSight(**{**seen, **more})


def refused(walk: Walk, who: str, action: str, values: dict[str, Any] | None = None) -> str:
    """The condition that refuses this move."""
    with pytest.raises(GuardRefused) as caught:
        walk.do(who, action, values)
    return caught.value.guard


# ---------------------------------------------------------------- Mẫu 02: less than what is written down


def test_concluding_less_than_a_high_indicator_needs_a_reason(walk: Walk) -> None:
    walk.to("initial-assessment")
    assert refused(walk, "worker", "submit-initial-assessment", initial("plan", GRAVE)) == "reason-when-lower"
    walk.do("worker", "submit-initial-assessment", initial("plan", GRAVE, reason="Trẻ đã ở nơi an toàn."))
    assert walk.case().state == "conclusion-review"


def test_a_lower_conclusion_waits_for_a_second_person_who_may_overrule_it(walk: Walk) -> None:
    walk.to("initial-assessment")
    walk.do("worker", "submit-initial-assessment", initial("monitor", GRAVE, reason="x"))
    assert (walk.case().state, walk.case().risk) == ("conclusion-review", "high")
    assert "emergency" in walk.running(), "the twelve hours run until two people have agreed"
    walk.do("chair", "confirm-conclusion", {"conclusion": "emergency", "reason": "y"})
    assert (walk.case().state, walk.case().risk) == ("emergency", "emergency")


@pytest.mark.parametrize(
    ("conclusion", "state", "risk"), [("plan", "specific-assessment", "medium"), ("monitor", "observation", "low")]
)
def test_a_second_person_who_agrees_lets_the_lower_conclusion_stand(
    walk: Walk, conclusion: str, state: str, risk: str
) -> None:
    walk.to("initial-assessment")
    walk.do("worker", "submit-initial-assessment", initial(conclusion, GRAVE, reason="x"))
    walk.do("chair", "confirm-conclusion", {"conclusion": conclusion, "reason": "y"})
    assert (walk.case().state, walk.case().risk) == (state, risk)
    assert "emergency" not in walk.running()


@pytest.mark.parametrize("conclusion", ["plan", "monitor"])
def test_a_conclusion_that_nothing_speaks_against_needs_neither(walk: Walk, conclusion: str) -> None:
    walk.to("initial-assessment").do("worker", "submit-initial-assessment", initial(conclusion, CALM))
    assert walk.case().state in ("specific-assessment", "observation")


# ---------------------------------------------------------------- article 31.1: the carer is the one harming


def test_the_carers_are_relations_that_mau_01_can_name_and_the_decree_s_own_are_among_them(law: Law) -> None:
    named = {option.id for option in law.lists["harmer_relations"]}
    assert {"father", "mother"} <= carers_of(law) <= named
    assert named - carers_of(law) == set(STRANGERS), "a new relation has to be weighed: carer or not?"
    said = {option.id: option.text for option in law.lists["harmer_relations"]}
    assert all(said[option.id] == option.text for option in law.lists[CARERS]), "one wording for one relation"


@pytest.mark.parametrize("relation", ["father", "mother", "stepfather", "stepmother", "grandparent", "facility"])
def test_less_than_the_emergency_while_a_carer_harms_needs_a_reason_and_a_second_person(
    town: Town, relation: str
) -> None:
    walk = Walk(town).open(harmer_relation=relation).to("initial-assessment")
    assert refused(walk, "worker", "submit-initial-assessment", initial("plan")) == "reason-when-lower"
    walk.do("worker", "submit-initial-assessment", initial("plan", reason="Người đó không còn ở gần trẻ."))
    assert walk.case().state == "conclusion-review"
    assert "emergency" in walk.running()


def test_the_emergency_itself_needs_no_reason_whoever_harms(town: Town) -> None:
    walk = Walk(town).open(harmer_relation="father").to("initial-assessment")
    walk.do("worker", "submit-initial-assessment", initial("emergency"))
    assert walk.case().state == "emergency"


@pytest.mark.parametrize("relation", [*STRANGERS, None])
def test_somebody_who_is_no_carer_changes_nothing(law: Law, relation: str | None) -> None:
    facts = {"harmer.relation": {"value": relation}} if relation else {}
    assert not concludes_below(law.forms["02"], initial("plan"), facts, carers_of(law))


def test_a_carer_named_only_by_a_later_report_counts_as_well(walk: Walk) -> None:
    walk.to("initial-assessment").join(harmer_relation="mother")
    assert refused(walk, "worker", "submit-initial-assessment", initial("monitor")) == "reason-when-lower"


@pytest.mark.parametrize(("form", "values"), [("03", SAFE_AGAIN), ("06", review("stable"))])
def test_later_forms_are_read_by_their_own_indicators_alone(law: Law, form: str, values: dict[str, Any]) -> None:
    """Their high conclusion is no emergency: a father who harmed may have become safe, which is what they are to find."""
    facts = {"harmer.relation": {"value": "father"}}
    assert not concludes_below(law.forms[form], values, facts, carers_of(law))


# ---------------------------------------------------------------- Mẫu 03 and 06


def test_concluding_low_against_the_count_of_mau_03_needs_a_reason(walk: Walk) -> None:
    walk.to("specific-assessment")
    assert refused(walk, "worker", "submit-specific-assessment", specific("low")) == "reason-when-lower"
    assert refused(walk, "worker", "submit-specific-assessment", specific("low", "trung_binh", "thap"))
    walk.do("worker", "submit-specific-assessment", specific("low", reason="Người gây hại đã bị tạm giữ."))
    assert (walk.case().state, walk.case().risk) == ("specific-review", "high")


@pytest.mark.parametrize("conclusion", ["high", "low"])
def test_a_second_person_settles_what_mau_03_concludes(walk: Walk, conclusion: str) -> None:
    walk.to("specific-assessment").do("worker", "submit-specific-assessment", specific("low", reason="x"))
    walk.do("chair", "confirm-specific", {"conclusion": conclusion, "reason": "y"})
    assert (walk.case().state, walk.case().risk) == ("needs-meeting", conclusion)


def test_a_repeated_mau_03_that_concludes_lower_frees_no_child_before_a_second_person_looked(walk: Walk) -> None:
    separated(walk).to("needs-meeting").do("worker", "assess-parents", specific("low", reason="x"))
    assert refused(walk, "chair", "cancel-separation", CANCEL) == "new-specific-assessment"
    walk.do("chair", "confirm-parents", {"conclusion": "high", "reason": "y"})
    assert refused(walk, "chair", "cancel-separation", CANCEL) == "new-specific-assessment"
    walk.do("worker", "assess-parents", specific("low", reason="x"))
    walk.do("chair", "confirm-parents", {"conclusion": "low", "reason": "y"})
    walk.do("chair", "cancel-separation", CANCEL)


def test_there_is_nothing_to_look_at_again_where_no_conclusion_is_lower(walk: Walk) -> None:
    walk.to("needs-meeting").do("worker", "assess-parents", SAFE_AGAIN)
    assert refused(walk, "chair", "confirm-parents", {"conclusion": "low", "reason": "y"}) == "lower-conclusion-waits"


@pytest.mark.parametrize(
    ("look", "form"), [("confirm-conclusion", "02"), ("confirm-specific", "03"), ("confirm-review", "06")]
)
def test_nobody_is_the_second_person_to_look_at_their_own_conclusion(law: Law, look: str, form: str) -> None:
    """A worker who has become the chair since would be."""
    own, other = uuid4(), uuid4()
    seen = sight(form=law.forms[look], actor_id=own)
    assert GUARDS["another-person"](replace(seen, authors={form: other}))
    assert not GUARDS["another-person"](replace(seen, authors={form: own}))


def test_concluding_stable_against_the_count_of_mau_06_needs_a_reason(walk: Walk) -> None:
    walk.to("carrying-out")
    assert refused(walk, "worker", "submit-review", review("stable", "cao", "thap")) == "reason-when-lower"
    walk.do("worker", "submit-review", review("stable", "cao", "thap", reason="x"))
    assert walk.case().state == "review-check"
    assert "review" in walk.running(), "its day stands until two people have agreed"


@pytest.mark.parametrize(("conclusion", "allowed"), [("stable", True), ("continue", False)])
def test_only_a_review_that_the_second_person_found_stable_leads_to_monitoring(
    walk: Walk, conclusion: str, allowed: bool
) -> None:
    walk.to("carrying-out").do("worker", "submit-review", review("stable", "cao", "thap", reason="x"))
    walk.do("chair", "confirm-review", {"conclusion": conclusion, "reason": "y"})
    assert (walk.case().state, "review" in walk.running()) == ("reviewed", False)
    if allowed:
        walk.do("chair", "decide-monitoring")
    else:
        assert refused(walk, "chair", "decide-monitoring") == "review-found-stable"


def test_no_case_ends_whose_latest_mau_03_found_the_child_at_risk_again(walk: Walk) -> None:
    walk.to("monitoring").do("worker", "assess-parents", specific("high"))
    walk.town.clock.at = walk.running()["monitoring"].due_at
    assert refused(walk, "chair", "end-case", {"outcome": "stable"}) == "still-safe-and-stable"
    walk.do("worker", "assess-parents", SAFE_AGAIN)
    walk.do("chair", "end-case", {"outcome": "stable"})


# ---------------------------------------------------------------- the commune, the plan, the end


def test_a_case_whose_commune_nobody_knows_cannot_be_accepted_by_one() -> None:
    assert GUARDS["commune-known"](sight())
    assert not GUARDS["commune-known"](sight(commune_known=False))


@pytest.mark.parametrize("activities", [None, []])
def test_a_plan_without_activities_is_no_plan(walk: Walk, activities: list[Any] | None) -> None:
    walk.to("planning")
    assert refused(walk, "worker", "submit-plan", {**PLAN, "activities": activities}) == "activities-named"


def test_monitoring_needs_a_review_that_found_the_child_stable(walk: Walk) -> None:
    walk.to("carrying-out").do("worker", "submit-review", review("continue"))
    assert refused(walk, "chair", "decide-monitoring") == "review-found-stable"
    walk.do("chair", "decide-new-plan", dict(WHY))
    assert walk.case().state == "planning"


def test_the_latest_review_decides_and_not_an_earlier_one(walk: Walk) -> None:
    walk.to("carrying-out").do("worker", "submit-review", review("continue"))
    walk.do("chair", "decide-new-plan", dict(WHY))
    walk.to("reviewed")
    assert walk.content("06")["conclusion"] == "stable"
    walk.do("chair", "decide-monitoring")
    assert walk.case().state == "monitoring"


def test_nothing_ends_before_three_months_of_monitoring_are_over(walk: Walk) -> None:
    walk.to("monitoring")
    end = walk.running()["monitoring"].due_at
    assert local(end).date() == date(2027, 2, 23)
    walk.town.clock.at = end - timedelta(seconds=1)
    assert refused(walk, "chair", "end-case", {"outcome": "stable"}) == "monitored-three-months"
    walk.town.clock.at = end
    walk.do("chair", "end-case", {"outcome": "stable"})
    assert walk.case().state == "ended"


def test_monitoring_begun_again_has_to_last_three_months_again(walk: Walk) -> None:
    walk.to("monitoring")
    first = walk.running()["monitoring"].due_at
    walk.pass_time(days=80)
    walk.do("worker", "risk-returned", dict(WHY))
    walk.to("monitoring")
    walk.town.clock.at = first + timedelta(days=1)
    assert refused(walk, "chair", "end-case", {"outcome": "stable"}) == "monitored-three-months"


# ---------------------------------------------------------------- separation, article 32


def separated(walk: Walk, days: int = 15) -> Walk:
    walk.to("emergency").do("chair", "order-separation", walk.separation(days))
    return walk


@pytest.mark.parametrize("days", [1, 10, 15])
def test_a_separation_ends_with_the_day_it_was_ordered_for(walk: Walk, days: int) -> None:
    separated(walk, days)
    assert local(walk.running()["separation"].due_at).date() == TODAY + timedelta(days=days)


def iso(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    "change",
    [
        {"days": 16, "until": iso(16)},
        {"days": 0, "until": iso(0)},
        {"days": 15, "until": iso(16)},
        {"days": 10, "until": iso(9)},
        {"days": 15, "separation_from": iso(1), "until": iso(17)},
        {"days": 5, "separation_from": iso(-2), "until": iso(3)},
        {"days": 5, "separation_from": iso(30), "until": iso(35)},
        {"days": 5, "until": iso(-5)},
        {"days": None, "separation_from": None, "until": iso(100)},
    ],
)
def test_separation_cannot_outlast_fifteen_days(walk: Walk, change: dict[str, Any]) -> None:
    walk.to("emergency")
    values = {key: value for key, value in {**walk.separation(), **change}.items() if value is not None}
    assert refused(walk, "chair", "order-separation", values) == "separation-within-fifteen-days"


days_near = st.integers(-40, 40)


@given(start=st.none() | days_near, until=st.none() | days_near, days=st.none() | st.integers(-2, 60))
def test_no_answers_whatever_let_a_separation_run_past_the_sixteenth_day(
    start: int | None, until: int | None, days: int | None
) -> None:
    values: dict[str, Any] = {}
    if start is not None:
        values["separation_from"] = iso(start)
    if until is not None:
        values["until"] = iso(until)
    if days is not None:
        values["days"] = days
    if GUARDS["separation-within-fifteen-days"](sight(values=values)) and until is not None:
        assert (start or 0) < until <= 16


def test_a_child_already_separated_is_not_separated_again(walk: Walk) -> None:
    separated(walk)
    assert refused(walk, "chair", "order-separation", walk.separation()) == "not-separated"


CANCEL = {"reason": "Cha mẹ đã bảo đảm an toàn.", "handed_to": "Người mẹ (diễn tập)"}


def test_only_a_new_mau_03_that_finds_the_child_safe_cancels_a_separation(walk: Walk) -> None:
    separated(walk)
    assert refused(walk, "chair", "cancel-separation", CANCEL) == "new-specific-assessment"
    walk.to("specific-assessment").do("worker", "submit-specific-assessment", specific("high"))
    assert refused(walk, "chair", "cancel-separation", CANCEL) == "new-specific-assessment"
    walk.do("worker", "assess-parents", SAFE_AGAIN)
    walk.do("chair", "cancel-separation", CANCEL)
    assert "separation" not in walk.running()
    assert walk.clocks("separation")[0].state == ClockState.MET


def test_a_mau_03_of_the_same_morning_but_before_the_order_does_not_cancel_it(walk: Walk) -> None:
    walk.to("specific-assessment").do("worker", "submit-specific-assessment", SAFE_AGAIN)
    walk.do("chair", "order-separation", walk.separation())
    assert refused(walk, "chair", "cancel-separation", CANCEL) == "new-specific-assessment"
    walk.do("worker", "assess-parents", SAFE_AGAIN)
    walk.do("chair", "cancel-separation", CANCEL)


def test_a_safe_mau_03_overtaken_by_a_worse_one_no_longer_cancels(walk: Walk) -> None:
    separated(walk).to("specific-assessment").do("worker", "submit-specific-assessment", SAFE_AGAIN)
    walk.do("worker", "assess-parents", specific("high"))
    assert refused(walk, "chair", "cancel-separation", CANCEL) == "new-specific-assessment"


def test_a_second_separation_after_a_cancelled_one_needs_its_own_mau_03(walk: Walk) -> None:
    separated(walk).to("specific-assessment").do("worker", "submit-specific-assessment", SAFE_AGAIN)
    walk.do("chair", "cancel-separation", CANCEL)
    walk.do("chair", "order-separation", walk.separation(5))
    assert refused(walk, "chair", "cancel-separation", CANCEL) == "new-specific-assessment"


def test_there_is_nothing_to_cancel_without_a_separation(walk: Walk) -> None:
    walk.to("needs-meeting")
    assert refused(walk, "chair", "cancel-separation", CANCEL) == "separated"


def test_no_case_ends_while_the_child_is_separated(walk: Walk) -> None:
    separated(walk).to("monitoring")
    end = walk.running()["monitoring"].due_at
    body = {"past_limit": True, "competent_body": "Tòa án (diễn tập)", "competent_paper": "01/QĐ-TA"}
    until = (local(end).date() + timedelta(days=30)).isoformat()
    walk.do("chair", "extend-separation", {"until": until, "reason": "x", **body})
    walk.town.clock.at = end
    assert refused(walk, "chair", "end-case", {"outcome": "stable"}) == "not-separated"
    walk.do("worker", "assess-parents", SAFE_AGAIN)
    walk.do("chair", "cancel-separation", CANCEL)
    walk.do("chair", "end-case", {"outcome": "stable"})


def test_no_observation_ends_while_the_child_is_separated(walk: Walk) -> None:
    separated(walk).to("specific-assessment").do("worker", "assess-again", dict(WHY))
    walk.do("worker", "submit-initial-assessment", initial("monitor"))
    assert refused(walk, "chair", "end-observation", {"outcome": "other"}) == "not-separated"
