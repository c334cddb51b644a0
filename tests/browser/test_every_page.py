"""Every page anybody can reach by links, in both languages' frame, at a desk's and a phone's size: 0 axe violations.

Whole: `MOST_PAGES=60 .venv/bin/python -m pytest tests/browser/test_every_page.py`; in CI the first four of each role.
"""

from __future__ import annotations

import os
import re
from hashlib import sha256
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.stage import CODE, DESK, PHONE, Stage, axe_faults, scrolls_sideways, sign_in

pytestmark = pytest.mark.browser

ROLES = (
    "hotline", "collaborator", "worker", "chair", "supervisor", "police", "health", "administrator", "auditor",
)  # fmt: skip
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
# Each step has the same frame around a form, and every form is looked at in test_every_form.py; papers alike.
ONE_OF_MANY = re.compile(r"(?<=/buoc/)[a-z-]+|(?<=/mau/)[a-z0-9-]+|(?<=/)[0-9]+\b")
PRINT = re.compile(r"/mau/[a-z0-9-]+/in\b")  # opens as the PDF itself
FILES = (".json", ".pdf", ".docx", ".ics", ".csv", ".xlsx")
NOT_PAGES = ("/static/", "/ngon-ngu/", "/api/openapi.json", "/thoat-nhanh", "tel:", "mailto:")
ONE_ROW = 56  # px: what is due stands below it, and a telephone's screen is short
MOST_PAGES = int(os.environ.get("MOST_PAGES", "4"))  # a role; whole: 60
CSRF = re.compile(r'<input[^>]*name="csrf_token"[^>]*>')


def pattern_of(url: str) -> str:
    """The kind of page an address leads to: codes and ids taken out, the query's names kept."""
    parts = urlsplit(url)
    names = sorted(pair.split("=")[0] for pair in parts.query.split("&") if pair)
    return ONE_OF_MANY.sub("*", UUID.sub("*", CODE.sub("*", parts.path))) + ("?" + "&".join(names) if names else "")


def links_of(page: Page, base: str) -> list[str]:
    found: list[str] = page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
    return [
        link.split("#")[0]
        for link in found
        if link.startswith(base)
        and not any(part in link for part in NOT_PAGES)
        and not urlsplit(link).path.endswith(FILES)
        and not PRINT.search(link)
    ]  # fmt: skip


def crawl(page: Page, stage: Stage, start: str, clean: set[str]) -> list[str]:
    """Walks every kind of page once; returns what is wrong, page by page.

    `clean` holds digests of pages that were found without a fault under another role: what is word for word the same is
    followed, not looked at again.
    """
    seen: set[str] = set()
    waiting = [start]
    wrong: list[str] = []
    while waiting and len(seen) < MOST_PAGES:
        address = waiting.pop(0)
        kind = pattern_of(address)
        if kind in seen:
            continue
        seen.add(kind)
        answer = page.goto(address)
        if answer is None or answer.status >= 400:
            wrong.append(f"{kind}: answered {answer.status if answer else 'nothing'}")
            continue
        shown = digest(page)
        if shown not in clean:
            faults = look(page, kind)
            wrong += faults
            if not faults:
                clean.add(shown)
        if CODE.search(page.title()) is None and "@" in page.title():
            wrong.append(f"{kind}: a title that may name somebody")
        waiting += links_of(page, stage.url)
    assert len(seen) >= 3, f"only {sorted(seen)} was reached"
    return wrong


def digest(page: Page) -> str:
    """Of what the page says below the office's own frame; the frame is looked at on each role's first pages."""
    main: str = page.evaluate("() => document.querySelector('main').outerHTML")
    return sha256(CSRF.sub("", main).encode()).hexdigest()


def look(page: Page, kind: str) -> list[str]:
    """What is wrong with the page as it stands, at a desk's and a phone's size."""
    wrong = []
    for width, height in (DESK, PHONE):
        page.set_viewport_size({"width": width, "height": height})
        # The colours are the same at both sizes, and looking at them takes half of the time.
        wrong += [f"{kind} at {width}: {fault}" for fault in axe_faults(page, colours=width == DESK[0])]
        if scrolls_sideways(page):
            wrong.append(f"{kind} at {width}: scrolls sideways")
        wrong += [f"{kind} at {width}: a letter a line: {words}" for words in squeezed(page)]
        if header_height(page) > ONE_ROW * rows_of_header(page):
            wrong.append(f"{kind} at {width}: the header takes {header_height(page)} px")
    return wrong


def header_height(page: Page) -> int:
    """In CSS pixels; 0 on the report path, whose frame is another. On a telephone the navigation stands at the bottom."""
    return int(page.evaluate("() => document.querySelector('.top__in')?.offsetHeight ?? 0"))


def rows_of_header(page: Page) -> int:
    """One; two for a collaborator on a page of the office, who alone has both the quick exit, in words, and the lock."""
    both = page.locator(".top [data-exit]").count() and page.locator(".top [data-lock]").count()
    return 2 if both and page.viewport_size and page.viewport_size["width"] < DESK[0] else 1


def squeezed(page: Page) -> list[str]:
    """Words in so narrow a column that they are broken letter by letter: nothing scrolls, and nobody can read them."""
    found: list[str] = page.eval_on_selector_all(
        "main a, main b, main h1, main h2, main td, main dd",
        "all => all.filter(one => one.textContent.trim().length > 5"
        " && one.getBoundingClientRect().height > 6 * one.getBoundingClientRect().width"
        " && one.getBoundingClientRect().width > 1).map(one => one.textContent.trim().slice(0, 40))",
    )
    return found


@pytest.fixture(scope="module")
def clean() -> set[str]:
    return set()


@pytest.mark.parametrize("role", ROLES)
def test_no_page_of_a_role_has_an_axe_violation_or_scrolls_sideways(
    browser: Browser, stage: Stage, role: str, clean: set[str]
) -> None:
    page = sign_in(browser, stage, role)
    page.emulate_media(reduced_motion="reduce")
    assert crawl(page, stage, page.url, clean) == []
    page.context.close()


def test_the_check_itself_sees_a_fault(browser: Browser, stage: Stage) -> None:
    page = browser.new_context().new_page()
    page.goto(stage.url + "/dang-nhap")
    page.evaluate("() => document.querySelector('label').remove()")
    assert axe_faults(page)
    assert squeezed(page) == []
    page.evaluate(
        "() => { const h = document.querySelector('h1'); h.style.cssText = 'width: 12px; word-break: break-all'; }"
    )
    assert squeezed(page)
    assert 0 < header_height(page) <= ONE_ROW
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.evaluate("() => { document.querySelector('.top__me').style.flexBasis = '100%'; }")
    assert header_height(page) > ONE_ROW
    page.context.close()
