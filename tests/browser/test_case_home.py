"""The pages of one case in a real browser: by keyboard, on a phone, on paper, and with JavaScript switched off."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.stage import CODE, DESK, PHONE, Stage, axe_faults, scrolls_sideways, sign_in

pytestmark = pytest.mark.browser

TABS = ("", "/dong-thoi-gian", "/nguoi", "/chia-se", "/nhat-ky", "/in", "/ghi-nhan")
NARROW = (320, 640)  # CSS pixels: 1280 at 400 %


def own_case(page: Page, stage: Stage) -> str:
    """The code of a case that has a history: the soonest due of those in their third step."""
    page.goto(stage.url + "/ca?buoc=specific")
    found = CODE.search(page.locator("main table").inner_text())
    assert found is not None
    return found[0]


def test_every_page_of_a_case_is_sound_at_a_desk_on_a_phone_and_at_four_hundred_percent(
    browser: Browser, stage: Stage
) -> None:
    page = sign_in(browser, stage, "worker")
    code = own_case(page, stage)
    wrong = []
    for tab in TABS:
        page.goto(f"{stage.url}/ca/{code}{tab}")
        for size in (DESK, PHONE, NARROW):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            if scrolls_sideways(page):
                wrong.append(f"{tab} at {size[0]}: scrolls sideways")
            if size != NARROW:
                wrong += [f"{tab} at {size[0]}: {fault}" for fault in axe_faults(page)]
    assert wrong == []
    page.context.close()


def test_the_row_of_a_case_s_pages_opens_at_the_one_on_show(browser: Browser, stage: Stage) -> None:
    page = sign_in(browser, stage, "worker", PHONE)
    code = own_case(page, stage)
    for tab in TABS[:5]:  # a print and a visit's note stand without the row
        page.goto(f"{stage.url}/ca/{code}{tab}")
        box = page.locator(".subnav [aria-current]").bounding_box(timeout=5000)
        assert box is not None
        assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE[0], f"{tab or 'home'} is out of sight"
        assert page.evaluate("() => window.scrollY") == 0, tab
    page.context.close()


def test_the_next_step_is_in_sight_on_both_sizes_and_reached_by_keyboard_alone(browser: Browser, stage: Stage) -> None:
    page = sign_in(browser, stage, "worker")
    code = own_case(page, stage)
    for size in (DESK, PHONE):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(f"{stage.url}/ca/{code}")
        box = page.locator("#next-step").bounding_box()
        assert box is not None
        assert box["y"] < size[1], f"the next step is below the first screen at {size[0]}"
    button = page.locator(".next__act a.govuk-button").first
    wanted = button.get_attribute("href")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.getAttribute('href')") == wanted:
            break
    assert page.evaluate("() => document.activeElement.getAttribute('href')") == wanted
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/ca/{code}/buoc/"))
    page.context.close()


def test_a_visit_is_noted_without_javascript(browser: Browser, stage: Stage) -> None:
    account = stage.accounts["worker"]
    context = browser.new_context(java_script_enabled=False, viewport={"width": PHONE[0], "height": PHONE[1]})
    page = context.new_page()
    page.goto(stage.url + "/dang-nhap")
    page.fill("#username", account["username"])
    page.fill("#password", account["password"])
    page.click("form.sign-in button[type=submit]")
    code = own_case(page, stage)
    page.goto(f"{stage.url}/ca/{code}/ghi-nhan")
    page.locator(".tile--yes").click()
    page.fill("[name=text]", "Em vui, đã đi học lại (diễn tập).")
    page.locator(".pill", has_text="+7").click()
    page.locator("form.visit button[type=submit]").click()
    page.wait_for_url(f"{stage.url}/ca/{code}")
    assert "em an toàn. Hẹn tiếp" in page.locator(".story").inner_text()
    context.close()


def test_a_printed_case_leaves_the_navigation_on_the_screen(browser: Browser, stage: Stage) -> None:
    page = sign_in(browser, stage, "worker")
    code = own_case(page, stage)
    page.emulate_media(media="print")
    for tab, gone in (("", "header.top, .subnav, .next__act"), ("/in", ".sheet-bar")):
        page.goto(f"{stage.url}/ca/{code}{tab}")
        assert not any(one.is_visible() for one in page.locator(gone).all()), tab
    assert page.locator(".sheet__secret").is_visible()
    page.context.close()
