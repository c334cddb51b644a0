"""The notice centre: what calls a person, how it is answered, what the header tells, and the calendar's secret address."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sqlmodel import select

from casework.cases.exclusions import keep_from
from casework.cases.models import Case
from casework.intake.service import receive_report
from casework.jobs.posting import send_notices
from casework.jobs.runner import climb
from casework.law.model import Law
from casework.notices.models import Alarm, Delivery, Notice, PushDevice, SmsStop
from casework.notices.stops import stop_key
from casework.people.models import Staff
from casework.people.service import close_account, person_of
from casework.vault.fold import fold_name
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser

Open = Callable[[str], Browser]
CHILD = "Vừ Mí Sính"
FEED = re.compile(r'id="feed-url"[^>]*value="([^"]+)"')


@pytest.fixture
def code(town: Town) -> str:
    """A report's case that has called the worker."""
    with town.office.begin(town.act_as("hotline")) as work:
        values = {
            "incident_commune": "99001",
            "danger_now": "yes",
            "child.name": CHILD,
            "narrative": "Nghe tiếng khóc, thôn Má Lủng",
        }
        receive_report(work, values, received_at=work.now)
    town.clock.advance(seconds=1)
    climb(town.office)
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(Alarm.case_code).where(Alarm.ladder == "acknowledge")).one()


def alarm_id(town: Town) -> str:
    with town.office.begin(SYSTEM) as work:
        return str(work.session.exec(select(Alarm.id).where(Alarm.ladder == "acknowledge")).one())


def test_what_calls_a_person_stands_first_and_opens_its_case(code: str, browser: Open) -> None:
    worker = browser("worker")
    page = worker.get("/thong-bao").get_data(as_text=True)
    assert "1 việc chờ người nhận" in page and "im lặng" in page
    assert f'href="/ca/{code}"' in page
    assert worker.get(f"/ca/{code}").status_code == 200
    assert CHILD not in page and "Má Lủng" not in page


def test_i_take_it_is_said_once_and_shown_to_all_who_were_called(town: Town, code: str, browser: Open) -> None:
    worker = browser("worker")
    assert worker.submit(f"/thong-bao/{alarm_id(town)}/nhan-viec").status_code == 303
    page = worker.follow().get_data(as_text=True)
    assert "đã có người nhận việc" in page and "Tôi nhận việc này" not in page
    assert "0 việc chờ người nhận" in page
    town.clock.advance(minutes=14)
    assert climb(town.office) == 0


def test_the_case_s_timeline_tells_who_was_called_and_who_took_it(town: Town, code: str, browser: Open) -> None:
    worker = browser("worker")
    worker.submit(f"/thong-bao/{alarm_id(town)}/nhan-viec")
    page = worker.get(f"/ca/{code}/dong-thoi-gian").get_data(as_text=True)
    assert "Chưa ai nhận việc, gọi người phải làm: Xã xác nhận đã nhận tin" in page
    assert "Nhận việc sau khi được gọi" in page


def test_who_was_not_called_finds_no_such_alarm(town: Town, code: str, browser: Open) -> None:
    for username in ("chair", "police", "collaborator"):
        assert browser(username).submit(f"/thong-bao/{alarm_id(town)}/nhan-viec").status_code == 404


def test_a_supervisor_sees_what_nobody_has_taken(code: str, browser: Open) -> None:
    page = browser("supervisor").get("/thong-bao").get_data(as_text=True)
    assert "Trong tỉnh, chưa ai nhận việc" in page and code in page
    assert "Tôi nhận việc này" not in page  # not called yet


def test_the_header_counts_and_asking_again_costs_a_304(town: Town, code: str, browser: Open) -> None:
    worker = browser("worker")
    first = worker.get("/thong-bao/moi.json")
    unseen = first.get_json()["unseen"]
    assert unseen > 0 and first.get_json()["banner"] is None
    assert f'<span class="dot">{unseen}<' in worker.get("/viec").get_data(as_text=True)
    tag = first.headers["ETag"]
    again = worker.get("/thong-bao/moi.json", headers={"If-None-Match": tag})
    assert again.status_code == 304 and again.get_data() == b""
    assert worker.submit("/thong-bao/da-xem").status_code == 303
    changed = worker.get("/thong-bao/moi.json", headers={"If-None-Match": tag})
    assert changed.status_code == 200 and changed.get_json()["unseen"] == 0


def test_a_page_that_asks_by_itself_keeps_no_session_alive(town: Town, browser: Open) -> None:
    worker = browser("worker")
    for _ in range(8):
        town.clock.advance(minutes=5)
        worker.get("/thong-bao/moi.json")
    assert worker.get("/viec").status_code == 303  # idle for 40 minutes, whatever the page asked


def test_while_something_does_not_get_through_every_page_says_so(town: Town, code: str, browser: Open) -> None:
    with town.office.begin(SYSTEM) as work:
        notice = work.session.exec(select(Notice).where(Notice.text_id == "report-received")).first()
        assert notice is not None
        notice.state, notice.fault, notice.attempts = Delivery.FAILED, "twilio-21211", 1
        work.session.add(notice)
    said = "1 tin nhắc chưa đến được máy người nhận"
    for username, path in (("worker", "/viec"), ("supervisor", "/giam-sat"), ("administrator", "/quan-tri/tinh-trang")):
        assert said in browser(username).get(path).get_data(as_text=True)
    assert said not in browser("police").get("/viec-chuyen-den", follow_redirects=True).get_data(as_text=True)
    worker = browser("worker")
    worker.submit("/thong-bao/da-xem")  # the person has it now, whatever the phone did
    assert said not in browser("supervisor").get("/giam-sat").get_data(as_text=True)


def test_who_is_kept_from_a_case_is_not_counted_its_message_to_a_colleague(
    town: Town, code: str, browser: Open
) -> None:
    with town.office.begin(SYSTEM) as work:
        chair, worker = (
            work.session.exec(select(Staff).where(Staff.username == who)).one() for who in ("chair", "worker")
        )
        notice = work.session.exec(select(Notice).where(Notice.case_code == code)).first()
        assert notice is not None and notice.case_id is not None
        notice.staff_id, notice.state, notice.fault, notice.attempts = chair.id, Delivery.FAILED, "twilio-21211", 1
        work.session.add(notice)
    said = "tin nhắc chưa đến được máy người nhận"
    pages = ("/thong-bao", "/viec", "/ca", "/ca/TE-9-9999")  # the last is not found, and has a header too
    shown = {path: said in browser("worker").get(path).get_data(as_text=True) for path in pages}
    assert set(shown.values()) == {True}, shown
    with town.office.begin(town.act_as("supervisor")) as work:
        case = work.session.exec(select(Case).where(Case.code == code)).one()
        keep_from(work, case, reason="người nhà", staff_id=worker.id)
    shown = {path: said in browser("worker").get(path).get_data(as_text=True) for path in pages}
    assert set(shown.values()) == {False}, shown
    assert said in browser("chair").get("/thong-bao").get_data(as_text=True)


@pytest.mark.parametrize(
    "username",
    ["worker", "chair", "supervisor", "police", "health", "hotline", "collaborator", "administrator", "auditor"],
)
def test_everybody_has_a_centre(code: str, browser: Open, username: str) -> None:
    assert browser(username).get("/thong-bao").status_code == 200


def feed_path(worker: Browser) -> str:
    found = FEED.search(worker.get("/thong-bao").get_data(as_text=True))
    assert found is not None
    return "/lich.ics" + found[1].partition("/lich.ics")[2]


def test_the_calendar_says_codes_and_moments_and_nothing_else(
    town: Town, law: Law, code: str, browser: Open, stranger: Browser
) -> None:
    worker = browser("worker")
    worker.submit("/thong-bao/lich")
    answer = stranger.get(feed_path(worker))
    text = answer.get_data(as_text=True)
    assert answer.mimetype == "text/calendar" and f"SUMMARY:{code}\r\n" in text
    summaries = {line for line in text.split("\r\n") if line.startswith("SUMMARY:")}
    assert summaries == {f"SUMMARY:{code}"}
    said = fold_name(text)
    assert not any(fold_name(rule.title.vi) in said for rule in law.deadlines.values())
    assert fold_name(CHILD) not in said


def test_a_revoked_or_guessed_address_opens_nothing(town: Town, browser: Open, stranger: Browser) -> None:
    worker = browser("worker")
    worker.submit("/thong-bao/lich")
    first = feed_path(worker)
    worker.submit("/thong-bao/lich")
    second = feed_path(worker)
    assert [stranger.get(path).status_code for path in (first, second)] == [404, 200]
    assert stranger.get("/lich.ics").status_code == 404
    assert stranger.get(second[:-1] + ("0" if second[-1] != "0" else "1")).status_code == 404
    worker.submit("/thong-bao/lich/thu-hoi")
    assert stranger.get(second).status_code == 404


def test_a_closed_account_s_calendar_is_closed(town: Town, browser: Open, stranger: Browser) -> None:
    worker = browser("worker")
    worker.submit("/thong-bao/lich")
    path = feed_path(worker)
    with town.office.begin(town.act_as("administrator")) as work:
        close_account(work, work.session.exec(select(Staff).where(Staff.username == "worker")).one())
    assert stranger.get(path).status_code == 404


# ---------------------------------------------------------------- the other channels

ENDPOINT = "https://fcm.googleapis.com/fcm/send/abc"
SUBSCRIPTION = {"endpoint": ENDPOINT, "p256dh": "B" * 87, "auth": "a" * 22}


def device_paths(page: str) -> list[str]:
    return re.findall(r'action="(/thong-bao/thiet-bi/[^"]+/go)"', page)


def test_a_person_allows_a_device_sees_it_and_takes_it_away(town: Town, browser: Open) -> None:
    worker = browser("worker")
    agent = {"User-Agent": "Mozilla/5.0 (Linux; Android 14) Chrome/120"}
    assert worker.submit("/thong-bao/thiet-bi", SUBSCRIPTION, headers=agent).status_code == 303
    page = worker.get("/thong-bao").get_data(as_text=True)
    (path,) = device_paths(page)
    assert "Chrome" in page and "fcm.googleapis" not in page
    with town.office.begin(SYSTEM) as work:
        (kept,) = work.session.exec(select(PushDevice)).all()
    assert kept.subscription is not None and b"fcm.googleapis" not in bytes(kept.subscription)
    assert browser("chair").submit(path).status_code == 404
    assert worker.submit(path).status_code == 303
    assert device_paths(worker.get("/thong-bao").get_data(as_text=True)) == []


def test_a_device_of_an_unknown_push_service_is_refused(town: Town, browser: Open) -> None:
    worker = browser("worker")
    worker.submit("/thong-bao/thiet-bi", {**SUBSCRIPTION, "endpoint": "https://10.0.0.1/admin"})
    page = worker.follow().get_data(as_text=True)
    assert "chưa được chấp nhận" in page and device_paths(page) == []


def test_a_mail_address_is_asked_for_where_mail_is_sent_and_kept_sealed(town: Town, browser: Open) -> None:
    worker = browser("worker")
    assert 'id="mail"' not in worker.get("/thong-bao").get_data(as_text=True)
    worker.submit("/thong-bao/thu", {"mail": "khong phai thu"})
    assert "Địa chỉ thư không đúng" in worker.follow().get_data(as_text=True)
    assert worker.submit("/thong-bao/thu", {"mail": "can.bo@office.test"}).status_code == 303
    with town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        assert person_of(work, staff)["mail"] == "can.bo@office.test" and person_of(work, staff)["phone"]
        assert staff.person is not None and b"office.test" not in bytes(staff.person)


def test_who_asked_for_no_more_sms_and_who_administers_them_see_it(town: Town, browser: Open) -> None:
    with town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        work.session.add(SmsStop(phone_digest=stop_key(work, person_of(work, staff)["phone"]), at=work.now))
    said = "đã từ chối nhận tin nhắn"
    page = browser("worker").get("/thong-bao").get_data(as_text=True)
    assert said in page and "nhắn START" in page
    page = browser("supervisor").get("/thong-bao").get_data(as_text=True)
    assert "Vị trí không gọi được bằng tin nhắn" in page and "Nà Lũng" in page and "đang trực" in page
    assert "Vị trí không gọi được" not in browser("chair").get("/thong-bao").get_data(as_text=True)
    administrator = browser("administrator")
    assert said in administrator.get(f"/quan-tri/tai-khoan/{staff.id}").get_data(as_text=True)
    page = administrator.get("/quan-tri/tin-nhan").get_data(as_text=True)
    assert "1 số đã từ chối" in page and "1 người ở các vị trí được báo" in page and "1 người đang trực" in page


def test_the_months_show_numbers_only_and_to_the_administrator_alone(town: Town, code: str, browser: Open) -> None:
    send_notices(town.office)
    page = browser("administrator").get("/quan-tri/tin-nhan").get_data(as_text=True)
    assert "console" in page and code not in page and "VIEC KHAN" not in page and "+84" not in page
    for username in ("worker", "supervisor", "auditor"):
        assert browser(username).get("/quan-tri/tin-nhan").status_code == 404


def test_a_case_offers_a_message_that_is_safe_to_send_by_hand(code: str, browser: Open) -> None:
    page = browser("worker").get(f"/ca/{code}").get_data(as_text=True)
    found = re.search(r"data-copy>([^<]+)<", page)
    assert found is not None and found[1].startswith(f"Ma {code}, han ") and fold_name(CHILD) not in fold_name(found[1])
    assert "Sao chép tin an toàn" in page
