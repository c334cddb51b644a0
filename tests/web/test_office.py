"""The office about itself: who looks after it sees how it runs, and never a child."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.jobs.runner import seal_trail, tick
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser
from tests.web.planted import KINDS, REPORTER, every_address, plant
from tests.web.test_cases import counted

SignIn = Callable[[str], Browser]
TRAIL = "/quan-tri/nhat-ky"


@pytest.mark.parametrize("role", ["administrator", "auditor"])
def test_who_runs_the_office_can_open_no_case(town: Town, app: Any, browser: SignIn, role: str) -> None:
    shown = plant(town, town.office.law)
    person = browser(role)
    answers = [person.get(address, follow_redirects=True) for address in every_address(town, app)]
    pages = [answer.get_data().decode(errors="replace") for answer in answers]  # a file for Excel is no text
    reasons = [f"Lý do chuyển {kind}" for kind in KINDS]  # whole: its first words are the question's own title too
    marks = [*shown.values(), *REPORTER.values(), "Lời kể gốc", *reasons]
    assert [mark for mark in marks if any(mark in page for page in pages)] == []


def test_accounts_duty_and_limits_are_listed(browser: SignIn) -> None:
    person = browser("administrator")
    assert "worker-99002" in person.get("/quan-tri/tai-khoan").get_data(as_text=True)
    assert "Trạm y tế xã Nà Lũng" in person.get("/quan-tri/ca-truc").get_data(as_text=True)
    limits = person.get("/quan-tri/han-luat").get_data(as_text=True)
    assert "Điều 26 khoản 3" in limits and "12 giờ" in limits


def test_the_state_of_the_office_is_told_in_words(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    assert "chưa chạy lần nào" in person.get("/quan-tri/tinh-trang").get_data(as_text=True)
    tick(town.office)
    seal_trail(town.office)
    page = person.get("/quan-tri/tinh-trang").get_data(as_text=True)
    assert "đang chạy" in page and town.office.keys.fingerprint in page
    assert "đang TẮT" in page  # the tests' own server runs without fsync, and the page says so
    town.clock.advance(minutes=5)
    assert "im lặng 5 phút" in person.get("/quan-tri/tinh-trang").get_data(as_text=True)


def test_reading_the_trail_is_itself_in_the_trail(town: Town, browser: SignIn) -> None:
    person = browser("auditor")
    page = person.get("/quan-tri/nhat-ky?viec=session:opened&ket-qua=done&ngay=2026-11-23").get_data(as_text=True)
    assert "session:opened" in page and "duty:changed</span>" not in page
    with town.office.begin(SYSTEM) as work:
        entry = work.session.exec(select(AuditEntry).where(AuditEntry.tag == Tag.AUDIT_READ)).one()
        assert entry.fields == '["tag", "result", "day"]'
    assert 'value="23/11/2026"' in person.get("/quan-tri/nhat-ky?ngay=23/11/2026").get_data(as_text=True)
    assert "Ghi ngày theo dạng" in person.get("/quan-tri/nhat-ky?ngay=23/13/2026").get_data(as_text=True)


def listed(page: str) -> set[str]:
    """The tags of the entries that the page shows, as they are stored."""
    rows = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return {tag for tag in Tag if f'<code class="stored">{tag}</code>' in rows}


def test_an_entry_is_told_in_words_and_shows_what_is_stored(browser: SignIn) -> None:
    page = browser("auditor").get(f"{TRAIL}?viec=session:opened").get_data(as_text=True)
    assert 'Đăng nhập <code class="stored">session:opened</code>' in page
    assert 'tài khoản <code class="stored">staff</code>' in page
    assert '<option value="Khóa tài khoản">account:closed</option>' in page


@pytest.mark.parametrize(
    ("typed", "language"),
    [
        ("session:opened", "vi"),
        ("Đăng nhập", "vi"),
        (" đăng  NHẬP", "vi"),
        ("dang nhap", "vi"),
        ("Đăng nhập", "en"),
        ("Sign in", "en"),
        ("Sign in", "vi"),
    ],
)
def test_the_trail_is_narrowed_by_the_words_of_either_language(browser: SignIn, typed: str, language: str) -> None:
    person = browser("auditor")
    person.get(f"/ngon-ngu/{language}")
    page = person.get(TRAIL, query_string={"viec": typed}).get_data(as_text=True)
    assert listed(page) == {Tag.SESSION_OPENED}
    assert f'value="{typed}"' in page and "viec-loi" not in page


def test_a_part_of_a_title_finds_all_that_have_it(town: Town, browser: SignIn) -> None:
    with town.office.begin(SYSTEM) as work:
        for tag in (Tag.NOTICE_SENT, Tag.NOTICE_FAILED, Tag.NOTICE_READ):
            record(work, tag)
    page = browser("auditor").get(TRAIL, query_string={"viec": "gửi tin nhắn không"}).get_data(as_text=True)
    assert listed(page) == {Tag.NOTICE_FAILED}
    page = browser("auditor").get(TRAIL, query_string={"viec": "tin nhắn"}).get_data(as_text=True)
    assert listed(page) == {Tag.NOTICE_SENT, Tag.NOTICE_FAILED}


def test_a_name_that_nothing_has_is_said_to_be_none_and_stays_typed(browser: SignIn) -> None:
    page = browser("auditor").get(TRAIL, query_string={"viec": "đăng nhạc"}).get_data(as_text=True)
    assert "Không có việc nào tên là “đăng nhạc”" in page and 'value="đăng nhạc"' in page
    assert listed(page) == set()


def test_a_tag_that_the_program_no_longer_has_is_still_found(town: Town, browser: SignIn) -> None:
    with town.office.begin(SYSTEM) as work:
        record(work, "fax:sent", object_type="fax", fields=["page"])
    page = browser("auditor").get(f"{TRAIL}?viec=fax:sent").get_data(as_text=True)
    assert '<code class="stored">fax:sent</code>' in page and "viec-loi" not in page


def test_a_longer_trail_asks_no_more_questions(town: Town, browser: SignIn) -> None:
    person = browser("auditor")
    asked = []
    for number in (1, 40):
        with town.office.begin(SYSTEM) as work:
            for _ in range(number):
                record(work, Tag.CASE_READ, object_type="form-02", object_id=work.actor.id, fields=["channel", "x"])
        with counted(town) as statements:
            person.get(f"{TRAIL}?viec=xem ca")
        asked.append(len(statements))
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    "query",
    ["trang=-3", "trang=x", "ngay=hôm nay", "ngay=9999-12-31", "viec='", "viec=%00", "viec=<b>", "trang=9" + "9" * 30],
)
def test_odd_filters_of_the_trail_break_nothing(browser: SignIn, query: str) -> None:
    assert browser("auditor").get(f"/quan-tri/nhat-ky?{query}").status_code == 200


def test_a_whole_trail_is_told_whole_and_a_changed_one_named(town: Town, browser: SignIn) -> None:
    person = browser("auditor")
    seal_trail(town.office)
    assert "Nhật ký nguyên vẹn" in person.submit("/quan-tri/nhat-ky/kiem-chung").get_data(as_text=True)
    with psycopg.connect(town.database.owner_url, autocommit=True) as owner:
        owner.execute("alter table audit_entry disable trigger user")
        owner.execute("update audit_entry set actor_role = 'chair' where seq = 3")
    page = person.submit("/quan-tri/nhat-ky/kiem-chung").get_data(as_text=True)
    assert "mục bị sửa" in page and "mục 3" in page
    with town.office.begin(SYSTEM) as work:
        kept = work.session.exec(select(AuditEntry.fields).where(AuditEntry.tag == Tag.AUDIT_VERIFIED)).all()
    assert kept[0] == "[]" and "edited" in kept[1]


@pytest.mark.parametrize(
    ("role", "path"),
    [("worker", "/quan-tri/tai-khoan"), ("administrator", "/quan-tri/nhat-ky"), ("auditor", "/quan-tri/tai-khoan")],
)
def test_the_office_s_pages_exist_only_for_who_needs_them(browser: SignIn, role: str, path: str) -> None:
    assert browser(role).get(path).status_code == 404
