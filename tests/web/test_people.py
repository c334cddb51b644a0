"""Accounts, the rota and units on the administrator's pages: what changes counts at the next request, and no case shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.people.models import Duty, Leave, Staff, Unit
from casework.people.queries import on_duty
from casework.people.rules import Role
from casework.people.service import confirm_account, person_of
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser

SignIn = Callable[[str], Browser]
PASSWORD = re.compile(r"<code[^>]*>([a-z2-9-]{19})</code>")
NEW = {
    "username": "nguoi-moi", "name": "Cán bộ mới", "role": "worker", "unit": "99002", "phone": "0900001234", "hamlet": "",
}  # fmt: skip


def find(town: Town, username: str) -> Staff:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(Staff).where(Staff.username == username)).one()


def agree_to(town: Town, username: str) -> None:
    """As a second person does."""
    with town.office.begin(SYSTEM) as work:
        confirm_account(work, find(town, username))


def page_of(town: Town, username: str) -> str:
    return f"/quan-tri/tai-khoan/{find(town, username).id}"


def post_of(town: Town, username: str) -> str:
    staff = find(town, username)
    return f"/quan-tri/ca-truc/{staff.unit_id}/{staff.role}"


def test_an_account_is_opened_with_a_password_told_once(town: Town, browser: SignIn, stranger: Browser) -> None:
    person = browser("administrator")
    told = person.submit("/quan-tri/tai-khoan/moi", NEW).get_data(as_text=True)
    found = PASSWORD.search(told)
    assert found is not None
    entered = stranger.submit("/dang-nhap", {"username": "nguoi-moi", "password": found[1]}, page="/dang-nhap")
    assert entered.status_code == 303
    shown = person.get(page_of(town, "nguoi-moi")).get_data(as_text=True)
    assert found[1] not in shown and "Cán bộ mới" in shown
    assert 'value="0900 001 234"' in shown  # as it is dialled, and read back the same
    with town.office.begin(SYSTEM) as work:
        assert person_of(work, find(town, "nguoi-moi"))["phone"] == "+84900001234"


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ({"username": "Đặng Văn"}, "Tên đăng nhập gồm"),
        ({"username": "worker"}, "Tên đăng nhập này đã có"),
        ({"name": ""}, "Ghi họ tên"),
        ({"role": "mayor"}, "Chọn vai trò"),
        ({"unit": "99"}, "Không có đúng một đơn vị"),
        ({"unit": ""}, "Ghi mã hoặc tên đơn vị"),
        ({"phone": "không có"}, "Số điện thoại bắt đầu"),
    ],
)
def test_a_box_filled_in_wrong_keeps_the_rest(browser: SignIn, typed: dict[str, str], fault: str) -> None:
    answer = browser("administrator").submit("/quan-tri/tai-khoan/moi", {**NEW, **typed})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422 and fault in page
    assert all(f'value="{text}"' in page for name, text in {**NEW, **typed}.items() if text and name != "role")


def test_another_unit_ends_the_session_at_the_next_request(town: Town, browser: SignIn) -> None:
    person, worker = browser("administrator"), browser("worker-99002")
    assert worker.get("/viec").status_code == 200
    moved = {**NEW, "username": "", "name": "Người cũ", "unit": "99003"}
    assert person.submit(page_of(town, "worker-99002"), moved).status_code == 303
    assert worker.get("/viec").headers["Location"].startswith("/dang-nhap")
    assert find(town, "worker-99002").unit_id == find(town, "worker-99003").unit_id


def test_a_new_password_ends_the_old_one_and_every_session(town: Town, browser: SignIn, stranger: Browser) -> None:
    person, worker = browser("administrator"), browser("worker-99002")
    told = person.submit(f"{page_of(town, 'worker-99002')}/mat-khau").get_data(as_text=True)
    assert PASSWORD.search(told) and worker.get("/viec").status_code == 303
    old = {"username": "worker-99002", "password": town.password}
    assert stranger.submit("/dang-nhap", old, page="/dang-nhap").status_code == 401


def test_closing_an_account_hands_the_duty_to_the_next_and_warns_where_nobody_is(town: Town, browser: SignIn) -> None:
    person, worker = browser("administrator"), browser("worker-99002")
    person.submit("/quan-tri/tai-khoan/moi", NEW)
    agree_to(town, "nguoi-moi")
    assert person.submit(f"{page_of(town, 'worker-99002')}/khoa").status_code == 303
    assert worker.get("/viec").status_code == 303
    assert "Vị trí này nay không còn ai" not in person.follow().get_data(as_text=True)
    heir = find(town, "nguoi-moi")
    with town.office.begin(SYSTEM) as work:
        assert [one.id for one in on_duty(work, heir.unit_id, Role.WORKER, work.now)] == [heir.id]
        assert work.session.exec(select(Duty).where(Duty.staff_id == heir.id)).one().ends_at is None
    person.submit(f"{page_of(town, 'nguoi-moi')}/khoa")
    page = person.follow().get_data(as_text=True)
    assert "Vị trí này nay không còn ai" in page and "Xã Bản Sen: Người làm công tác" in page
    assert "Vị trí trực không ai giữ" in person.get("/quan-tri/tinh-trang").get_data(as_text=True)


def test_what_closing_an_account_does_is_said_before_it_is_done(town: Town, browser: SignIn) -> None:
    person, page = browser("administrator"), page_of(town, "worker-99002")
    assert f'href="{page}/khoa"' in person.get(page).get_data(as_text=True)
    told = person.get(f"{page}/khoa").get_data(as_text=True)
    assert "Không mở lại được" in told and "Nháp dở" in told and "người cuối cùng của vị trí này" in told
    assert find(town, "worker-99002").closed_at is None
    assert person.get(f"{page_of(town, 'administrator')}/khoa").status_code == 303


def test_an_heir_who_may_not_open_a_case_yet_leaves_the_post_to_the_province(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    told = person.submit("/quan-tri/tai-khoan/moi", NEW).get_data(as_text=True)
    assert "Tài khoản chỉ mở được ca khi một người thứ hai đồng ý" in told
    person.submit(f"{page_of(town, 'worker-99002')}/khoa")
    page = person.follow().get_data(as_text=True)
    assert "Vị trí này nay không còn ai" in page and "Xã Bản Sen: Người làm công tác" in page
    agree_to(town, "nguoi-moi")
    assert "Xã Bản Sen: Người làm công tác" not in person.get("/quan-tri/tai-khoan").get_data(as_text=True)


@pytest.mark.parametrize("act", ["", "/mat-khau", "/khoa"])
def test_an_administrator_changes_no_account_of_their_own(town: Town, browser: SignIn, act: str) -> None:
    person = browser("administrator")
    person.submit("/quan-tri/tai-khoan/moi", {**NEW, "role": "administrator", "unit": "99"})  # so not the last one
    answer = person.submit(f"{page_of(town, 'administrator')}{act}", {**NEW, "role": "worker", "unit": "99001"})
    assert answer.status_code in (303, 422)
    staff = find(town, "administrator")
    assert (staff.role, staff.closed_at) == ("administrator", None)
    assert person.get("/quan-tri/tai-khoan").status_code == 200


def test_a_deputy_put_on_the_rota_may_decide_at_the_next_request(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    deputy = find(town, "deputy-99001")
    assert not town.act_as("deputy-99001").on_duty
    when = {"first-day": "2026-11-23", "first-time": "07:00", "last-day": "2026-11-23", "last-time": "17:00"}
    answer = person.submit(f"{post_of(town, 'chair')}/truc", {"staff": str(deputy.id), **when, "weeks": "3"})
    assert answer.status_code == 303
    assert town.act_as("deputy-99001").on_duty
    page = person.follow().get_data(as_text=True)
    assert "07:00–17:00" in page and "deputy-99001 (phó)" in page
    with town.office.begin(SYSTEM) as work:
        rows = work.session.exec(select(Duty).where(Duty.staff_id == deputy.id)).all()
        assert sorted(one.starts_at for one in rows)[2] - min(one.starts_at for one in rows) == timedelta(weeks=2)
        first = min(rows, key=lambda one: one.starts_at)
    person.submit(f"{post_of(town, 'chair')}/truc/{first.id}/bo")
    assert not town.act_as("deputy-99001").on_duty


def test_a_deputy_off_duty_is_told_so_where_decisions_wait(town: Town, browser: SignIn) -> None:
    told = "chưa quyết định thay được"
    person, deputy = browser("administrator"), browser("deputy-99001")
    assert told in deputy.get("/ky").get_data(as_text=True)
    assert "Phó Chủ tịch UBND xã" in deputy.get("/ky").get_data(as_text=True)
    when = {"staff": str(find(town, "deputy-99001").id), "first-day": "2026-11-23"}
    person.submit(f"{post_of(town, 'chair')}/truc", when)
    assert told not in deputy.get("/ky").get_data(as_text=True)
    assert told not in browser("chair").get("/ky").get_data(as_text=True)


def test_leave_passes_the_post_on_and_back(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    chair = find(town, "chair")
    typed = {"staff": str(chair.id), "first-day": "2026-11-23", "last-day": "2026-11-24"}
    assert person.submit(f"{post_of(town, 'chair')}/nghi", typed).status_code == 303
    assert town.act_as("deputy-99001").on_duty
    with town.office.begin(SYSTEM) as work:
        leave = work.session.exec(select(Leave)).one()
        assert leave.ends_at - leave.starts_at == timedelta(days=2)
    person.submit(f"{post_of(town, 'chair')}/nghi/{leave.id}/bo")
    assert not town.act_as("deputy-99001").on_duty


def test_days_are_typed_as_people_here_write_them(town: Town, browser: SignIn) -> None:
    person, worker = browser("administrator"), find(town, "worker")
    page = f"{post_of(town, 'worker')}"
    assert not re.search(
        r'type="(date|time)"', person.get(page).get_data(as_text=True)
    )  # they follow the browser's tongue
    day = {"first-day": "30/12/2026", "first-time": "22h00", "last-day": "2/1/2027", "last-time": "6:00"}
    assert person.submit(f"{page}/nghi", {"staff": str(worker.id), **day}).status_code == 303
    shown = person.follow().get_data(as_text=True)
    assert "từ 22:00 thứ Tư 30/12/2026 đến 06:00 thứ Bảy 02/01/2027" in shown
    day = {"first-day": "04-01-2027", "first-time": "", "last-day": "05-01-2027", "last-time": ""}
    assert person.submit(f"{page}/nghi", {"staff": str(worker.id), **day}).status_code == 303
    assert "từ 00:00 thứ Hai 04/01/2027 đến hết thứ Ba 05/01/2027" in person.follow().get_data(as_text=True)


@pytest.mark.parametrize(("username", "then"), [("worker", "chuyển lên tỉnh"), ("supervisor", "dù họ nghỉ")])
def test_leave_that_leaves_nobody_says_when_and_who_is_told_then(
    town: Town, browser: SignIn, username: str, then: str
) -> None:
    person, away = browser("administrator"), find(town, username)
    day = {"first-day": "31/12/2026", "last-day": "01/01/2027"}
    person.submit(f"{post_of(town, username)}/nghi", {"staff": str(away.id), **day})
    page = person.follow().get_data(as_text=True)
    assert "Từ 00:00 thứ Năm 31/12/2026 đến hết thứ Sáu 01/01/2027 không ai giữ vị trí này." in page and then in page
    assert "tự chuyển cho người khác" not in page
    assert "Tuần 28/12" in page and "không ai, chuyển tỉnh" in page  # the week it is about


def test_what_is_over_is_not_written_down_as_if_it_changed_something(town: Town, browser: SignIn) -> None:
    person, worker = browser("administrator"), find(town, "worker")
    past = {"staff": str(worker.id), "first-day": "01/11/2026", "last-day": "02/11/2026"}
    for kind in ("nghi", "truc"):
        answer = person.submit(f"{post_of(town, 'worker')}/{kind}", past)
        assert answer.status_code == 422 and "Khoảng thời gian này đã qua" in answer.get_data(as_text=True)
        assert 'value="01/11/2026"' in answer.get_data(as_text=True)
    again = person.submit(f"{post_of(town, 'worker')}/truc", {**past, "weeks": "8"})
    assert again.status_code == 303


def test_a_week_shows_the_hours_in_which_nobody_holds_a_post(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    worker = find(town, "worker")
    day = {"first-day": "2026-11-24", "first-time": "12:00", "last-day": "2026-11-24", "last-time": "18:00"}
    person.submit(f"{post_of(town, 'worker')}/nghi", {"staff": str(worker.id), **day})
    page = person.get("/quan-tri/ca-truc?q=na+lung&tuan=2026-11-24").get_data(as_text=True)
    assert re.search(r"12:00–18:00</span> không ai, chuyển tỉnh", page)
    assert "12:00–18:00" not in person.get("/quan-tri/ca-truc?q=na+lung&tuan=2026-12-01").get_data(as_text=True)


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ({"staff": ""}, "Chọn người"),
        ({"first-day": "hôm nay"}, "Ghi ngày và giờ bắt đầu"),
        ({"last-day": "2026-11-22"}, "Hết phải sau bắt đầu"),
        ({"last-day": "", "weeks": "3"}, "Ca trực lặp lại hằng tuần phải có giờ hết"),
        ({"weeks": "99"}, "Từ 1 đến 26 tuần"),
        ({"last-day": "9999-99-99"}, "Ghi ngày và giờ hết"),
    ],
)
def test_a_duty_filled_in_wrong_is_told_beside_its_box(
    town: Town, browser: SignIn, typed: dict[str, str], fault: str
) -> None:
    good = {"staff": str(find(town, "worker").id), "first-day": "2026-11-23", "last-day": "2026-11-24"}
    answer = browser("administrator").submit(f"{post_of(town, 'worker')}/truc", {**good, **typed})
    assert answer.status_code == 422 and fault in answer.get_data(as_text=True)


def test_units_are_found_and_what_they_became_is_shown(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    page = person.get("/quan-tri/don-vi?q=ban+sen&loai=commune").get_data(as_text=True)
    address = re.search(r'href="(/quan-tri/don-vi/[0-9a-f-]{36})">Xã Bản Sen', page)
    assert address is not None
    assert "worker-99002" in person.get(address[1]).get_data(as_text=True)
    offered = person.get("/quan-tri/don-vi/tim?q=99002").get_json()
    assert offered == [{"code": "99002", "title": "Xã Bản Sen", "detail": "99002 · Tỉnh Sơn Lâm"}]
    assert person.get("/quan-tri/don-vi?q=%25&cu=1&trang=99").status_code == 200


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMINISTRATOR])
def test_nobody_else_can_open_or_change_any_of_it(town: Town, browser: SignIn, role: str) -> None:
    person = browser(role)
    addresses = [
        "/quan-tri/tai-khoan",
        page_of(town, "chair"),
        "/quan-tri/ca-truc",
        post_of(town, "chair"),
        "/quan-tri/don-vi",
    ]
    assert {person.get(one).status_code for one in addresses} == {404}
    posts = ["/quan-tri/tai-khoan/moi", f"{page_of(town, 'chair')}/khoa", f"{post_of(town, 'chair')}/truc"]
    assert {person.submit(one, NEW).status_code for one in posts} == {404}
    assert find(town, "chair").closed_at is None


@pytest.mark.parametrize(
    "address", ["/quan-tri/tai-khoan/{nobody}", "/quan-tri/don-vi/{nobody}", "/quan-tri/ca-truc/{nobody}/worker"]
)
def test_what_does_not_exist_is_not_found(browser: SignIn, address: str) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    assert browser("administrator").get(address.format(nobody=nobody)).status_code == 404


def test_every_act_is_in_the_trail(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    person.submit("/quan-tri/tai-khoan/moi", NEW)
    staff = find(town, "nguoi-moi")
    person.submit(page_of(town, "nguoi-moi"), {**NEW, "role": "deputy"})
    person.submit(f"{page_of(town, 'nguoi-moi')}/mat-khau")
    person.submit(
        f"{post_of(town, 'nguoi-moi')}/nghi",
        {"staff": str(staff.id), "first-day": "2026-11-23", "last-day": "2026-11-24"},
    )
    person.submit(f"{page_of(town, 'nguoi-moi')}/khoa")
    with town.office.begin(SYSTEM) as work:
        entries: Any = work.session.exec(
            select(AuditEntry).where(AuditEntry.object_id == staff.id, AuditEntry.actor_role == "administrator")
        ).all()
        unit = work.session.get_one(Unit, staff.unit_id)
    tags = {entry.tag for entry in entries}
    assert {
        Tag.ACCOUNT_CREATED, Tag.ACCOUNT_CHANGED, Tag.PASSWORD_CHANGED, Tag.DUTY_CHANGED, Tag.ACCOUNT_CLOSED,
    } <= tags  # fmt: skip
    assert unit.code == "99002"
