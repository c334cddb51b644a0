"""A collaborator's telephone: a code makes it theirs, a PIN opens it, and the commune takes it away from afar."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import select

from casework.notices.models import Notice
from casework.people import phones
from casework.people.models import Staff
from casework.people.phonemodels import Phone, PhoneCode
from casework.people.phones import MOST_WRONG
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser

CODE = re.compile(r'class="told">([a-z0-9-]+)<')
NEW, PIN_PAGE, HOME = "/dien-thoai/nhan-ma", "/dien-thoai", "/bao-tin"
PIN = "407193"


def staff_of(town: Town, username: str) -> Staff:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(Staff).where(Staff.username == username)).one()


def code_from(town: Town, giver: Browser) -> str:
    staff_id = staff_of(town, "collaborator").id
    page = giver.submit(f"/cong-tac-vien/{staff_id}/ma", page=f"/cong-tac-vien/{staff_id}").get_data(as_text=True)
    found = CODE.search(page)
    assert found, page
    return found[1]


def enrol(town: Town, app: Any, giver: Browser) -> Browser:
    phone = Browser(app.test_client(), "collaborator")
    answer = phone.submit(NEW, {"code": code_from(town, giver).upper(), "pin": PIN, "again": PIN}, page=NEW)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return phone


def pin(phone: Browser, digits: str) -> int:
    return phone.submit(PIN_PAGE, {"pin": digits}, page=PIN_PAGE).status_code


@pytest.fixture
def worker(browser: Callable[[str], Browser]) -> Browser:
    return browser("worker")


def test_a_code_makes_a_telephone_known_and_its_pin_opens_it_again(town: Town, app: Any, worker: Browser) -> None:
    phone = enrol(town, app, worker)
    assert phone.get(HOME).status_code == 200
    phone.submit("/dang-xuat", page=HOME)
    assert phone.get(HOME).headers["Location"].startswith(PIN_PAGE), "a known telephone asks for its PIN first"
    assert pin(phone, PIN) == 303
    assert phone.get(HOME).status_code == 200
    with town.office.begin(SYSTEM) as work:
        kept = work.session.exec(select(Phone)).one()
        assert PIN not in kept.pin_hash and kept.pin_hash.startswith("k1$argon2id$")
        assert "phone-enrolled" in {one.text_id for one in work.session.exec(select(Notice))}


def test_a_code_opens_one_telephone_once_and_for_a_quarter_of_an_hour(
    town: Town, app: Any, worker: Browser, stranger: Browser
) -> None:
    code = code_from(town, worker)
    for wrong in ("aaaa-aaaa", code[:-1]):
        assert stranger.submit(NEW, {"code": wrong, "pin": PIN, "again": PIN}, page=NEW).status_code == 422
    late = Browser(app.test_client(), "")
    town.clock.advance(minutes=15)
    assert late.submit(NEW, {"code": code, "pin": PIN, "again": PIN}, page=NEW).status_code == 422
    used = code_from(town, worker)
    older = code_from(town, worker)
    assert stranger.submit(NEW, {"code": used, "pin": PIN, "again": PIN}, page=NEW).status_code == 422, "voided"
    assert stranger.submit(NEW, {"code": older, "pin": PIN, "again": PIN}, page=NEW).status_code == 303
    assert late.submit(NEW, {"code": older, "pin": PIN, "again": PIN}, page=NEW).status_code == 422, "used"
    with town.office.begin(SYSTEM) as work:
        assert all(older.replace("-", "").encode() not in one.digest for one in work.session.exec(select(PhoneCode)))


def test_five_wrong_pins_take_the_telephone_away_and_tell_its_owner_and_the_commune(
    town: Town, app: Any, worker: Browser
) -> None:
    phone = enrol(town, app, worker)
    phone.submit("/dang-xuat", page=HOME)
    answers = [pin(phone, f"90001{number}") for number in range(MOST_WRONG)]
    assert answers == [401] * (MOST_WRONG - 1) + [303]
    assert phone.get(HOME).headers["Location"].startswith("/dang-nhap")
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(Phone)).one().revoked_why == "pin"
        told = {one.staff_id for one in work.session.exec(select(Notice).where(Notice.text_id == "phone-locked"))}
    assert told == {staff_of(town, "collaborator").id, staff_of(town, "worker").id}


def test_the_right_pin_starts_the_count_of_wrong_ones_anew(town: Town, app: Any, worker: Browser) -> None:
    phone = enrol(town, app, worker)
    for _ in range(2):
        phone.submit("/dang-xuat", page=HOME)
        assert [pin(phone, "900017") for _ in range(MOST_WRONG - 1)] == [401] * (MOST_WRONG - 1)
        assert pin(phone, PIN) == 303


def test_the_planted_defect_of_a_pin_that_is_not_counted_is_seen(
    town: Town, app: Any, worker: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phones, "_count_pin", lambda work, phone_id: 1)
    phone = enrol(town, app, worker)
    phone.submit("/dang-xuat", page=HOME)
    assert [pin(phone, "900017") for _ in range(MOST_WRONG + 1)] == [401] * (MOST_WRONG + 1)


def test_taking_a_telephone_away_ends_its_session_at_the_next_request(town: Town, app: Any, worker: Browser) -> None:
    phone = enrol(town, app, worker)
    assert phone.get(HOME).status_code == 200
    staff = staff_of(town, "collaborator")
    with town.office.begin(SYSTEM) as work:
        phone_id = work.session.exec(select(Phone)).one().id
    worker.submit(f"/cong-tac-vien/{staff.id}/thu-hoi/{phone_id}", page=f"/cong-tac-vien/{staff.id}")
    assert phone.get(HOME).status_code == 303
    assert pin(phone, PIN) == 303
    assert phone.get(HOME).headers["Location"].startswith("/dang-nhap")


def test_another_commune_s_collaborators_do_not_exist(town: Town, app: Any, browser: Callable[[str], Browser]) -> None:
    staff = staff_of(town, "collaborator")
    other = staff_of(town, "worker-99002")
    with town.office.begin(SYSTEM) as work:
        moved = work.session.get_one(Staff, staff.id)
        moved.unit_id = other.unit_id
        work.session.add(moved)
    assert browser("worker").get(f"/cong-tac-vien/{staff.id}").status_code == 404
    assert browser("worker").get(f"/cong-tac-vien/{other.id}").status_code == 404, "no collaborator"
    assert browser("administrator").get(f"/cong-tac-vien/{staff.id}").status_code == 200
    assert browser("hotline").get("/cong-tac-vien").status_code == 404


def test_the_telephone_s_cookie_is_out_of_scripts_reach_and_only_its_digest_is_kept(
    town: Town, app: Any, worker: Browser
) -> None:
    phone = enrol(town, app, worker)
    assert phone.last is not None
    cookie = next(one for one in phone.last.headers.getlist("Set-Cookie") if one.startswith("casework-phone="))
    assert "HttpOnly" in cookie and "SameSite=" in cookie and "Path=/" in cookie
    token = cookie.split("=", 1)[1].split(";")[0]
    with town.office.begin(SYSTEM) as work:
        assert token.encode() not in work.session.exec(select(Phone)).one().token_digest
