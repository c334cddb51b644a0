"""People at their browsers: the real application over HTTP, signed in as somebody of the invented province."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlmodel import select
from werkzeug.test import TestResponse

from casework.app import create_app
from casework.papers.presses import Presses
from casework.people.models import Staff
from casework.people.service import open_session
from casework.work import SYSTEM
from tests.conftest import Town

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
Typed = Mapping[str, str | Sequence[str]]


@dataclass
class Browser:
    """One person's browser. `get` a path; `submit` posts with the page's own token; `press` does what a button does."""

    client: FlaskClient
    username: str
    token: str = ""
    last: TestResponse | None = field(default=None, repr=False)

    def get(self, path: str, **more: Any) -> TestResponse:
        self.last = self.client.get(path, **more)
        return self.last

    def submit(self, path: str, data: Typed | None = None, *, page: str | None = None, **more: Any) -> TestResponse:
        """Posts `data` to `path` with a token read from `page` (default: the front page of the person)."""
        shown = self.client.get(page or "/", follow_redirects=True)
        found = TOKEN.search(shown.get_data(as_text=True))
        self.token = found[1] if found else self.token
        self.last = self.client.post(path, data={**(data or {}), "csrf_token": self.token}, **more)
        return self.last

    def follow(self) -> TestResponse:
        """Goes where the last answer redirects to."""
        assert self.last is not None and self.last.status_code in (302, 303), self.last and self.last.status_code
        return self.get(self.last.headers["Location"])


_standing: list[APIFlask] = []


@pytest.fixture
def app(town: Town) -> APIFlask:
    """The one application that most tests share, over this test's office: putting up its routes takes longer than most
    pages. Whoever changes something about the application itself makes one of their own with `create_app`."""
    if not _standing:
        _standing.append(create_app(town.office))
    found = _standing[0]
    found.extensions.update(office=town.office, presses=Presses())
    return found


@pytest.fixture
def stranger(app: Any) -> Browser:
    """A browser nobody has signed in with."""
    return Browser(app.test_client(), "")


def signed_in(town: Town, app: Any, username: str) -> Browser:
    """That person's browser, signed in from within: a real session row and its cookie, without the tenths of a second that
    hashing a password takes. The door itself is walked through in test_sign_in.py. `token` is a form token of theirs."""
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


@pytest.fixture
def browser(town: Town, app: Any) -> Callable[[str], Browser]:
    """`browser("worker")`: that person's browser, signed in."""
    return lambda username: signed_in(town, app, username)


@pytest.fixture
def at_the_door(town: Town, app: Any) -> Callable[[str], Browser]:
    """As `browser`, by name and password at the door itself."""

    def open_as(username: str) -> Browser:
        person = Browser(app.test_client(), username)
        answer = person.submit("/dang-nhap", {"username": username, "password": town.password}, page="/dang-nhap")
        assert answer.status_code == 303, f"{username} could not sign in: {answer.status_code}"
        return person

    return open_as
