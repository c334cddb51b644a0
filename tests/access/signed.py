"""Browsers signed in from within: a real session row and its cookie, without the seconds that hashing passwords takes."""

from __future__ import annotations

from typing import Any

from sqlmodel import select

from casework.people.models import Staff
from casework.people.service import open_session
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import TOKEN, Browser


def signed_in(town: Town, app: Any, username: str) -> Browser:
    """That person's browser. `token` is a form token of theirs, for posting."""
    with town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == username)).one()
        token = open_session(work, staff).token
    found = Browser(app.test_client(), username)
    with found.client.session_transaction() as cookie:
        cookie["_user_id"] = token
    return with_token(found)


def with_token(browser: Browser) -> Browser:
    """Reads a form token from a page that everybody may open."""
    page = browser.client.get("/tro-giup" if browser.username else "/dang-nhap").get_data(as_text=True)
    found = TOKEN.search(page)
    assert found is not None, browser.username
    browser.token = found[1]
    return browser
