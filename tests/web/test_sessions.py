"""One's own sessions, one's own password, the screen lock and the quick exit, as a browser meets them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyotp
import pytest
from sqlmodel import select

from casework.app import create_app
from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.people.enrolment import confirm_totp, seed_to_confirm, start_totp
from casework.people.models import SignedInSession, Staff, UnitKind
from casework.people.queries import unit_named
from casework.people.rules import Role
from casework.people.service import move_account
from casework.policy import MACHINE, PUBLIC, declared
from casework.web import guard
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser
from tests.web.test_sign_in_factors import filled

SESSIONS, PASSWORD, LOCK, UNLOCK, HOME = (
    "/tai-khoan/phien",
    "/tai-khoan/mat-khau",
    "/khoa-man-hinh",
    "/mo-khoa",
    "/viec",
)
NEW_PASSWORD = "sương muối phủ nương ngô"
END = re.compile(r"/tai-khoan/phien/([0-9a-f-]{36})/ket-thuc")
AGENT = (
    "Mozilla/5.0 (Linux; Android 14; SM-A155F Build/UP1A) AppleWebKit/537.36 Chrome/126.0.6478.122 Mobile Safari/537.36"
)
Open = Callable[[str], Browser]


def test_one_sees_and_ends_one_s_own_sessions_and_no_other_s(town: Town, browser: Open) -> None:
    desk, phone, chair = browser("worker"), browser("worker"), browser("chair")
    phone.get(HOME, headers={"User-Agent": AGENT}, environ_base={"REMOTE_ADDR": "203.0.113.77"})
    page = desk.get(SESSIONS).get_data(as_text=True)
    others = END.findall(page)
    assert len(others) == 1, "this one has no button"
    assert chair.submit(f"{SESSIONS}/{others[0]}/ket-thuc", page=SESSIONS).status_code == 404
    assert desk.submit(f"{SESSIONS}/{others[0]}/ket-thuc", page=SESSIONS).status_code == 303
    assert phone.get(HOME).headers["Location"].startswith("/dang-nhap")
    assert desk.get(HOME).status_code == 200


def test_of_a_browser_one_word_is_kept_and_of_an_address_its_network(town: Town, browser: Open) -> None:
    phone = browser("worker")
    town.clock.advance(minutes=2)
    phone.get(HOME, headers={"User-Agent": AGENT}, environ_base={"REMOTE_ADDR": "203.0.113.77"})
    with town.office.begin(SYSTEM) as work:
        kept = work.session.exec(select(SignedInSession)).one()
    assert (kept.agent, kept.network) == ("android-chrome", "203.0.113.0")
    assert "203.0.113.77" not in phone.get(SESSIONS).get_data(as_text=True)


def test_all_other_sessions_are_ended_at_once(browser: Open) -> None:
    desk, *others = (browser("worker") for _ in range(3))
    desk.submit(f"{SESSIONS}/ket-thuc-phien-khac", page=SESSIONS)
    assert [one.get(HOME).status_code for one in (desk, *others)] == [200, 303, 303]


def test_another_role_or_unit_ends_sessions_at_the_next_request(town: Town, browser: Open) -> None:
    worker = browser("worker")
    assert worker.get(HOME).status_code == 200
    with town.office.begin(town.act_as("administrator")) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        place = unit_named(work, "99002", [UnitKind.COMMUNE])
        assert place is not None
        move_account(work, staff, role=Role.WORKER, unit=place)
    assert worker.get(HOME).status_code == 303


def test_every_sign_in_and_every_refused_one_is_written_down(town: Town, browser: Open, stranger: Browser) -> None:
    browser("worker")
    for username in ("worker", "khong-co-ai"):
        stranger.submit("/dang-nhap", {"username": username, "password": "sai"}, page="/dang-nhap")
    with town.office.begin(SYSTEM) as work:
        tags = list(work.session.exec(select(AuditEntry.tag)))
    assert (tags.count(Tag.SESSION_OPENED), tags.count(Tag.SESSION_REFUSED)) == (1, 2)


def test_a_session_s_id_is_new_at_every_sign_in(app: Any, town: Town, browser: Open) -> None:
    person = browser("worker")
    with person.client.session_transaction() as before:
        old = before["_user_id"]
    person.submit("/dang-xuat", page=HOME)
    person.submit("/dang-nhap", {"username": "worker", "password": town.password}, page="/dang-nhap")
    with person.client.session_transaction() as after:
        assert after["_user_id"] != old


def test_nothing_planted_before_the_sign_in_lives_on_after_it(app: Any, town: Town) -> None:
    person = Browser(app.test_client(), "worker")
    person.get("/ngon-ngu/en")
    typed = {"username": "worker", "password": town.password}
    with person.client.session_transaction() as planted:
        planted.update(asked={"step-up": "x"}, after="/khac", _flashes=[("success", "x")], anything="x")
    assert person.submit("/dang-nhap", typed, page="/dang-nhap").status_code == 303
    with person.client.session_transaction() as kept:
        assert set(kept) == {"language", "_user_id"}, "not even the token of the form"


def test_a_new_password_asks_the_old_one_and_ends_other_sessions(town: Town, browser: Open) -> None:
    desk, other = browser("worker"), browser("worker")

    def change(old: str, new: str, again: str | None = None) -> int:
        return desk.submit(PASSWORD, {"old": old, "new": new, "again": again or new}, page=PASSWORD).status_code

    assert change("sai mat khau", NEW_PASSWORD) == 422
    assert change(town.password, NEW_PASSWORD, "khac") == 422
    assert change(town.password, "ngắn") == change(town.password, "worker worker worker") == 422
    assert change(town.password, NEW_PASSWORD) == 303
    assert [one.get(HOME).status_code for one in (desk, other)] == [200, 303]
    assert (
        other.submit("/dang-nhap", {"username": "worker", "password": town.password}, page="/dang-nhap").status_code
        == 401
    )


def test_a_locked_screen_opens_nothing_until_its_owner_is_back(town: Town, browser: Open) -> None:
    desk = browser("worker")
    answer = desk.submit(LOCK, {"next": HOME}, page=HOME)
    assert answer.status_code == 303 and answer.headers["Location"] == f"{UNLOCK}?next={HOME}"
    for path in ("/", HOME, "/ca", SESSIONS, "/dang-nhap"):
        assert desk.get(path).headers["Location"].startswith(UNLOCK), path
    assert desk.get("/thong-bao/moi.json").status_code == 423
    page = desk.get(UNLOCK).get_data(as_text=True)
    assert "Nà Lũng" not in page and "worker" not in page and "<nav" not in page
    assert desk.submit(UNLOCK, {"password": "sai", "next": HOME}, page=UNLOCK).status_code == 401
    assert desk.get(HOME).status_code == 303
    with desk.client.session_transaction() as before:
        old = before["_user_id"]
    assert desk.submit(UNLOCK, {"password": town.password, "next": HOME}, page=UNLOCK).headers["Location"] == HOME
    assert desk.get(HOME).status_code == 200
    with desk.client.session_transaction() as after:
        assert after["_user_id"] != old


def test_a_second_factor_opens_a_locked_screen_too(town: Town, browser: Open) -> None:
    desk = browser("worker")
    with town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        start_totp(work, staff)
        work.session.flush()
        seed = seed_to_confirm(work, staff)
        assert seed is not None
        application = pyotp.TOTP(seed[0])
        assert confirm_totp(work, staff, application.at(int(work.now.timestamp())))
    town.clock.advance(seconds=60)
    desk.submit(LOCK, {"next": HOME}, page=HOME)
    right = application.at(int(town.clock.now().timestamp()))
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    assert desk.submit(UNLOCK, {"_lock_code": wrong, "next": HOME}, page=UNLOCK).status_code == 401
    assert desk.get(HOME).status_code == 303
    assert desk.submit(UNLOCK, {"_lock_code": right, "next": HOME}, page=UNLOCK).headers["Location"] == HOME
    assert desk.get(HOME).status_code == 200


def test_an_address_is_believed_only_from_the_office_s_own_proxies(town: Town) -> None:
    for proxies, network in ((0, "192.0.2.0"), (1, "203.0.113.0")):
        office = replace(town.office, settings=replace(town.office.settings, proxies=proxies))
        person = Browser(create_app(office).test_client(), "worker")
        typed = {"username": "worker", "password": town.password}
        told = {"X-Forwarded-For": "198.51.100.9, 203.0.113.77"}
        person.submit("/dang-nhap", typed, page="/dang-nhap")
        town.clock.advance(minutes=2)
        person.get(HOME, headers=told, environ_base={"REMOTE_ADDR": "192.0.2.7"})
        assert network in person.get(SESSIONS).get_data(as_text=True)


def test_what_is_sent_from_a_locked_screen_is_kept_as_a_draft(town: Town, browser: Open) -> None:
    villager = browser("collaborator")
    villager.submit("/bao-tin/1", {"danger_now": "no"}, page="/bao-tin")
    villager.submit(LOCK, page="/bao-tin")
    answer = villager.client.post("/bao-tin/5", data={"narrative": "Nghe trẻ khóc", "csrf_token": villager.token})
    assert answer.headers["Location"].startswith(UNLOCK)
    assert (
        villager.client.post("/bao-tin/5", headers={"X-Autosave": "1"}, data={"csrf_token": villager.token}).status_code
        == 423
    )
    villager.submit(UNLOCK, {"password": town.password}, page=UNLOCK)
    assert "Nghe trẻ khóc" in villager.get("/bao-tin/5").get_data(as_text=True)


def test_what_stands_on_a_page_when_it_is_locked_is_kept_for_it(town: Town, browser: Open) -> None:
    villager = browser("collaborator")
    villager.submit("/bao-tin/1", {"danger_now": "no"}, page="/bao-tin")
    villager.submit(LOCK, {"next": "/bao-tin/5", "narrative": "Nghe trẻ khóc"}, page="/bao-tin/5")
    villager.submit(UNLOCK, {"password": town.password}, page=UNLOCK)
    assert "Nghe trẻ khóc" in villager.get("/bao-tin/5").get_data(as_text=True)
    for odd in ("/khong-co", "/ca/TE-26-000000/buoc/x", "/static/x"):
        assert villager.submit(LOCK, {"next": odd, "narrative": "x"}, page="/bao-tin").status_code == 303
        villager.submit(UNLOCK, {"password": town.password}, page=UNLOCK)


def test_the_planted_defect_of_a_lock_that_is_not_asked_is_seen(
    town: Town, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_unlock_first", lambda app, who, token: None)
    desk = browser("worker")
    desk.submit(LOCK, page=HOME)
    assert desk.get(HOME).status_code == 200


def test_the_quick_exit_ends_the_session_in_the_office_too(town: Town, browser: Open) -> None:
    villager = browser("collaborator")
    with villager.client.session_transaction() as kept:
        token = kept["_user_id"]
    for page in ("/bao-tin", "/bao-tin/cua-toi", "/thong-bao", "/tro-giup", SESSIONS):
        assert "/thoat-nhanh" in villager.get(page).get_data(as_text=True), page
    answer = villager.get("/thoat-nhanh", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    with villager.client.session_transaction() as kept:
        kept["_user_id"] = token
    assert villager.get("/bao-tin").status_code == 303


def test_another_site_cannot_make_anybody_leave(browser: Open) -> None:
    villager = browser("collaborator")
    villager.get("/thoat-nhanh", headers={"Sec-Fetch-Site": "cross-site"})
    assert villager.get("/bao-tin").status_code == 200


WAY_OUT = {"lock.close", "lock.ask", "lock.open_again", "factors.passkey_again", "signin.leave", "pages.quick_exit"}


def test_nothing_but_the_way_out_and_what_strangers_see_answers_on_a_locked_screen(
    app: Any, town: Town, browser: Open
) -> None:
    marked = {endpoint for endpoint, view in app.view_functions.items() if getattr(view, "while_locked", False)}
    assert marked == WAY_OUT
    wrong = []
    for username in ("worker", "administrator", "collaborator"):
        desk = browser(username)
        desk.submit(LOCK, page="/tro-giup/can-cu-phap-ly")
        desk.submit(UNLOCK, {"password": "sai"}, page=UNLOCK)
        for rule in app.url_map.iter_rules():
            who = declared(app.view_functions[rule.endpoint])
            if rule.endpoint in WAY_OUT or who == MACHINE:
                continue
            for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                answer = desk.client.open(filled(rule.rule), method=method, data={"csrf_token": desk.token})
                shut = answer.status_code == 423 or answer.headers.get("Location", "").startswith(UNLOCK)
                public = who == PUBLIC and "Nà Lũng" not in answer.get_data(as_text=True)
                if not shut and not public:
                    wrong.append((username, method, rule.endpoint, answer.status_code))
    assert wrong == []
