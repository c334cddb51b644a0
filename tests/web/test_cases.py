"""The list of cases, the page of one, its papers and what is refused on it, over HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event
from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cases.models import Case
from casework.clock import local
from casework.deadlines import service as deadlines
from casework.intake.service import receive_report
from casework.web import cases
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser
from tests.web.walks import CHILD, LEVELS_02, REPORTER, act, boxes, do, report, text_of

OpenAs = Callable[[str], Browser]


def page(person: Browser, path: str, status: int = 200) -> str:
    answer = person.get(path)
    assert answer.status_code == status, text_of(answer.get_data(as_text=True))
    return answer.get_data(as_text=True)


def trail(town: Town, tag: str) -> list[AuditEntry]:
    with town.office.begin(SYSTEM) as work:
        return list(work.session.exec(select(AuditEntry).where(AuditEntry.tag == tag)))


def state_of(town: Town, code: str) -> str:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(Case.state).where(Case.code == code)).one()


@contextmanager
def counted(town: Town) -> Iterator[list[str]]:
    """The statements that reach the database meanwhile."""
    seen: list[str] = []

    def note(*said: object) -> None:
        seen.append(str(said[2]))

    event.listen(town.office.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(town.office.engine, "before_cursor_execute", note)


# ---------------------------------------------------------------- who sees what


def test_a_case_of_another_commune_does_not_exist_and_the_asking_is_kept(town: Town, browser: OpenAs) -> None:
    code = report(town)
    stranger = browser("worker-99002")
    for path in (f"/ca/{code}", f"/ca/{code}/buoc/record-progress", f"/ca/{code}/buoc/record-progress/kiem-tra"):
        page(stranger, path, 404)
    assert stranger.submit(f"/ca/{code}/buoc/accept").status_code == 404
    assert stranger.submit(f"/ca/{code}/hien-ten").status_code == 404
    refused = trail(town, Tag.ACCESS_REFUSED)
    assert len(refused) == 5
    assert {entry.result for entry in refused} == {"refused"}
    assert state_of(town, code) == "received"
    assert code not in page(stranger, "/ca")


@pytest.mark.parametrize("username", ["hotline", "collaborator", "police", "health", "administrator", "auditor"])
def test_nobody_but_the_commune_and_the_supervisor_opens_a_case(town: Town, browser: OpenAs, username: str) -> None:
    code = report(town)
    person = browser(username)
    page(person, f"/ca/{code}", 404)
    page(person, "/ca", 404)


def test_a_name_is_shown_once_when_asked_for_and_each_showing_is_kept(town: Town, browser: OpenAs) -> None:
    code = report(town)
    worker = browser("worker")
    assert CHILD not in page(worker, f"/ca/{code}")
    shown = worker.submit(f"/ca/{code}/hien-ten", page=f"/ca/{code}")
    assert CHILD in shown.get_data(as_text=True)
    assert CHILD not in page(worker, f"/ca/{code}")
    assert len(trail(town, Tag.IDENTITY_REVEALED)) == 1
    assert "hiện tên trẻ" in page(worker, f"/ca/{code}/nhat-ky")


def test_who_reported_stands_on_no_page_of_the_case(town: Town, browser: OpenAs) -> None:
    code = report(town)
    worker = browser("worker")
    home = page(worker, f"/ca/{code}")
    paper = next(part.split('"')[0] for part in home.split('href="') if "/giay-to/" in part)
    form_01 = page(worker, paper)
    assert "Danh tính người báo tin được giữ kín (Điều 24)" in form_01
    assert REPORTER not in home + form_01
    assert "Thông tin về người cung cấp thông tin" not in form_01
    assert len(trail(town, Tag.DOCUMENT_READ)) == 1


def test_a_paper_of_one_case_does_not_open_under_another(town: Town, browser: OpenAs) -> None:
    one, other = report(town), report(town, child_name="Lý Thị Nhạt", incident_commune="99002")
    home = page(browser("worker-99002"), f"/ca/{other}")
    paper = next(part.split('"')[0] for part in home.split('href="') if "/giay-to/" in part)
    page(browser("worker"), paper.replace(other, one), 404)


# ---------------------------------------------------------------- the list


def test_a_list_shows_initials_and_age_and_the_reading_is_kept_once(town: Town, browser: OpenAs) -> None:
    code = report(town)
    listed = page(browser("worker"), "/ca")
    assert code in listed
    assert "V. M. T., 9 tuổi, nam" in listed
    assert CHILD not in listed
    assert len(trail(town, Tag.CASE_LIST_READ)) == 1


def test_a_list_on_which_nobody_is_named_has_no_column_for_it(town: Town, browser: OpenAs) -> None:
    report(town)
    heads = {who: '<th scope="col">Trẻ</th>' in page(browser(who), "/ca") for who in ("worker", "supervisor")}
    assert heads == {"worker": True, "supervisor": False}


def test_the_filters_make_room_for_what_was_found(town: Town, browser: OpenAs) -> None:
    report(town)
    worker, unfolded = browser("worker"), '<details class="no-print" open>'
    assert unfolded not in page(worker, "/ca") + page(worker, "/ca?buoc=receipt")
    assert unfolded in page(worker, "/ca?nguy-co=high"), "nothing was found: what was asked for stands open"


def test_a_list_longer_than_is_counted_says_so_and_can_be_turned(
    town: Town, browser: OpenAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "COUNT_TO", 1)
    supervisor = browser("supervisor")
    report(town)
    assert "1 ca, hạn gần nhất trước" in page(supervisor, "/ca")
    report(town, child_name="Em Thử Nghiệm", child_age=1)
    listed = page(supervisor, "/ca")
    assert "Hơn 1 ca, hạn gần nhất trước" in listed and "Trang 1 · hơn 1 kết quả" in listed
    assert 'rel="next"' not in listed, "both cases stand on this page"


def test_filters_narrow_the_list_and_unknown_ones_are_left_out(town: Town, browser: OpenAs) -> None:
    late = report(town)
    town.clock.advance(hours=13)
    new = report(town, child_name="Lý Thị Nhạt", incident_commune="99002")
    supervisor = browser("supervisor")

    def listed(query: str) -> set[str]:
        text = page(supervisor, f"/ca?{query}")
        return {code for code in (late, new) if f">{code}</a>" in text}

    assert listed("") == {late, new}
    assert listed("han=qua-han") == {late}
    assert listed("han=sap-han") == {new}
    assert listed("xa=99002") == {new}
    assert listed("xa=99") == set()  # the provincial desk is empty: every commune is known
    assert listed("buoc=receipt") == {late, new}
    assert listed("buoc=plan&nguy-co=high") == set()
    assert listed(f"q={late.lower()}") == {late}
    assert listed("han=gi-do&xa=khong-co&trang=99") == {late, new}


def test_the_end_of_monitoring_is_nobodys_breach(town: Town, browser: OpenAs) -> None:
    code = report(town)
    with town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case).where(Case.code == code)).one()
        for rule in ("emergency", "acknowledge"):
            deadlines.stop(work, case.id, rule)
        owner = deadlines.ClockOwner(case.id, code, case.responsible_unit_id, case.province_id, case.edition)
        deadlines.start(work, owner, "monitoring")
    town.clock.advance(days=120)
    assert f">{code}</a>" not in page(browser("supervisor"), "/ca?han=qua-han")


def test_the_number_of_queries_does_not_grow_with_the_cases(town: Town, browser: OpenAs) -> None:
    code = report(town)
    supervisor = browser("supervisor")
    act(town, "worker", code, "accept")
    report(town, child_name="Em Thử Nghiệm", child_age=1)
    paths = ("/ca", f"/ca/{code}", "/giam-sat")

    def counts() -> list[int]:
        found = []
        for path in paths:
            with counted(town) as seen:
                page(supervisor, path)
            found.append(len(seen))
        return found

    few = counts()
    for number in range(6):
        report(town, child_name=f"Em Thử Nghiệm {number}", child_age=number + 2)
    for number in range(4):
        act(town, "worker", code, "record-progress", {"text": str(number)})
    assert counts() == few
    assert max(few) <= 40


# ---------------------------------------------------------------- the moves


def test_a_step_the_procedure_does_not_have_now_is_refused_by_name_and_kept(town: Town, browser: OpenAs) -> None:
    code = report(town)
    worker = browser("worker")
    for answer in (
        worker.get(f"/ca/{code}/buoc/submit-plan"),
        worker.submit(f"/ca/{code}/buoc/submit-plan", {"goal_other": "x"}),
        worker.submit(f"/ca/{code}/buoc/submit-plan/kiem-tra"),
    ):
        said = text_of(answer.get_data(as_text=True))
        assert answer.status_code == 409
        assert "Không thể “Lập và trình Mẫu 04” khi ca đang ở “Đã tiếp nhận, chờ xã nhận”" in said
        assert "Lúc này có thể: Nhận ca" in said
    assert state_of(town, code) == "received"
    refused = trail(town, Tag.MOVE_REFUSED)
    assert [entry.object_type for entry in refused] == ["submit-plan"] * 3
    assert {entry.result for entry in refused} == {"refused"}


def test_a_step_of_another_post_is_refused_and_kept(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    assert browser("chair").get(f"/ca/{code}/buoc/submit-initial-assessment").status_code == 403
    assert browser("supervisor").submit(f"/ca/{code}/buoc/record-progress").status_code == 403
    assert len(trail(town, Tag.MOVE_REFUSED)) == 2


def test_a_condition_of_the_law_that_is_not_met_is_named_and_kept(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    path = f"/ca/{code}/buoc/cancel-separation"
    chair = browser("chair")
    chair.submit(path, {"reason": "x", "handed_to": "Người Giả Định"}, page=path)
    answer = chair.submit(f"{path}/kiem-tra", page=f"{path}/kiem-tra")
    assert answer.status_code == 409
    assert "Trẻ không trong thời gian tạm thời cách ly" in text_of(answer.get_data(as_text=True))
    assert [entry.object_type for entry in trail(town, Tag.MOVE_REFUSED)] == ["cancel-separation"]


def test_moves_of_other_bodies_and_of_arriving_reports_are_no_pages(town: Town, browser: OpenAs) -> None:
    code = report(town)
    worker = browser("worker")
    for action in ("join-report", "acknowledge-police", "answer-health", "no-such-step"):
        page(worker, f"/ca/{code}/buoc/{action}", 404)


def test_separation_cannot_outlast_fifteen_days(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    act(town, "worker", code, "submit-initial-assessment", {**LEVELS_02, "conclusion": "emergency"})
    chair = browser("chair")
    path = f"/ca/{code}/buoc/order-separation"
    today = local(town.clock.now()).date()
    whole = {"trigger": "carer-harms", "child_name": CHILD, "from_whom": "Người Giả Định", "receiver": "Trạm Giả Định"}

    def order(start: int, days: str, until: int | None) -> int:
        last = boxes("until", today + timedelta(days=until)) if until is not None else {}
        first = boxes("separation_from", today + timedelta(days=start))
        return chair.submit(path, {**whole, **first, "days": days, **last}, page=path).status_code

    assert order(0, "16", None) == 422
    assert order(0, "", 16) == 422
    assert order(0, "15", 14) == 422  # the days and the last day must agree
    assert order(-3, "15", None) == 422  # no order for days that are gone
    assert order(5, "15", None) == 422
    assert state_of(town, code) == "emergency"
    assert order(0, "15", None) == 303
    assert "08/12/2026" in text_of(chair.follow().get_data(as_text=True))


def test_two_of_the_three_days_of_a_separation_give_the_third(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    act(town, "worker", code, "submit-initial-assessment", {**LEVELS_02, "conclusion": "emergency"})
    today = local(town.clock.now()).date()
    checked = do(
        browser("chair"), code, "order-separation",
        {**boxes("separation_from", today), **boxes("until", today + timedelta(days=7))},
        trigger="carer-harms", child_name=CHILD, from_whom="Người Giả Định", receiver="Trạm Giả Định",
    )  # fmt: skip
    assert "Trong thời hạn (ngày) 7" in checked


def test_concluding_less_than_was_written_down_asks_for_the_reason_and_a_second_person(
    town: Town, browser: OpenAs
) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    worker = browser("worker")
    path = f"/ca/{code}/buoc/submit-initial-assessment"
    today = boxes("assessed_at", local(town.clock.now()).date())
    answer = worker.submit(path, {**LEVELS_02, **today, "conclusion": "monitor"}, page=path)
    said = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'href="#f-reason"' in said
    assert 'value="monitor" checked' in said
    checked = do(
        worker, code, "submit-initial-assessment", {**LEVELS_02, **today}, conclusion="monitor", reason="Đã rõ."
    )
    assert "người thứ hai (Chủ tịch UBND xã) sẽ xem lại" in checked
    assert state_of(town, code) == "conclusion-review"


def test_what_was_typed_is_kept_when_refused_and_when_left(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    worker = browser("worker")
    path = f"/ca/{code}/buoc/record-progress"
    answer = worker.submit(path, {"seen": "Bà của em", "text": ""}, page=path)
    assert answer.status_code == 422
    assert "Bà của em" in answer.get_data(as_text=True)
    saved = worker.submit(f"{path}/nhap", {"seen": "Ông của em", "text": "Đã gặp."}, page=path)
    assert saved.get_json() == {"saved_at": "08:00"}
    assert "Ông của em" in page(worker, path)
    assert "Làm tiếp: Ghi nhận việc đã làm" in page(worker, f"/ca/{code}")
    assert "Ông của em" not in page(browser("chair"), path)  # a draft is one person's
    do(worker, code, "record-progress", {**boxes("happened_at", local(town.clock.now()).date())},
       **{"happened_at-time": "07:00", "child_safe": "yes", "text": "Đã gặp."})  # fmt: skip
    assert "Ông của em" not in page(worker, path)


def test_a_later_form_is_filled_with_what_the_case_knows_and_says_from_where(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    act(town, "worker", code, "submit-initial-assessment", {**LEVELS_02, "conclusion": "emergency"})
    shown = page(browser("chair"), f"/ca/{code}/buoc/order-separation")
    assert f'value="{CHILD}"' in shown
    assert re.search(r"từ Mẫu 01, \d\d:\d\d 23/11/2026", shown)
    assert 'name="separation_from-day" type="text" value="23"' in shown or 'value="23"' in shown


def test_a_referral_offers_the_bodies_of_the_province_the_communes_own_first(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    worker = browser("worker")
    shown = page(worker, f"/ca/{code}/buoc/refer-police")
    assert shown.index('value="CA-99001"') < shown.index('value="CA-99"')
    assert 'value="YT-99001"' not in shown
    path = f"/ca/{code}/buoc/refer-police"
    assert worker.submit(path, {"to_unit": "YT-99001", "reason": "x"}, page=path).status_code == 422


def test_a_report_without_a_commune_is_sent_to_one_by_the_supervisor(town: Town, browser: OpenAs) -> None:
    code = report(town, incident_commune="00000")
    supervisor = browser("supervisor")
    assert "Chuyển về xã" in page(supervisor, f"/ca/{code}")
    path = f"/ca/{code}/buoc/route"
    assert supervisor.submit(path, {"incident_commune": "12345"}, page=path).status_code == 422
    do(supervisor, code, "route", incident_commune="99002")
    assert "Nhận ca" in page(browser("worker-99002"), f"/ca/{code}")
    page(browser("worker"), f"/ca/{code}", 404)


def test_accepting_twice_makes_one_move_and_one_refusal(town: Town, browser: OpenAs) -> None:
    code = report(town)
    worker = browser("worker")
    assert worker.submit(f"/ca/{code}/buoc/accept", page=f"/ca/{code}").status_code == 303
    assert worker.submit(f"/ca/{code}/buoc/accept", page=f"/ca/{code}").status_code == 409
    assert len(trail(town, "case:accepted")) == 1


def test_nothing_changes_without_the_pages_own_token(town: Town, browser: OpenAs) -> None:
    code = report(town)
    worker = browser("worker")
    assert worker.client.post(f"/ca/{code}/buoc/accept").status_code == 400
    assert state_of(town, code) == "received"


def test_who_reported_is_not_named_by_their_post(town: Town, browser: Callable[[str], Browser]) -> None:
    """A village has one collaborator: their post on the case would be their name (article 24)."""
    with town.office.begin(town.act_as("collaborator")) as work:
        received = receive_report(
            work, {"incident_commune": "99001", "narrative": "Nghe tiếng khóc (diễn tập)."}, received_at=work.now
        )
    code = received.case.code
    worker = browser("worker")
    home = worker.get(f"/ca/{code}").get_data(as_text=True)
    assert "Người báo tin" in home
    assert "Cộng tác viên" not in home
    paper = re.search(rf"/ca/{code}/giay-to/[0-9a-f-]+", home)
    assert paper is not None
    assert "Cộng tác viên" not in worker.get(paper[0]).get_data(as_text=True)


def test_the_navigation_says_of_which_place_a_page_is(town: Town, browser: OpenAs) -> None:
    code = report(town)
    worker = browser("worker")
    assert '<a href="/ca" aria-current="page">' in worker.get("/ca").get_data(as_text=True)
    for path in (f"/ca/{code}", f"/ca/{code}/nguoi"):
        page = worker.get(path).get_data(as_text=True)
        assert '<a href="/ca" aria-current="true">' in page, path
        assert page.split("<main")[0].count("aria-current") == 1, path
