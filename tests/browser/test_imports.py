"""An administrator brings a list of staff in from a file, at a desk and on a telephone, with scripts and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.stage import DESK, PHONE, Stage, axe_faults, scrolls_sideways, sign_in
from tests.people.test_imports import HEAD

pytestmark = pytest.mark.browser

STAFF, CONTACTS = "/quan-tri/tai-khoan/nhap", "/quan-tri/danh-ba"


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_file_is_mended_checked_and_applied_with_the_keyboard_alone(
    browser: Browser, stage: Stage, size: tuple[int, int], tmp_path: Path
) -> None:
    page = sign_in(browser, stage, "administrator", size)
    wrong: list[str] = []

    def look(where: str) -> None:
        page.wait_for_load_state()
        wrong.extend(f"{where}: {fault}" for fault in axe_faults(page))
        if scrolls_sideways(page):
            wrong.append(f"{where} scrolls sideways")

    def choose(row: str) -> None:
        path = tmp_path / "nhan-vien.csv"
        path.write_text(f"{HEAD}\n{row}\n", "utf-8")
        page.set_input_files("#file", path)
        page.get_by_role("button", name="Kiểm tra tệp").focus()
        page.keyboard.press("Enter")
        page.wait_for_load_state()

    page.goto(stage.url + CONTACTS)
    look("contacts")
    page.goto(stage.url + "/quan-tri/tai-khoan")
    page.get_by_role("link", name="Nhập từ tệp").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(stage.url + STAFF)
    look("before a file")
    page.get_by_role("button", name="Kiểm tra tệp").focus()
    page.keyboard.press("Enter")
    page.locator("#file-error").wait_for()
    look("no file")
    username = f"nhap-{size[0]}"
    choose(f"{username},,mayor,,00000,12,")
    page.get_by_text("4 lỗi").wait_for()
    look("faults")
    choose(f"{username},Người Thử,worker,,99002,0900001234,")
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    look("what would be done")
    page.get_by_role("button", name="Áp dụng").focus()
    page.keyboard.press("Enter")
    page.locator("code").wait_for()
    look("passwords")
    assert username in page.locator("main").inner_text()
    assert wrong == []
    page.context.close()


def test_nothing_of_it_needs_a_script(browser: Browser, stage: Stage, tmp_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": PHONE[0], "height": PHONE[1]})
    page = context.new_page()
    account = stage.accounts["administrator"]
    page.goto(stage.url + "/dang-nhap")
    page.fill("#username", account["username"])
    page.fill("#password", account["password"])
    page.click("form.sign-in button[type=submit]")
    path = tmp_path / "danh-ba.csv"
    path.write_text("unit,body,post,phone\n99002,other,Trực thử,113\n", "utf-8")
    page.goto(stage.url + CONTACTS)
    page.set_input_files("#file", path)
    page.get_by_role("button", name="Kiểm tra tệp").click()
    page.get_by_role("button", name="Áp dụng").click()
    page.get_by_text("Đã nhập danh bạ").wait_for()
    context.close()
