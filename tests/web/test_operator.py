"""The intake page and what comes of it, over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from shutil import which
from subprocess import run
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest
from sqlmodel import select

from casework.access.models import CaseGrant
from casework.cases.models import Case
from casework.cases.queries import latest_content
from casework.clock import local
from casework.deadlines.queries import running_of
from casework.intake.models import Report, UnreadReport
from casework.intake.service import keep_unread
from casework.people.queries import commune_named, unit
from casework.work import SYSTEM
from tests.access.scenes import staff_named
from tests.conftest import Town
from tests.web.conftest import Browser

Open = Callable[[str], Browser]
NEW = "/tiep-nhan/moi"


def typed(**answers: str | list[str]) -> dict[str, str | list[str]]:
    return {"once": str(uuid4()), "incident_commune": "99001", "danger_now": "yes", **answers}


def cases_of(town: Town) -> list[Case]:
    with town.office.begin(SYSTEM) as work:
        return list(work.session.exec(select(Case)).all())


def test_commune_and_danger_alone_are_a_report(town: Town, browser: Open) -> None:
    hotline = browser("hotline")
    assert hotline.submit(NEW, typed(), page=NEW).status_code == 303
    page = hotline.follow().get_data(as_text=True)
    (case,) = cases_of(town)
    assert case.code in page and "Xã Nà Lũng" in page and "20:00" in page
    with town.office.begin(SYSTEM) as work:
        assert {clock.rule for clock in running_of(work, [case.id])[case.id]} == {"emergency", "acknowledge"}


def test_a_report_without_commune_is_refused_with_everything_typed_kept(browser: Open) -> None:
    hotline = browser("hotline")
    answer = hotline.submit(NEW, typed(incident_commune="", narrative="bị đánh bằng dây điện"), page=NEW)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'href="#f-incident_commune"' in page and 'id="e-incident_commune"' in page
    assert "bị đánh bằng dây điện" in page and re.search(r'value="yes" checked', page)
    assert "bị đánh bằng dây điện" in hotline.get(NEW).get_data(as_text=True), "the draft holds it too"


def test_a_day_that_does_not_exist_is_told_beside_its_box(town: Town, browser: Open) -> None:
    answer = browser("hotline").submit(NEW, typed(child_birth_date="31/02/2017", child_name="Vừ Mí Sính"), page=NEW)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422 and not cases_of(town)
    assert 'href="#f-child_birth_date-day"' in page and 'id="e-child_birth_date"' in page
    assert 'value="31/02/2017"' in page and 'value="Vừ Mí Sính"' in page


def test_every_question_of_form_01_stands_on_the_page(town: Town, browser: Open) -> None:
    page = browser("worker").get(NEW).get_data(as_text=True)
    missing = [
        one.id
        for one in town.office.law.forms["01"].fields
        if f'name="{one.id}"' not in page and f'name="{one.id}-day"' not in page
    ]
    assert missing == []


@pytest.mark.parametrize("words", ["Thượng Lâm nào đó", "không rõ"])
def test_words_that_name_no_commune_reach_the_provincial_desk_with_the_clocks_running(
    town: Town, browser: Open, words: str
) -> None:
    hotline = browser("hotline")
    hotline.submit(NEW, typed(incident_commune=words, incident_place="gần chợ"), page=NEW)
    assert "bàn trực của tỉnh" in hotline.follow().get_data(as_text=True)
    (case,) = cases_of(town)
    with town.office.begin(SYSTEM) as work:
        assert unit(work, case.responsible_unit_id).name == "Tỉnh Sơn Lâm" and case.incident_unit_id is None
        assert [clock.rule for clock in running_of(work, [case.id])[case.id]] == ["acknowledge", "emergency"]
        assert latest_content(work, case.id, "01")["incident_place"] == f"gần chợ; {words}"


def test_a_communes_whole_name_is_enough_and_half_of_one_is_no_guess(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        assert [getattr(commune_named(work, words), "code", None) for words in ("na lung", "XÃ NÀ LŨNG", "99001")] == [
            "99001"
        ] * 3
        assert commune_named(work, "lung") is None and commune_named(work, "xa") is None


def test_the_twelve_hours_count_from_when_the_page_was_opened(town: Town, browser: Open) -> None:
    hotline = browser("hotline")
    opened = town.clock.now()
    town.clock.advance(minutes=10)
    hotline.submit(NEW, typed(opened_at=local(opened).isoformat()), page=NEW)
    hotline.submit(NEW, typed(opened_at="2020-01-01T00:00:00+07:00", incident_commune="99002"), page=NEW)
    received = sorted(case.received_at for case in cases_of(town))
    assert received == [opened, town.clock.now()], "an opening long past says nothing"


def test_one_form_posted_twice_makes_one_report(town: Town, browser: Open) -> None:
    hotline = browser("hotline")
    form = typed(narrative="bị bỏ đói")
    first = hotline.submit(NEW, form, page=NEW).headers["Location"]
    assert hotline.submit(NEW, form, page=NEW).headers["Location"] == first
    hotline.submit(NEW, {**form, "narrative": "bị bỏ đói, và đang sốt"}, page=NEW)
    with town.office.begin(SYSTEM) as work:
        reports = work.session.exec(select(Report)).all()
        assert len(reports) == 2, "what was added in between is a further report, not lost"
        assert len({report.case_id for report in reports}) == 1


def test_two_posts_of_one_form_at_the_same_moment_make_one_report(town: Town, browser: Open, app: object) -> None:
    people = [browser("hotline"), browser("hotline")]
    for person in people:
        person.get(NEW)
    form = typed(narrative="bị đánh")
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda person: person.submit(NEW, form, page=NEW), people))
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(cases_of(town)) == 1


def test_an_expired_session_keeps_the_call_for_its_operator(town: Town, browser: Open, app: object) -> None:
    hotline = browser("hotline")
    hotline.get(NEW)
    form = typed(narrative="cháu gọi từ nhà hàng xóm", child_name="Vừ Mí Sính")
    page = hotline.get(NEW).get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    town.clock.advance(hours=13)
    answer = hotline.client.post(NEW, data={**form, "csrf_token": token[1]})
    assert answer.status_code == 303 and "/dang-nhap" in answer.headers["Location"]
    assert not cases_of(town)
    signed_in = hotline.submit(
        "/dang-nhap", {"username": "hotline", "password": town.password, "next": NEW}, page="/dang-nhap"
    )
    assert signed_in.headers["Location"] == NEW
    page = hotline.follow().get_data(as_text=True)
    assert "cháu gọi từ nhà hàng xóm" in page and "Vừ Mí Sính" in page


def test_a_save_still_on_its_way_does_not_bring_the_sent_call_back(browser: Open) -> None:
    hotline = browser("hotline")
    form = typed(narrative="chuyện của cuộc gọi trước")
    hotline.submit("/tiep-nhan/nhap", form, page=NEW)
    assert "chuyện của cuộc gọi trước" in hotline.get(NEW).get_data(as_text=True)
    hotline.submit(NEW, form, page=NEW)
    hotline.submit("/tiep-nhan/nhap", form, page=NEW)
    assert "chuyện của cuộc gọi trước" not in hotline.get(NEW).get_data(as_text=True)


def test_the_hint_of_a_repeat_tells_code_and_reason_and_no_content(town: Town, browser: Open) -> None:
    hotline = browser("hotline")
    hotline.submit(NEW, typed(child_name="Vừ Mí Sính", child_age="9", narrative="bị đánh bằng dây điện"), page=NEW)
    (case,) = cases_of(town)
    again = typed(child_name="vu mi sinh", child_age="", narrative="hàng xóm gọi lại")
    panel = hotline.submit("/tiep-nhan/trung", again, page=NEW).get_data(as_text=True)
    assert case.code in panel and "tên gần giống" in panel
    assert "Sính" not in panel and "dây điện" not in panel
    hotline.submit(NEW, {**again, "child_name": "Sính", "child_age": "10", "_into": case.code}, page=NEW)
    assert len(cases_of(town)) == 1
    hotline.submit(NEW, typed(incident_commune="99002", narrative="việc khác", _into=case.code), page=NEW)
    assert len(cases_of(town)) == 2, "a case of another commune cannot be chosen by its code"


def hinted(person: Browser, **answers: str) -> str:
    return person.submit("/tiep-nhan/trung", typed(narrative="hỏi thử", **answers), page=NEW).get_data(as_text=True)


@pytest.mark.parametrize("asked", [{"child_name": "vu mi sinh"}, {"child_age": "9"}])
def test_nobody_looks_up_another_commune_s_child_by_taking_a_report_down(
    town: Town, browser: Open, asked: dict[str, str]
) -> None:
    """The same words where there is such a child and where there is none; whoever may read the case is told of it."""
    browser("hotline").submit(NEW, typed(child_name="Vừ Mí Sính", child_age="9"), page=NEW)
    (case,) = cases_of(town)
    stranger = browser("worker-99002")
    assert hinted(stranger, **asked) == hinted(stranger, child_name="Giàng A Không", child_age="2")
    for username in ("worker", "chair", "hotline"):
        assert case.code in hinted(browser(username), **asked), username


def test_a_case_that_one_is_not_told_of_cannot_be_chosen_by_its_code(town: Town, browser: Open) -> None:
    browser("hotline").submit(NEW, typed(child_age="9"), page=NEW)
    (case,) = cases_of(town)
    again = typed(child_age="9", narrative="thêm", _into=case.code)
    assert browser("worker-99002").submit(NEW, again, page=NEW).status_code == 303
    assert len(cases_of(town)) == 2


def test_who_was_let_into_a_case_without_the_name_does_not_learn_it_from_the_hint(town: Town, browser: Open) -> None:
    browser("hotline").submit(NEW, typed(child_name="Vừ Mí Sính", child_age="9"), page=NEW)
    (case,) = cases_of(town)
    stranger = browser("worker-99002")
    let_in(town, case, "worker-99002", "narrative")
    assert stranger.get(f"/ca/{case.code}").status_code == 200
    assert case.code not in hinted(stranger, child_name="Vừ Mí Sính")
    let_in(town, case, "worker-99002", "identity")
    assert case.code in hinted(stranger, child_name="Vừ Mí Sính")


def let_in(town: Town, case: Case, username: str, group: str) -> None:
    with town.office.begin(SYSTEM) as work:
        who = staff_named(town, username).id
        grant: dict[str, Any] = {"case_id": case.id, "staff_id": who, "groups": [group], "purpose": "care"}
        work.session.add(CaseGrant(**grant, starts_at=work.now, expires_at=work.now + timedelta(hours=1)))


def test_a_worker_elsewhere_can_add_to_a_case_that_is_not_theirs(town: Town, browser: Open) -> None:
    known = {"child_name": "Vừ Mí Sính", "child_age": "9"}
    browser("hotline").submit(NEW, typed(**known), page=NEW)
    worker = browser("worker-99002")
    assert worker.submit(NEW, typed(narrative="trẻ chạy sang xã tôi", **known), page=NEW).status_code == 303
    assert len(cases_of(town)) == 1


@pytest.mark.parametrize(
    "phone", ["0912 345 678", "0912345678", "0912.345.678", "+84 912 345 678", "84912345678", "0912-345-678"]
)
def test_a_phone_is_read_however_it_is_written(town: Town, browser: Open, phone: str) -> None:
    browser("hotline").submit(NEW, typed(reporter_phone=phone), page=NEW)
    with town.office.begin(SYSTEM) as work:
        (report,) = work.session.exec(select(Report)).all()
        assert work.open(report, "reporter") == {"phone": "+84912345678"}


def test_who_reported_stands_on_no_page_another_office_opens(town: Town, browser: Open) -> None:
    hotline = browser("hotline")
    planted = {
        "reporter_name": "Sùng Thị Kín",
        "reporter_phone": "0912 345 678",
        "reporter_address": "nhà số 77 bí mật",
    }
    hotline.submit(NEW, typed(narrative="bị đánh", child_name="Vừ Mí Sính", **planted), page=NEW)
    hotline.follow()
    (case,) = cases_of(town)
    with town.office.begin(SYSTEM) as work:
        written = json.dumps(latest_content(work, case.id, "01"), ensure_ascii=False)
        assert "Kín" not in written and "912345678" not in written and "bị đánh" in written
    for username in ("worker", "chair", "supervisor", "police"):
        for path, page in pages_in_reach(browser(username), ["/", NEW, f"/ca/{case.code}"]):
            for secret in ("Sùng Thị Kín", "912345678", "912 345 678", "77 bí mật"):
                assert secret not in page, f"{username} reads {secret} on {path}"


def words_of(file: bytes) -> str:
    """What a person reads in a paper that was fetched: of a Word file its text, of a PDF what pdftotext reads there."""
    if file.startswith(b"PK"):
        with ZipFile(BytesIO(file)) as parts:
            return re.sub(r"<[^>]+>", "", parts.read("word/document.xml").decode())
    if file.startswith(b"%PDF") and which("pdftotext"):
        return run(["pdftotext", "-", "-"], input=file, capture_output=True, check=True).stdout.decode()
    return file.decode("utf-8", errors="replace")


def pages_in_reach(person: Browser, first: list[str], most: int = 40) -> list[tuple[str, str]]:
    """Every page a person comes to by following links from `first`, up to `most` of them."""
    found: dict[str, str] = {}
    ahead = list(first)
    while ahead and len(found) < most:
        path = ahead.pop(0)
        if path in found:
            continue
        answer = person.get(path, follow_redirects=True)
        found[path] = answer.get_data(as_text=True) if answer.mimetype == "text/html" else words_of(answer.get_data())
        ahead += [link for link in re.findall(r'href="(/[^"#?]*)', found[path]) if not link.startswith("/static")]
    return list(found.items())


def test_who_wants_no_name_kept_leaves_none(town: Town, browser: Open) -> None:
    browser("hotline").submit(NEW, typed(anonymous="yes", reporter_phone="0912 345 678", reporter_name="Kín"), page=NEW)
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(Report)).one().reporter is None


def test_a_receipt_opens_for_who_took_the_report_alone_and_tells_no_content(town: Town, browser: Open) -> None:
    hotline = browser("hotline")
    hotline.submit(NEW, typed(child_name="Vừ Mí Sính", narrative="bị đánh bằng dây điện"), page=NEW)
    assert hotline.last is not None
    path = hotline.last.headers["Location"]
    page = hotline.get(path).get_data(as_text=True)
    assert "Sính" not in page and "dây điện" not in page
    assert browser("worker").get(path).status_code == 404


def test_a_call_that_is_no_case_is_counted_and_nothing_else(town: Town, browser: Open) -> None:
    hotline = browser("hotline")
    hotline.submit("/tiep-nhan/nhap", typed(narrative="trêu đùa"), page=NEW)
    assert hotline.submit("/tiep-nhan/dong", {"kind": "prank"}, page=NEW).status_code == 303
    assert "Hôm nay đã đóng 1 cuộc gọi" in hotline.get("/tiep-nhan").get_data(as_text=True)
    assert "trêu đùa" not in hotline.get(NEW).get_data(as_text=True) and not cases_of(town)
    assert hotline.submit("/tiep-nhan/dong", {"kind": "free words"}, page=NEW).status_code == 422


def test_the_queue_shows_what_waits_longest_first_and_a_commune_only_its_own(town: Town, browser: Open) -> None:
    hotline = browser("hotline")
    for code in ("99001", "99002"):
        hotline.submit(NEW, typed(incident_commune=code, narrative="bị đánh"), page=NEW)
        town.clock.advance(minutes=14)
    town.clock.advance(minutes=-10)
    page = hotline.get("/tiep-nhan").get_data(as_text=True)
    assert page.index("Xã Nà Lũng") < page.index("Xã Bản Sen")
    assert "chip--soon" in page and "tel:" in page and "bị đánh" not in page
    assert "Bản Sen" not in browser("worker").get("/tiep-nhan").get_data(as_text=True)


def keep(town: Town, body: object) -> str:
    with town.office.begin(SYSTEM) as work:
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        return str(keep_unread(work, None, text.encode(), [])[1]["review"])


def test_a_body_nobody_could_read_is_read_by_a_person_and_becomes_a_report_once(town: Town, browser: Open) -> None:
    body = {"child": {"name": "Vừ Mí Sính", "age_estimate": "chín"}, "danger_now": True, "narrative": "bị đánh"}
    code = keep(town, {**body, "reporter": {"phone": "0912345678"}})
    came = town.clock.now()
    town.clock.advance(minutes=20)
    hotline = browser("hotline")
    path = f"/tiep-nhan/can-xem-lai/{code}"
    assert code in hotline.get("/tiep-nhan/can-xem-lai").get_data(as_text=True)
    page = hotline.get(path).get_data(as_text=True)
    assert 'value="Vừ Mí Sính"' in page and "chín" in page and 'value="0912345678"' in page
    form = {"incident_commune": "na lung", "child_name": "Vừ Mí Sính", "child_age": "9", "danger_now": "yes"}
    assert hotline.submit(path, {**form, "incident_commune": ""}, page=path).status_code == 422
    assert hotline.submit(path, form, page=path).status_code == 303
    assert hotline.follow().status_code == 200
    hotline.submit(path, form, page=NEW)
    (case,) = cases_of(town)
    assert case.received_at == came, "the clock counts from when the body came, not from when somebody read it"
    with town.office.begin(SYSTEM) as work:
        kept = work.session.exec(select(UnreadReport)).one()
        assert kept.settled_at is not None and kept.report_id == work.session.exec(select(Report)).one().id


def test_a_supervisor_settles_a_body_without_learning_who_reported(town: Town, browser: Open) -> None:
    reporter = {"name": "Sùng Thị Kín", "phone": "0912345678"}
    code = keep(town, {"incident_commune": "99001", "danger_now": "?", "narrative": "bị đánh", "reporter": reporter})
    broken = keep(town, '{"reporter": "Sùng Thị Kín", ')
    supervisor = browser("supervisor")
    for one in (code, broken):
        page = supervisor.get(f"/tiep-nhan/can-xem-lai/{one}").get_data(as_text=True)
        assert "Kín" not in page and "0912345678" not in page
    path = f"/tiep-nhan/can-xem-lai/{code}"
    assert supervisor.submit(path, {"incident_commune": "99001", "narrative": "bị đánh"}, page=path).status_code == 303
    assert supervisor.submit(f"/tiep-nhan/can-xem-lai/{broken}", {"_no_report": "1"}, page=path).status_code == 303
    with town.office.begin(SYSTEM) as work:
        report = work.session.exec(select(Report)).one()
        assert work.open(report, "reporter") == {"name": "Sùng Thị Kín", "phone": "+84912345678"}
        assert all(one.settled_at for one in work.session.exec(select(UnreadReport)))
