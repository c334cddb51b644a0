"""F9 in a real browser: the page is blank at once, what was typed is a draft by then, and its owner finds it again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.stage import PHONE, Stage, axe_faults, scrolls_sideways, sign_in

pytestmark = pytest.mark.browser

WORDS = "Hàng xóm nghe trẻ khóc từ tối qua"


def unlock(page: Page, stage: Stage, role: str) -> None:
    page.fill("#password", stage.accounts[role]["password"])
    page.get_by_role("button", name="Mở khóa").click()
    page.wait_for_load_state()


def test_f9_locks_the_intake_and_the_owner_finds_what_was_typed(browser: Browser, stage: Stage) -> None:
    page = sign_in(browser, stage, "hotline")
    page.goto(stage.url + "/tiep-nhan/moi")
    page.fill("[name=narrative]", WORDS)
    page.keyboard.press("F9")
    page.wait_for_url(re.compile("/mo-khoa"))
    assert WORDS not in page.content()
    assert axe_faults(page) == []
    page.go_back()
    page.wait_for_url(re.compile("/mo-khoa"))
    assert WORDS not in page.content(), "the browser's own memory shows nothing either"
    other = page.context.new_page()
    other.goto(stage.url + "/tiep-nhan/hang-cho")
    assert "/mo-khoa" in other.url
    other.close()
    page.goto(stage.url + "/tiep-nhan/moi")
    page.fill("#password", "sai mat khau")
    page.get_by_role("button", name="Mở khóa").click()
    page.get_by_text("Mật khẩu không đúng").wait_for()
    unlock(page, stage, "hotline")
    assert page.url == stage.url + "/tiep-nhan/moi"
    assert page.input_value("[name=narrative]") == WORDS
    page.context.close()


def test_the_lock_works_without_javascript(browser: Browser, stage: Stage) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(stage.url + "/dang-nhap")
    page.fill("#username", stage.accounts["worker"]["username"])
    page.fill("#password", stage.accounts["worker"]["password"])
    page.click("form.sign-in button[type=submit]")
    page.locator("form[data-lock] button").click()
    assert "/mo-khoa" in page.url
    unlock(page, stage, "worker")
    assert "/mo-khoa" not in page.url
    context.close()


def test_a_telephone_is_enrolled_and_opened_by_its_pin(browser: Browser, stage: Stage) -> None:
    worker = sign_in(browser, stage, "worker", PHONE)
    worker.goto(stage.url + "/cong-tac-vien")
    worker.locator("main ul a").first.click()
    worker.get_by_role("button", name="Cấp mã").click()
    code = worker.locator("code.told").inner_text()
    assert axe_faults(worker) == [] and not scrolls_sideways(worker)
    worker.context.close()
    phone = browser.new_context(viewport={"width": PHONE[0], "height": PHONE[1]}).new_page()
    phone.goto(stage.url + "/dien-thoai/nhan-ma")
    assert axe_faults(phone) == [] and not scrolls_sideways(phone)
    for box, typed in (("code", code), ("pin", "407193"), ("again", "407193")):
        phone.fill(f"#{box}", typed)
    phone.get_by_role("button", name="Nhận điện thoại này").click()
    phone.wait_for_url(re.compile("/bao-tin"))
    phone.get_by_role("button", name="Đăng xuất").click()
    phone.goto(stage.url + "/bao-tin")
    assert "/dien-thoai" in phone.url
    assert axe_faults(phone) == [] and not scrolls_sideways(phone)
    phone.fill("#pin", "407193")
    phone.get_by_role("button", name="Vào").click()
    phone.wait_for_url(re.compile("/bao-tin"))
    phone.context.close()
