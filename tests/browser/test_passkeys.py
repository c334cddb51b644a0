"""A passkey in a real Chromium with a virtual authenticator: made, signed in with, asked for again; and how the pages look."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from sqlmodel import select
from werkzeug.serving import ThreadedWSGIServer

from casework.app import create_app
from casework.people.models import Staff
from casework.work import SYSTEM
from tests.browser.stage import DESK, PHONE, axe_faults, scrolls_sideways
from tests.conftest import Town

pytestmark = pytest.mark.browser
PICTURES = os.environ.get("FACTOR_PICTURES")  # a folder: where to keep what the pages look like


class PatientServer(ThreadedWSGIServer):
    """Its end waits for what is being answered, so that no file stays open behind it."""

    daemon_threads = False


@pytest.fixture
def url(chromium: Browser, town: Town) -> Iterator[str]:
    """The office under a name that browsers know passkeys for; the worker needs a second factor and has none."""
    with town.office.begin(SYSTEM) as work:
        worker = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        worker.second_factor = "required"
        work.session.add(worker)
    server = PatientServer("127.0.0.1", 0, lambda *asked: app(*asked))
    address = f"http://localhost:{server.server_port}"
    app = create_app(replace(town.office, settings=replace(town.office.settings, public_url=address)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield address
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": DESK[0], "height": DESK[1]}, locale="vi-VN")
    context.set_default_timeout(20_000)
    yield context
    context.close()


def give_authenticator(page: Page) -> None:
    """A device of the page's own that finds its owner present and verified without asking."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def enter(page: Page, url: str, town: Town) -> None:
    page.goto(f"{url}/dang-nhap")
    page.fill("#username", "worker")
    page.fill("#password", town.password)
    page.click("form.sign-in button[type=submit]")


def look(page: Page, name: str) -> list[str]:
    wrong = []
    for size in (DESK, PHONE):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        wrong += [f"{name} at {size[0]}: {fault}" for fault in axe_faults(page)]
        if scrolls_sideways(page):
            wrong.append(f"{name} at {size[0]}: scrolls sideways")
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"{name}-{size[0]}.png", full_page=True)
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    return wrong


def test_a_passkey_is_made_signs_in_alone_and_proves_again(town: Town, url: str, context: BrowserContext) -> None:
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    give_authenticator(page)
    enter(page, url, town)
    assert page.url == f"{url}/tai-khoan/bao-mat"
    wrong = look(page, "set-up")

    page.click("text=Thêm khoá truy cập")
    page.fill("#name", "Máy tính cơ quan")
    wrong += look(page, "passkey-new")
    page.click("text=Tạo khoá trên thiết bị này")
    page.wait_for_selector(".codes")
    assert page.locator(".codes li").count() == 10
    wrong += look(page, "recovery-codes")
    page.click("text=Đã cất xong, đi tiếp")
    assert page.url == f"{url}/viec"

    page.goto(f"{url}/tai-khoan/bao-mat")
    wrong += look(page, "security")
    page.click("text=Máy tính cơ quan")
    wrong += look(page, "passkey")
    page.click("text=Đăng xuất")
    page.wait_for_url(f"{url}/dang-nhap")
    wrong += look(page, "sign-in")
    page.click("text=Đăng nhập bằng khoá truy cập (passkey)")
    page.wait_for_url(f"{url}/viec")

    town.clock.advance(minutes=6)
    page.goto(f"{url}/tai-khoan/bao-mat/khoa/moi")
    wrong += look(page, "confirm")
    page.click("text=Dùng khoá truy cập (passkey)")
    page.wait_for_url(f"{url}/tai-khoan/bao-mat/khoa/moi")

    page.click("text=Đăng xuất")
    enter(page, url, town)
    assert "/dang-nhap/xac-nhan" in page.url
    wrong += look(page, "second-step")
    page.click("text=Dùng khoá truy cập (passkey)")
    page.wait_for_url(f"{url}/viec")
    page.goto(f"{url}/tai-khoan/bao-mat")
    page.click("text=Thiết lập ứng dụng tạo mã")
    wrong += look(page, "application")
    assert page.evaluate("() => document.querySelector('img.qr').naturalWidth") > 0
    assert wrong == []
    assert faults == []


def test_a_browser_without_the_passkey_says_so_and_keeps_the_other_ways(
    town: Town, url: str, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"{url}/dang-nhap")
    page.evaluate(
        "() => { navigator.credentials.get = () => Promise.reject(new DOMException('', 'NotAllowedError')); }"
    )
    page.click("text=Đăng nhập bằng khoá truy cập (passkey)")
    page.wait_for_selector("text=Thiết bị không xác nhận được")
    enter(page, url, town)
    assert page.url == f"{url}/tai-khoan/bao-mat"


def test_without_javascript_a_passkey_is_not_offered_and_an_application_is(
    town: Town, url: str, chromium: Browser
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    enter(page, url, town)
    page.goto(f"{url}/dang-nhap")
    page.goto(f"{url}/tai-khoan/bao-mat")
    page.click("text=Thiết lập ứng dụng tạo mã")
    assert page.locator("#code").is_visible()
    page.goto(f"{url}/tai-khoan/bao-mat/khoa/moi")
    assert not page.locator("text=Tạo khoá trên thiết bị này").is_visible()
    context.close()
