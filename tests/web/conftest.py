"""People at their browsers: the real application over HTTP, signed in as somebody of the invented province."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from casework.app import create_app
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


@pytest.fixture
def app(town: Town) -> Any:
    return create_app(town.office)


@pytest.fixture
def stranger(app: Any) -> Browser:
    """A browser nobody has signed in with."""
    return Browser(app.test_client(), "")


@pytest.fixture
def browser(town: Town, app: Any) -> Callable[[str], Browser]:
    """`browser("worker")`: that person's browser, signed in."""

    def open_as(username: str) -> Browser:
        person = Browser(app.test_client(), username)
        answer = person.submit("/dang-nhap", {"username": username, "password": town.password}, page="/dang-nhap")
        assert answer.status_code == 303, f"{username} could not sign in: {answer.status_code}"
        return person

    return open_as
