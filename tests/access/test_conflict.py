"""A case whose accused works where the report goes: the province's from its first moment, and nothing to the excluded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlmodel import col, select

from casework.access.models import CaseExclusion
from casework.cases.clocks import clock_owner
from casework.cases.exclusions import conflicts, keep_from
from casework.cases.handover import accept_hand_over, decide_hand_over, find_offer, offer_hand_over
from casework.cases.models import Case
from casework.cases.queries import find_case, units_of
from casework.cases.service import allowed_now, take_action
from casework.deadlines.calendar import NewDays, add_days, behind, preview_add
from casework.deadlines.days import edits
from casework.deadlines.models import CaseClock
from casework.deadlines.service import start
from casework.errors import Forbidden, Invalid, NotFound
from casework.intake.queries import similar_cases
from casework.jobs.runner import climb, sweep_clocks, tick
from casework.law.model import Law
from casework.notices.models import AlarmCall
from casework.notices.queries import by_month
from casework.papers.queries import line_of
from casework.papers.service import Choices, issue_paper
from casework.people.models import Unit
from casework.referral.queries import find_referral, referrals_to_me
from casework.referral.service import refer_case
from casework.work import SYSTEM
from tests.access.filled import PAPER, Filled, filled
from tests.access.scenes import NAME, report, second_supervisor, told
from tests.conftest import Town
from tests.papers.filing import DECISION, file_form
from tests.web.conftest import Browser, app, browser  # noqa: F401

SignIn = Callable[[str], Browser]
PAGES = (
    "/viec", "/ca", "/ca?tat-ca=1", "/ban-giao", "/tiep-nhan", "/tiep-nhan/moi", "/thong-bao", "/thong-bao/moi.json",
)  # fmt: skip
CHAIR_PAGES = ("/ky", "/ca", "/ca?tat-ca=1", "/ban-giao", "/thong-bao")


def unit_of(town: Town, code: str) -> Unit:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(Unit).where(Unit.code == code)).one()


def seen_by(person: Browser, pages: tuple[str, ...], case: Case) -> list[str]:
    """The pages on which the case shows, by its code or the child's initials; and those of its own that open."""
    own = (f"/ca/{case.code}", f"/ca/{case.code}/dong-thoi-gian", f"/ca/{case.code}/in", f"/ca/{case.code}/buoc/accept")
    shown = [page for page in pages if case.code in person.get(page).get_data(as_text=True)]
    return shown + [page for page in own if person.get(page).status_code != 404]


def test_every_answer_of_the_question_leads_somewhere(law: Law) -> None:
    field = law.forms["01"].field("accused_works_for")
    assert {option.id for option in field.options} == set(conflicts())


def test_a_case_against_the_commune_is_the_provinces_and_invisible_to_the_commune(
    town: Town,
    browser: SignIn,  # noqa: F811
) -> None:
    case = report(town, accused_works_for="commune")
    province = unit_of(town, "99")
    with town.office.begin(SYSTEM) as work:
        clocks = work.session.exec(select(CaseClock).where(CaseClock.case_id == case.id)).all()
        assert case.responsible_unit_id == province.id
        assert {one.owner_unit_id for one in clocks} == {province.id} and len(clocks) >= 2
    assert seen_by(browser("worker"), PAGES, case) == []
    assert seen_by(browser("chair"), CHAIR_PAGES, case) == []
    assert told(town, "worker") == [] and told(town, "chair") == []
    assert [one.case_code for one in told(town, "supervisor", "report-received")] == [case.code]
    assert browser("supervisor").get(f"/ca/{case.code}").status_code == 200


def test_the_same_report_without_the_conflict_shows_that_these_pages_would_have_told(
    town: Town,
    browser: SignIn,  # noqa: F811
) -> None:
    """The planted defect of the test above: the same eyes see an ordinary case."""
    case = report(town)
    assert len(seen_by(browser("worker"), PAGES, case)) > 4 and told(town, "worker")


def test_its_alarms_and_ladder_go_to_the_provinces_post(town: Town) -> None:
    case = report(town, accused_works_for="commune")
    for _hour in range(15):
        town.clock.advance(hours=1)
        sweep_clocks(town.office)
        climb(town.office)
    assert [one for one in told(town, "worker") + told(town, "chair") if one.case_code == case.code] == []
    with town.office.begin(SYSTEM) as work:
        called = set(work.session.exec(select(AlarmCall.staff_id).distinct()))
    assert called >= {town.act_as("supervisor").id} and not called & {town.act_as("worker").id, town.act_as("chair").id}


def test_an_exclusion_made_later_takes_the_case_and_its_traces_away(town: Town, browser: SignIn) -> None:  # noqa: F811
    case = report(town)
    worker = browser("worker")
    worker.submit(f"/ca/{case.code}/buoc/accept")
    town.clock.advance(hours=7)
    climb(town.office)
    assert seen_by(worker, PAGES, case)
    with town.office.begin(town.act_as("supervisor")) as work:
        keep_from(work, find_case(work, case.code), unit_id=case.responsible_unit_id, reason="anh họ của cán bộ")
    worker = browser("worker")
    assert seen_by(worker, PAGES, case) == []
    assert seen_by(browser("chair"), CHAIR_PAGES, case) == []
    with town.office.begin(SYSTEM) as work:
        moved = work.session.get_one(Case, case.id)
        assert moved.responsible_unit_id == unit_of(town, "99").id and moved.state == "initial-assessment"


def test_an_excluded_person_is_kept_out_and_colleagues_are_not(town: Town, browser: SignIn) -> None:  # noqa: F811
    case = report(town)
    with town.office.begin(town.act_as("supervisor")) as work:
        keep_from(work, find_case(work, case.code), staff_id=town.act_as("chair").id, reason="em trai của Chủ tịch")
    assert seen_by(browser("chair"), CHAIR_PAGES, case) == []
    assert browser("worker").get(f"/ca/{case.code}").status_code == 200


def test_a_step_that_meets_the_exclusion_on_its_way_is_answered_as_if_there_were_no_case(town: Town) -> None:
    """The page was open and the case found; then it was kept from the person, before their step took its lock."""
    case, chair = report(town), town.act_as("chair")
    with pytest.raises(NotFound), town.office.begin(town.act_as("worker")) as work:
        mine = find_case(work, case.code)
        with town.office.begin(town.act_as("supervisor")) as other:
            keep_from(other, find_case(other, case.code), staff_id=town.act_as("worker").id, reason="em họ")
        take_action(work, mine, "accept")
    with town.office.begin(chair) as work:
        assert find_case(work, case.code).state == "received"


def test_an_answer_to_an_offer_that_meets_the_exclusion_is_the_same(town: Town) -> None:
    case = filled(town, "Mot", "99001", worker="worker", chair="chair", offered_to="99002", with_papers=False)
    (offer,) = case.offers
    with pytest.raises(NotFound), town.office.begin(town.act_as("worker-99002")) as work:
        find_offer(work, offer)
        with town.office.begin(town.act_as("supervisor")) as other:
            keep_from(other, find_case(other, case.code), staff_id=town.act_as("worker-99002").id, reason="em họ")
        accept_hand_over(work, offer)


def test_a_report_that_names_the_police_keeps_the_communes_police_out(town: Town) -> None:
    case = report(town, accused_works_for="police")
    police = unit_of(town, "CA-99001")
    with town.office.begin(SYSTEM) as work:
        kept = work.session.exec(select(CaseExclusion).where(CaseExclusion.case_id == case.id)).one()
        assert kept.unit_id == police.id and case.responsible_unit_id == unit_of(town, "99001").id
    with town.office.begin(town.act_as("worker")) as work:
        mine = find_case(work, case.code)
        take_action(work, mine, "accept")
        with pytest.raises(Invalid):
            refer_case(work, mine, "police", {"to_unit": "CA-99001", "reason": "ngăn chặn"})


def test_a_body_finds_no_referral_of_another_nor_one_kept_from_it_even_where_every_row_is_seen(town: Town) -> None:
    """The first wall by itself: row security would hide these rows as well."""
    one = filled(town, "Mot", "99001", worker="worker", chair="chair", offered_to="99002", with_papers=False)
    sent = {body: referral for referral, body in one.referrals.items()}
    assert found_by(town, "police", sent["CA-99001"])
    assert not found_by(town, "police", sent["YT-99001"]) and not found_by(town, "police-ca-99002", sent["CA-99001"])
    with town.office.begin(town.act_as("supervisor")) as work:
        keep_from(work, find_case(work, one.code), unit_id=unit_of(town, "CA-99001").id, reason="em họ")
    assert not found_by(town, "police", sent["CA-99001"])


def found_by(town: Town, username: str, referral: UUID) -> bool:
    with town.office.begin(town.act_as(username)) as work, work.whole_sight():
        listed = referral in {one.id for one in referrals_to_me(work)}
        try:
            find_referral(work, referral)
        except NotFound:
            assert not listed
            return False
        assert listed
        return True


def test_a_later_report_of_the_excluded_opens_what_looks_like_an_ordinary_case(town: Town) -> None:
    hidden = report(town, accused_works_for="commune")
    with town.office.begin(town.act_as("worker")) as work:
        commune = unit_of(town, "99001")
        assert similar_cases(work, commune.id, {"child_name": NAME, "child_age": 9}) == []
    ordinary = report(town, by="worker")
    assert ordinary.id != hidden.id and ordinary.responsible_unit_id == unit_of(town, "99001").id
    assert report(town, by="hotline").id in (hidden.id, ordinary.id)


def test_who_reported_keeps_seeing_that_the_report_was_received_and_no_more(
    town: Town,
    browser: SignIn,  # noqa: F811
) -> None:
    case = report(town, by="collaborator", accused_works_for="commune")
    with town.office.begin(town.act_as("supervisor")) as work:
        take_action(work, find_case(work, case.code), "accept")
    page = browser("collaborator").get("/bao-tin/cua-toi").get_data(as_text=True)
    assert "đã nhận" in page and "đang kiểm tra" not in page and case.code not in page


def test_a_further_report_can_take_a_case_from_the_commune_that_holds_it(town: Town) -> None:
    case = report(town)
    before = len(told(town, "worker"))
    again = report(town, accused_works_for="commune")
    assert again.id == case.id and again.responsible_unit_id == unit_of(town, "99").id
    assert len(told(town, "worker")) == before


def test_two_supervisors_take_the_place_of_worker_and_chair(town: Town) -> None:
    case = report(town, accused_works_for="commune")
    second = second_supervisor(town)
    with town.office.begin(town.act_as("supervisor")) as work:
        mine = find_case(work, case.code)
        take_action(work, mine, "accept")
        high = {"harm_1_1": "cao", "harm_1_2": "cao", "ability_2_1": "thap", "ability_2_2": "thap"}
        take_action(work, mine, "submit-initial-assessment", {**high, "conclusion": "emergency"})
    measures = {"services": [{"service": "medical-care", "provider": "Trạm"}], "safe_place": "bà ngoại"}
    with pytest.raises(Forbidden), town.office.begin(town.act_as("supervisor")) as work:
        mine = find_case(work, case.code)
        assert "decide-measures" not in {one.id for one in allowed_now(work, mine)}
        take_action(work, mine, "decide-measures", measures)
    with town.office.begin(town.act_as(second)) as work:
        mine = find_case(work, case.code)
        assert "decide-measures" in {one.id for one in allowed_now(work, mine)}
        assert take_action(work, mine, "decide-measures", measures).case.state == "specific-assessment"


def test_the_province_gives_it_to_another_commune_and_never_to_the_excluded(town: Town) -> None:
    case = report(town, accused_works_for="commune")
    with pytest.raises(Invalid), town.office.begin(town.act_as("supervisor")) as work:
        decide_hand_over(work, find_case(work, case.code), {"to_commune": "99001", "reason": "gần nhà"})
    with town.office.begin(town.act_as("supervisor")) as work:
        decide_hand_over(work, find_case(work, case.code), {"to_commune": "99002", "reason": "xã gần nhất"})
    with town.office.begin(town.act_as("worker-99002")) as work:
        assert units_of(work, find_case(work, case.code)).responsible == unit_of(town, "99002").id
    with pytest.raises(NotFound), town.office.begin(town.act_as("worker")) as work:
        find_case(work, case.code)


def test_an_exclusion_is_made_by_one_and_ended_by_two(town: Town, browser: SignIn) -> None:  # noqa: F811
    case = report(town)
    second = second_supervisor(town)
    person = browser("supervisor")
    page = f"/ca/{case.code}/loai-tru"
    refused = person.submit(page, {"unit": "", "person": "", "reason": "ngắn"}, page=page)
    assert refused.status_code == 422 and "ngắn" in refused.get_data(as_text=True)
    assert (
        person.submit(page, {"unit": "99001", "person": "", "reason": "Anh họ làm ở xã."}, page=page).status_code == 303
    )
    assert told(town, second, "exclusion-changed")
    with town.office.begin(SYSTEM) as work:
        kept = work.session.exec(select(CaseExclusion).where(col(CaseExclusion.case_id) == case.id)).one()
    assert person.submit(f"{page}/{kept.id}/bo", {"reason": "Người đó đã nghỉ việc."}, page=page).status_code == 303
    assert told(town, second, "second-person")
    queue = person.get("/viec-hai-nguoi").get_data(as_text=True)
    assert "Rút đề nghị" in queue and "Đồng ý<" not in queue
    other = browser(second)
    shown = other.get("/viec-hai-nguoi").get_data(as_text=True)
    assert "Người đó đã nghỉ việc." in shown and "Xã Nà Lũng" in shown
    act = shown.split("/viec-hai-nguoi/")[1].split("/")[0]
    assert person.submit(f"/viec-hai-nguoi/{act}/dong-y").status_code == 404
    assert browser("worker").get(f"/ca/{case.code}").status_code == 404
    assert other.submit(f"/viec-hai-nguoi/{act}/dong-y").status_code == 303
    assert browser("worker").get(f"/ca/{case.code}").status_code == 200


def test_no_number_of_an_office_wide_count_has_a_case_that_is_kept_from_who_reads_it(town: Town) -> None:
    """Whoever keeps the calendar and the account of messages sees numbers of every office: without this case."""
    town.clock.advance(minutes=1)
    case = report(town)
    tick(town.office)
    with town.office.begin(SYSTEM) as work:
        start(work, clock_owner(work.session.get_one(Case, case.id)), "submit-plan")
    assert counted(town) == (1, 1, True)
    with town.office.begin(town.act_as("supervisor")) as work:
        keep_from(work, find_case(work, case.code), staff_id=town.act_as("administrator").id, reason="em họ")
    assert counted(town) == (0, 0, False)


def counted(town: Town) -> tuple[int, int, bool]:
    """The limits that a day off would move, those that wait to be counted anew, and whether any message was tried."""
    with town.office.begin(town.act_as("administrator")) as work:
        new = NewDays("off", date(2026, 11, 24), date(2026, 11, 24), "Nghỉ", "Quyết định 1 (diễn tập)")
        moved = preview_add(work, new).moved
        waiting = work.session.begin_nested()
        add_days(work, new, seen=edits(work).revision)
        left = behind(work)
        waiting.rollback()
        return moved, left, bool(by_month(work, work.now - timedelta(days=1)))


# ---------------------------------------------------------------- numbers given before


@pytest.mark.parametrize("kept", [True, False], ids=["kept from it", "handed on"])
def test_a_number_given_before_a_case_left_is_missing_afterwards_whichever_way_it_left(
    town: Town, *, kept: bool
) -> None:
    """A number of a paper that was issued is never given again. So that one is missing from what a commune sees says that a
    case went elsewhere, and an ordinary hand-over leaves the same."""
    first = filled(town, "Mot", "99001", worker="worker", chair="chair", offered_to="99002", with_papers=False)
    with town.office.begin(town.act_as("worker-99002")) as work:
        accept_hand_over(work, next(iter(first.offers)))
    assert issued(town, first) == 1
    if kept:
        with town.office.begin(town.act_as("supervisor")) as work:
            keep_from(work, find_case(work, first.code), unit_id=unit_of(town, "99002").id, reason="em họ của Chủ tịch")
    else:
        with town.office.begin(town.act_as("worker-99002")) as work:
            on = offer_hand_over(work, find_case(work, first.code), {"to_commune": "99003", "reason": "Cháu về ngoại"})
        with town.office.begin(town.act_as("worker-99003")) as work:
            accept_hand_over(work, on.id)
    with pytest.raises(NotFound), town.office.begin(town.act_as("worker-99002")) as work:
        find_case(work, first.code)
    second = filled(
        town, "Hai", "99002", worker="worker-99002", chair="chair-99002", offered_to="99003", with_papers=False
    )
    assert issued(town, second) == 2


def issued(town: Town, one: Filled) -> int | None:
    file_form(town, one.code, PAPER, DECISION, by="worker-99002")
    with town.office.begin(town.act_as("worker-99002")) as work:
        case = find_case(work, one.code)
        return issue_paper(work, case, line_of(work, case, PAPER), Choices()).number
