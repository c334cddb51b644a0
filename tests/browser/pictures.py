"""Takes the README's pictures from a fresh demo: `python -m tests.browser.pictures`."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from tests.browser.stage import DESK, PHONE, chromium, running_demo, sign_in

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
CLOCK = "2026-11-23T07:00+07:00"


def save(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png")


def main() -> None:
    with running_demo("--clock", CLOCK) as stage, chromium() as browser:
        worker = sign_in(browser, stage, "worker", DESK)
        worker.goto(stage.url + "/viec")
        save(worker, "worker")
        worker.goto(stage.url + "/ca?han=qua-han")
        worker.locator("main table a", has_text="TE-").first.click()
        save(worker, "case")
        worker.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        worker.goto(stage.url + "/viec")
        save(worker, "worker-phone")

        supervisor = sign_in(browser, stage, "supervisor", DESK)
        supervisor.goto(stage.url + "/giam-sat")
        save(supervisor, "supervisor")

        operator = sign_in(browser, stage, "hotline", DESK)
        operator.goto(stage.url + "/tiep-nhan/moi")
        operator.keyboard.press("c")
        operator.locator("#f-incident_commune").focus()
        operator.keyboard.type("na lung")
        operator.get_by_role("option", name="Nà Lũng").click()
        operator.fill("[name=incident_place]", "thôn Má Lủng, gần điểm trường")
        operator.fill("[name=child_name]", "Vừ Mí Ví Dụ")
        operator.fill("[name=child_age]", "9")
        operator.wait_for_timeout(1500)
        save(operator, "operator")

        villager = sign_in(browser, stage, "collaborator", PHONE)
        villager.goto(stage.url + "/bao-tin")
        villager.locator("main a.govuk-button, main button.govuk-button").first.click()
        villager.locator("label.tile").nth(1).click()
        villager.locator("main button.govuk-button").first.click()
        villager.wait_for_url("**/bao-tin/2")
        villager.locator("label.tile").nth(1).click()
        save(villager, "collaborator")


if __name__ == "__main__":
    main()
