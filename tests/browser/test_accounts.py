"""The box of an account's unit in a real browser: what is typed stays in sight, and a key chooses."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.stage import DESK, PHONE, Stage, scrolls_sideways, sign_in

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_units_open_under_the_box_and_do_not_hide_it(browser: Browser, stage: Stage, size: tuple[int, int]) -> None:
    page = sign_in(browser, stage, "administrator", size)
    page.goto(stage.url + "/quan-tri/tai-khoan/moi")
    page.locator("#unit").press_sequentially("na lung")
    page.locator(".combo__list li").first.wait_for()
    box, offered = page.locator("#unit").bounding_box(), page.locator(".combo__list").bounding_box()
    form = page.locator("main form.card").bounding_box()
    assert box and offered and form
    assert box["y"] + box["height"] <= offered["y"] < box["y"] + box["height"] + 20
    assert offered["x"] >= form["x"] and offered["width"] <= form["width"]
    assert offered["x"] + offered["width"] <= size[0]
    assert not scrolls_sideways(page)
    page.keyboard.press("Enter")
    assert page.input_value("[name=unit]") == "99001" and page.input_value("#unit") == "Xã Nà Lũng"
    page.context.close()
