"""Every form of the law that a case asks for, empty, filled and in error, at a desk's and a phone's size.

Whole: `EVERY_FORM=1 .venv/bin/python -m pytest tests/browser/test_every_form.py`; in CI every second form filled, and a
sixth of them empty and in error too and with their colours.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route
from sqlmodel import select

from casework.app import create_app
from casework.cases.models import Case
from casework.cases.service import INTAKE_ACTIONS
from casework.intake.service import receive_report
from casework.law.checks import sources_of
from casework.law.model import Action, Law
from casework.work import SYSTEM
from tests.browser.samples import filled, unreadable
from tests.browser.stage import AXE, DESK, PHONE, scrolls_sideways
from tests.web.conftest import signed_in

if TYPE_CHECKING:
    from tests.conftest import Town

pytestmark = pytest.mark.browser

HOST = "http://ca.localhost"
EVERY = bool(os.environ.get("EVERY_FORM"))
STAFF = ("worker", "chair", "supervisor")  # who fills in the steps of a case; the first that may, does
REPORT = {
    "incident_commune": "99001",
    "danger_now": "yes",
    "child_name": "Vừ Mí Thử",
    "father_name": "Vừ Giả Định",
    "harmer_relation": "father",
    "narrative": "Nghe tiếng trẻ khóc nhiều đêm (diễn tập).",
}


def steps(law: Law) -> Iterator[tuple[Action, str, str]]:
    """One step for each form a case asks: the move, who makes it, and a state in which it can be made."""
    seen: set[str | None] = {None}
    for action in law.actions.values():
        who = next((role for role in STAFF if role in action.roles), None)
        elsewhere = action.liaison is not None or action.receiver or action.id in INTAKE_ACTIONS
        if action.form in seen or who is None or elsewhere:
            continue
        seen.add(action.form)
        yield action, who, min(sources_of(law, action))


@dataclass
class Screen:
    """One page of the browser, in front of the application itself: no server, no second process."""

    app: Any
    page: Page
    shown: dict[str, str] = field(default_factory=dict)  # pages that only a POST leads to, by their own address
    static: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = self.app.test_client()
        self.page.route("**/*", self._answer)

    def _answer(self, route: Route) -> None:
        parts = urlsplit(route.request.url)
        if route.request.url in self.shown:
            route.fulfill(body=self.shown[route.request.url], content_type="text/html; charset=utf-8")
            return
        if parts.path not in self.static:
            with self.client.get(parts.path) as answer:
                self.static[parts.path] = answer.get_data(), str(answer.content_type)
        body, kind = self.static[parts.path]
        route.fulfill(body=body, content_type=kind)

    def faults(self, name: str, html: str, *, colours: bool = True) -> list[str]:
        """What is wrong with a page at both sizes. The page's own scripts run, the audit's after them; without `colours` it
        looks at a phone's size alone."""
        address = f"{HOST}/{name}"
        self.shown[address] = html
        self.page.goto(address)
        self.page.evaluate(AXE.read_text("utf-8"))
        wrong = []
        for width, height in (DESK, PHONE):
            self.page.set_viewport_size({"width": width, "height": height})
            if scrolls_sideways(self.page):
                wrong.append(f"{name} at {width}: scrolls sideways")
            if not colours and width == DESK[0]:
                continue
            # The colours are the same at both sizes, and looking at them takes half of the time.
            rules = {"color-contrast": {"enabled": width == DESK[0]}}
            found = self.page.evaluate(
                "rules => axe.run(document, {resultTypes: ['violations'], rules,"
                " runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})",
                rules,
            )
            wrong += [
                f"{name} at {width}: {fault['id']}: {[node['html'][:160] for node in fault['nodes'][:2]]}"
                for fault in found["violations"]
            ]
        return wrong


@pytest.fixture
def screen(town: Town, chromium: Browser) -> Iterator[Screen]:
    page = chromium.new_page(reduced_motion="reduce")
    page.set_default_timeout(10_000)
    yield Screen(create_app(town.office), page)
    page.close()


def case_to_fill_in(town: Town) -> str:
    with town.office.begin(town.act_as("hotline")) as work:
        return receive_report(work, REPORT, received_at=work.now).case.code


def put_into(town: Town, code: str, state: str) -> None:
    """The pages look the same however the case came there; walking it would cost the test a minute."""
    with town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case).where(Case.code == code)).one()
        case.state = state
        work.session.add(case)


def test_no_form_of_the_law_has_an_axe_violation_or_scrolls_sideways(town: Town, law: Law, screen: Screen) -> None:
    people = {who: signed_in(town, screen.app, who) for who in STAFF}
    code = case_to_fill_in(town)
    wrong: list[str] = []
    seen = 0
    for action, who, state in steps(law):
        seen += 1
        if not EVERY and seen % 2:
            continue
        put_into(town, code, state)
        person, path = people[who], f"/ca/{code}/buoc/{action.id}"
        form = law.forms[str(action.form)]
        thorough = EVERY or seen % 6 == 0
        pages = {}
        if thorough:
            pages["empty"] = person.get(path)
            pages["error"] = person.submit(path, unreadable(form), page=path)
            if pages["error"].status_code == 303 and not any(one.required for one in form.fields):
                del pages["error"]  # no answer can be wrong here
        person.submit(path, {**filled(form), "_draft": "1"}, page=path)
        pages["filled"] = person.get(path)
        for kind, answer in pages.items():
            assert answer.status_code == (422 if kind == "error" else 200), (action.id, kind, answer.status_code)
            wrong += screen.faults(f"{form.id}-{kind}", answer.get_data(as_text=True), colours=thorough)
    assert seen > 15
    assert wrong == []


def test_the_check_itself_sees_a_fault(screen: Screen) -> None:
    bare = "<!doctype html><html lang=vi><title>x</title><main><h1>x</h1><input name=ten></main></html>"
    assert any(": label:" in fault for fault in screen.faults("planted", bare))
    wide = "<!doctype html><html lang=vi><title>x</title><main><h1>x</h1><pre>" + "x" * 900 + "</pre></main></html>"
    assert "planted-wide at 360: scrolls sideways" in screen.faults("planted-wide", wide)
