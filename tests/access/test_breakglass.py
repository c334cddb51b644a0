"""Opening a case in an emergency: an hour, reading only, told at once, looked at within a day, never where one is kept out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import select

from casework.access.models import CaseGrant
from casework.cases.exclusions import keep_from
from casework.cases.models import Case
from casework.cases.queries import find_case
from casework.cases.service import take_action
from casework.deadlines.models import CaseClock, ClockState
from casework.deadlines.queries import running_of
from casework.errors import BreakGlassSpent, Forbidden, Invalid, NotFound
from casework.jobs.runner import climb, sweep_clocks
from casework.oversight.breakglass import note_not_opened, open_in_emergency, review_opening, terms
from casework.people.service import take_leave
from casework.work import SYSTEM
from tests.access.filled import other_province
from tests.access.scenes import report, second_supervisor, staff_named, told
from tests.cases.walking import Walk
from tests.conftest import Town
from tests.web.conftest import Browser, app, browser  # noqa: F401

SignIn = Callable[[str], Browser]
WHY = "Trẻ đang ở chợ xã tôi, chảy máu, cần biết người thân."
NEIGHBOUR = "worker-99002"


def opened(town: Town, case: Case, by: str = NEIGHBOUR) -> CaseGrant:
    with town.office.begin(town.act_as(by)) as work:
        return open_in_emergency(work, case.code, WHY)


def test_an_emergency_opening_reads_for_an_hour_and_does_nothing(town: Town) -> None:
    case = report(town)
    with pytest.raises(NotFound), town.office.begin(town.act_as(NEIGHBOUR)) as work:
        find_case(work, case.code)
    opened(town, case)
    with town.office.begin(town.act_as(NEIGHBOUR)) as work:
        assert work.open(find_case(work, case.code), "facts")["child.name"]
    with pytest.raises(Forbidden), town.office.begin(town.act_as(NEIGHBOUR)) as work:
        take_action(work, find_case(work, case.code), "accept")
    town.clock.advance(minutes=61)
    with pytest.raises(NotFound), town.office.begin(town.act_as(NEIGHBOUR)) as work:
        find_case(work, case.code)


def test_owner_and_supervisor_are_told_in_the_same_moment(town: Town) -> None:
    case = report(town)
    opened(town, case)
    assert [one.case_code for one in told(town, "worker", "break-glass")] == [case.code]
    assert [one.case_code for one in told(town, "supervisor", "break-glass")] == [case.code]
    assert told(town, NEIGHBOUR, "break-glass") == []


@pytest.mark.parametrize("whose", ["unit", "staff"])
def test_no_emergency_opens_what_one_is_kept_from(town: Town, whose: str) -> None:
    case = report(town)
    actor = town.act_as(NEIGHBOUR)
    with town.office.begin(town.act_as("supervisor")) as work:
        kept = {"unit_id": actor.unit_id} if whose == "unit" else {"staff_id": actor.id}
        keep_from(work, find_case(work, case.code), reason="anh em họ", **kept)
    with pytest.raises(NotFound):
        opened(town, case)


def test_no_emergency_opens_another_province_s_case_nor_an_ended_one(town: Town) -> None:
    case = report(town)
    with town.office.begin(SYSTEM) as work:
        other_province(work)
    for by in ("worker-98", "chair-98", "supervisor-98"):
        with pytest.raises(NotFound):
            opened(town, case, by=by)
    with town.office.begin(SYSTEM) as work:
        ended = next(one.id for one in work.law.states.values() if one.final)
        work.session.execute(update(Case).values(state=ended))
    with pytest.raises(NotFound):
        opened(town, case)
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(CaseGrant)).all() == []


def test_an_unknown_code_and_a_kept_one_get_the_same_answer(town: Town, browser: SignIn) -> None:  # noqa: F811
    case = report(town)
    with town.office.begin(town.act_as("supervisor")) as work:
        keep_from(work, find_case(work, case.code), unit_id=town.act_as(NEIGHBOUR).unit_id, reason="anh em họ")
    person = browser(NEIGHBOUR)
    kept, unknown = (
        person.submit("/mo-khan-cap", {"code": code, "reason": WHY}, page="/mo-khan-cap")
        for code in (case.code, "TE-26-00000")
    )
    pages = [
        one.get_data(as_text=True).replace(code, "").replace("Còn 4 lần", "Còn 3 lần")
        for one, code in ((kept, case.code), (unknown, "TE-26-00000"))
    ]
    drop = [line for line in pages[0].splitlines() if "csrf" not in line and "office-now" not in line]
    assert kept.status_code == unknown.status_code == 422
    assert drop == [line for line in pages[1].splitlines() if "csrf" not in line and "office-now" not in line]


def test_an_emergency_waits_for_nobody_but_for_a_fresh_proof_of_who_asks(town: Town, browser: SignIn) -> None:  # noqa: F811
    case = report(town)
    person = browser(NEIGHBOUR)
    town.clock.advance(minutes=6)
    asked = person.submit("/mo-khan-cap", {"code": case.code, "reason": WHY}, page="/mo-khan-cap")
    assert asked.status_code == 401
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(CaseGrant)).all() == []
    assert told(town, "supervisor", "break-glass") == []
    assert person.get(f"/ca/{case.code}").status_code == 404


def test_so_many_tries_a_day_and_then_no_more(town: Town) -> None:
    case = report(town)
    for _try in range(terms().tries_a_day - 1):
        with pytest.raises(NotFound), town.office.begin(town.act_as(NEIGHBOUR)) as work:
            open_in_emergency(work, "TE-26-00000", WHY)
        with town.office.begin(town.act_as(NEIGHBOUR)) as work:
            note_not_opened(work)
    opened(town, case)
    with pytest.raises(BreakGlassSpent):
        opened(town, case)
    town.clock.advance(hours=25)
    opened(town, case)


def test_a_reason_is_needed(town: Town) -> None:
    case = report(town)
    with pytest.raises(Invalid), town.office.begin(town.act_as(NEIGHBOUR)) as work:
        open_in_emergency(work, case.code, "gấp")


def test_an_opening_is_reviewed_within_a_day_by_somebody_else(town: Town) -> None:
    case = report(town)
    second = second_supervisor(town)
    grant = opened(town, case, by="supervisor")
    with town.office.begin(SYSTEM) as work:
        clock = next(one for one in running_of(work, [case.id])[case.id] if one.rule == "review-break-glass")
        assert clock.due_at == grant.starts_at + timedelta(hours=24) and clock.owner_unit_id == case.province_id
    town.clock.advance(hours=25)
    sweep_clocks(town.office)
    with town.office.begin(SYSTEM) as work:
        assert work.session.get_one(CaseClock, clock.id).breached_at == town.clock.now()
    with pytest.raises(NotFound), town.office.begin(town.act_as("supervisor")) as work:
        review_opening(work, grant.id, justified=True, note="tôi thấy đúng")
    with town.office.begin(town.act_as(second)) as work:
        review_opening(work, grant.id, justified=True, note="Đúng là khẩn cấp.")
    with town.office.begin(SYSTEM) as work:
        rules = {one.rule for one in running_of(work, [case.id]).get(case.id, [])}
    assert "review-break-glass" not in rules


def test_the_end_of_a_case_is_no_way_out_of_the_review(town: Town, browser: SignIn) -> None:  # noqa: F811
    walk = Walk(town).open().to("monitoring")
    town.clock.at = walk.running()["monitoring"].due_at - timedelta(hours=1)
    grant = opened(town, walk.case())
    walk.to("ended")
    assert list(walk.running()) == ["review-break-glass"]
    town.clock.advance(hours=25)
    sweep_clocks(town.office)
    climb(town.office)
    person = browser("supervisor")
    for page in ("/giam-sat", "/ca", "/ca?tat-ca=1", "/ca?han=qua-han", f"/ca/{walk.code}", "/mo-khan-cap/xem-lai"):
        assert person.get(page).status_code == 200, page
    review = {"verdict": "yes", "note": ""}
    assert person.submit(f"/mo-khan-cap/xem-lai/{grant.id}", review, page="/mo-khan-cap/xem-lai").status_code == 303
    assert walk.running() == {} and walk.clocks("review-break-glass")[0].state == ClockState.MET
    assert walk.clocks("review-break-glass")[0].breached_at is not None, "and that it came late stands there"


def test_an_opening_without_good_reason_is_closed_by_its_review(town: Town, browser: SignIn) -> None:  # noqa: F811
    case = report(town)
    grant = opened(town, case)
    person = browser("supervisor")
    shown = person.get("/mo-khan-cap/xem-lai").get_data(as_text=True)
    assert case.code in shown and WHY in shown
    path = f"/mo-khan-cap/xem-lai/{grant.id}"
    page = "/mo-khan-cap/xem-lai"
    assert person.submit(path, {"verdict": "no", "note": ""}, page=page).status_code == 422
    assert person.submit(path, {"verdict": "no", "note": "Không liên quan."}, page=page).status_code == 303
    assert browser(NEIGHBOUR).get(f"/ca/{case.code}").status_code == 404
    assert person.submit(path, {"verdict": "yes", "note": ""}, page=page).status_code == 404


def test_the_owner_reads_in_human_words_that_it_was_opened(town: Town, browser: SignIn) -> None:  # noqa: F811
    case = report(town)
    person = browser(NEIGHBOUR)
    assert person.submit("/mo-khan-cap", {"code": case.code, "reason": WHY}, page="/mo-khan-cap").status_code == 303
    page = person.follow()
    assert page.status_code == 200
    assert case.code in person.get("/mo-khan-cap").get_data(as_text=True)
    shown = browser("worker").get(f"/ca/{case.code}/nhat-ky").get_data(as_text=True)
    assert "mở khẩn cấp" in shown and "Xã Bản Sen" in shown


def test_nobody_of_another_role_may_open(town: Town, browser: SignIn) -> None:  # noqa: F811
    case = report(town)
    for username in ("police", "administrator", "auditor", "hotline", "collaborator"):
        with pytest.raises(Forbidden):
            opened(town, case, by=username)
        assert browser(username).get("/mo-khan-cap").status_code == 404
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(CaseGrant)).all() == []


def test_where_the_supervisor_on_duty_is_kept_from_the_case_another_one_hears_of_an_opening(town: Town) -> None:
    case = report(town)
    second, now = second_supervisor(town), town.clock.now()
    with town.office.begin(town.act_as("supervisor")) as work:
        keep_from(work, find_case(work, case.code), staff_id=staff_named(town, second).id, reason="anh em họ")
    with town.office.begin(SYSTEM) as work:
        take_leave(work, staff_named(town, "supervisor"), starts_at=now, ends_at=now + timedelta(days=2))
    opened(town, case)
    assert [one.case_code for one in told(town, "supervisor", "break-glass")] == [case.code]
    assert [one for one in told(town, second) if one.case_id] == [], "nor is a message of it made for who is kept away"
