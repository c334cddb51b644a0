"""Separation, article 32: extended inside the law's days, over with its last day, ordered anew, asked of a court."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from casework.audit.queries import entries_of_case
from casework.clock import local
from casework.deadlines.models import ClockState
from casework.deadlines.sweeping import sweep
from casework.errors import GuardRefused, Invalid
from casework.work import SYSTEM
from tests.cases.walking import Walk

FIRST = date(2026, 11, 23)
BODY = {"past_limit": True, "competent_body": "Cơ quan điều tra (diễn tập)", "competent_paper": "12/CQĐT"}
SEEN = {"happened_at": "2026-12-09T09:00:00+07:00", "child_safe": "yes", "text": "Trẻ đã về với bà ngoại (diễn tập)."}


@pytest.fixture
def separated(walk: Walk) -> Walk:
    """Five days, from today on."""
    walk.to("emergency").do("chair", "order-separation", walk.separation(5))
    return walk


def extension(days: int, **more: Any) -> dict[str, Any]:
    until = (FIRST + timedelta(days=days)).isoformat()
    return {"until": until, "reason": "Nơi ở chưa an toàn.", "past_limit": False, **more}


def refused(walk: Walk, action: str, values: dict[str, Any], who: str = "chair") -> str:
    with pytest.raises(GuardRefused) as caught:
        walk.do(who, action, values)
    return caught.value.guard


def last_day(walk: Walk) -> date:
    return local(walk.running()["separation"].due_at).date()


@pytest.mark.parametrize("days", [6, 15])
def test_an_extension_moves_the_last_day_of_the_running_clock_and_starts_none(separated: Walk, days: int) -> None:
    separated.do("chair", "extend-separation", extension(days))
    assert last_day(separated) == FIRST + timedelta(days=days)
    (clock,) = separated.clocks("separation")
    assert clock.state == ClockState.RUNNING


def test_an_extended_separation_warns_on_the_days_before_its_new_last_one(separated: Walk) -> None:
    separated.do("chair", "extend-separation", extension(15))
    days = [local(moment).date() for moment in map(_moment, separated.running()["separation"].warn_at)]
    assert days == [FIRST + timedelta(days=day) for day in (10, 13, 14)]


def _moment(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)


@pytest.mark.parametrize("days", [4, 5])
def test_an_extension_that_is_none_is_refused(separated: Walk, days: int) -> None:
    assert refused(separated, "extend-separation", extension(days)) == "extension-within-limit"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"past_limit": True},
        {**BODY, "competent_body": ""},
        {**BODY, "competent_paper": ""},
        {**BODY, "past_limit": False},
    ],
)
def test_past_fifteen_days_only_a_competent_body_with_a_named_paper_extends(
    separated: Walk, more: dict[str, Any]
) -> None:
    assert refused(separated, "extend-separation", extension(16, **more)) == "extension-within-limit"
    separated.do("chair", "extend-separation", extension(16, **BODY))
    assert last_day(separated) == FIRST + timedelta(days=16)


def test_several_extensions_together_keep_to_the_fifteen_days_from_the_first(separated: Walk) -> None:
    separated.do("chair", "extend-separation", extension(10))
    separated.pass_time(days=4)
    separated.do("chair", "extend-separation", extension(15))
    assert refused(separated, "extend-separation", extension(16)) == "extension-within-limit"


def test_a_separation_that_does_not_run_is_not_extended(walk: Walk) -> None:
    walk.to("needs-meeting")
    assert refused(walk, "extend-separation", extension(6)) == "separated"


def test_after_its_last_day_a_separation_is_over_and_breached(separated: Walk) -> None:
    separated.town.clock.at = separated.running()["separation"].due_at + timedelta(minutes=1)
    assert refused(separated, "extend-separation", extension(15)) == "separated"
    assert refused(separated, "cancel-separation", {"reason": "x", "handed_to": "y"}) == "separated"
    with separated.town.office.begin(SYSTEM) as work:
        while sweep(work):
            pass
    (clock,) = separated.clocks("separation")
    assert clock.breached_at is not None
    separated.do("worker", "record-separation-over", SEEN)
    (clock,) = separated.clocks("separation")
    assert clock.state == ClockState.MET, "written down, with why nobody decided in time"
    with separated.town.office.begin(SYSTEM) as work:
        assert entries_of_case(work, separated.case().id, tags=["late-reason:given"])


def test_after_a_separation_is_over_a_further_order_is_possible_and_the_old_one_lapses(separated: Walk) -> None:
    separated.pass_time(days=6)
    separated.do("chair", "order-separation", separated.separation(5))
    assert [clock.state for clock in separated.clocks("separation")] == [ClockState.CANCELLED, ClockState.RUNNING]


def test_until_the_end_of_its_last_day_a_separation_is_not_over(separated: Walk) -> None:
    separated.town.clock.at = separated.running()["separation"].due_at
    assert refused(separated, "order-separation", separated.separation(5)) == "not-separated"
    assert refused(separated, "record-separation-over", SEEN, "worker") == "separation-over"


@pytest.mark.parametrize("lacking", ["trigger", "receiver"])
def test_no_separation_without_its_reason_of_the_law_and_its_safe_place(walk: Walk, lacking: str) -> None:
    walk.to("emergency")
    assert refused(walk, "order-separation", walk.separation(5, **{lacking: ""})) == "separation-named"


def test_the_court_is_asked_by_the_chair_while_the_case_goes_on_where_it_stands(separated: Walk) -> None:
    separated.do("chair", "court-request", {"court": "Tòa án (diễn tập)", "asks": ["separate"], "grounds": "x"})
    assert separated.case().state == "emergency"
    assert separated.content("court-request")["asks"] == ["separate"]


def test_a_separation_that_ran_out_asks_why_nobody_decided_in_time(separated: Walk) -> None:
    separated.pass_time(days=6)
    with pytest.raises(Invalid) as caught:
        separated.do("worker", "record-separation-over", SEEN, late_reason=None)
    assert caught.value.faults == {"late_reason": "missing"}
