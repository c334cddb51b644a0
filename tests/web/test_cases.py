"""The list of cases and the page of one case, over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from tests.web.conftest import Browser


def test_a_person_signs_in_with_the_browser(browser: Callable[[str], Browser]) -> None:
    assert browser("worker").get("/tro-giup").status_code == 200
