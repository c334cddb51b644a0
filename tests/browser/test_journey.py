"""One report in a real browser: the operator's page, the commune, the emergency, police, and back. Nothing is patched."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.stage import CODE, PHONE, Stage, axe_faults, sign_in

pytestmark = pytest.mark.browser

NAME = "Vừ Mí Sính Thử"
ACCOUNT = "Cha dượng đánh cháu bằng dây điện, cháu chảy máu đầu (diễn tập)."
REPORTER = "0977 123 456"


def sms_of(stage: Stage, code: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(stage.url + "/dien-tap/tin-nhan.json", timeout=5) as answer:  # noqa: S310  # loopback
        return [one for one in json.load(answer) if one["code"] == code]


def wait_for_sms(stage: Stage, code: str, count: int) -> list[dict[str, Any]]:
    until = time.monotonic() + 15
    while len(found := sms_of(stage, code)) < count:
        assert time.monotonic() < until, f"{len(found)} of {count} SMS about {code}"
        time.sleep(0.3)
    return found


def hand_in(page: Page) -> None:
    """Submits the form on the page, looks at the check page, and confirms."""
    page.click("form[data-autosave] button.govuk-button:not(.govuk-button--secondary)")
    page.wait_for_url("**/kiem-tra")
    assert axe_faults(page) == []
    page.click("main form button.govuk-button:not(.govuk-button--secondary)")
    page.wait_for_load_state()


def take_the_call(page: Page, stage: Stage) -> str:
    """The operator, with the keyboard alone from the first key to Ctrl+Enter. Returns the case's code."""
    page.goto(stage.url + "/tiep-nhan/moi")
    page.keyboard.press("c")
    expect(page.locator("input[name=danger_now][value=yes]")).to_be_checked()
    page.locator("#f-incident_commune").focus()
    page.keyboard.type("na lung")
    expect(page.get_by_role("option", name="Nà Lũng")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.fill("[name=child_name]", NAME)
    page.fill("[name=child_age]", "9")
    page.fill("[name=narrative]", ACCOUNT)
    page.fill("[name=reporter_phone]", REPORTER)
    page.locator("[name=narrative]").focus()
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/tiep-nhan/TN-*")
    found: list[str] = [code for code in CODE.findall(page.content()) if code.startswith("TE-")]
    assert found, "the receipt names the case"
    return found[0]


def test_from_the_operators_page_to_the_police_acknowledgement(browser: Browser, stage: Stage) -> None:
    operator = sign_in(browser, stage, "hotline")
    code = take_the_call(operator, stage)
    assert NAME not in operator.content(), "a receipt holds no content"
    first = wait_for_sms(stage, code, 1)
    assert all("Sính" not in one["body"] and "danh" not in one["body"] for one in first)

    worker = sign_in(browser, stage, "worker", PHONE)
    worker.goto(f"{stage.url}/ca/{code}")
    expect(worker.locator("main")).to_contain_text("Điều 26")
    worker.get_by_role("button", name="Nhận ca").first.click()
    worker.wait_for_load_state()
    worker.goto(f"{stage.url}/ca/{code}/buoc/submit-initial-assessment")
    for name, level in (("harm_1_1", "cao"), ("harm_1_2", "cao"), ("ability_2_1", "thap"), ("ability_2_2", "thap")):
        worker.check(f"input[name={name}][value={level}]", force=True)
    worker.check("input[name=conclusion][value=emergency]")
    hand_in(worker)
    expect(worker.locator("main")).to_contain_text("Quyết định biện pháp can thiệp khẩn cấp")

    worker.goto(f"{stage.url}/ca/{code}/buoc/refer-police")
    worker.check("input[name=to_unit][value='CA-99001']")
    worker.fill("[name=reason]", "Cần ngăn chặn ngay (diễn tập).")
    hand_in(worker)

    police = sign_in(browser, stage, "police", PHONE)
    row = police.locator("li, tr", has_text=code).first
    row.get_by_role("button", name="Xác nhận đã nhận").click()
    police.wait_for_load_state()
    seen = police.locator("main")
    expect(seen).to_contain_text(NAME)
    expect(seen).to_contain_text("Danh tính người báo tin")
    assert "977123456" not in police.content().replace(" ", "")
    assert axe_faults(police) == []
    answer = police.goto(f"{stage.url}/ca/{code}")
    assert answer is not None and answer.status == 404, "no page of a case is a liaison's"

    worker.goto(f"{stage.url}/ca/{code}")
    expect(worker.locator("main")).to_contain_text("Công an đã nhận")
    assert "977123456" not in worker.content().replace(" ", "")
    wait_for_sms(stage, code, 4)

    chair = sign_in(browser, stage, "chair", PHONE)
    chair.goto(f"{stage.url}/ca/{code}/buoc/decide-measures")
    hand_in(chair)
    expect(chair.locator("main")).to_contain_text("Mẫu 03")


def test_the_villager_sends_a_report_in_fourteen_taps_without_typing(browser: Browser, stage: Stage) -> None:
    page = sign_in(browser, stage, "collaborator", PHONE)
    page.goto(stage.url + "/bao-tin")
    taps = 0

    def tap(selector: str) -> None:
        nonlocal taps
        page.locator(selector).first.click()
        page.wait_for_load_state()
        taps += 1

    tap("main a.govuk-button, main button.govuk-button")
    tap("label.tile:has-text('Có')")
    while "/bao-tin/da-gui" not in page.url and taps < 20:
        if page.url.endswith("/2"):
            tap("label.tile")
        tap("main button.govuk-button:not(.govuk-button--secondary), main a.govuk-button:not([href^='tel:'])")
    assert "/bao-tin/da-gui" in page.url
    assert taps <= 14
    expect(page.locator("main")).to_contain_text("Đã gửi")
    assert axe_faults(page) == []


def test_what_was_typed_outlives_the_window(browser: Browser, stage: Stage) -> None:
    page = sign_in(browser, stage, "hotline")
    page.goto(stage.url + "/tiep-nhan/moi")
    page.locator("[name=narrative]").fill("đang ghi dở (diễn tập)")
    expect(page.locator("body")).to_contain_text("Đã lưu nháp", timeout=8000)
    page.context.close()
    again = sign_in(browser, stage, "hotline")
    again.goto(stage.url + "/tiep-nhan/moi")
    expect(again.locator("[name=narrative]")).to_have_value("đang ghi dở (diễn tập)")
