"""One demo and one browser for all walks of a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.stage import CHROMIUM, NO_BROWSER, Stage, chromium, running_demo


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    if not CHROMIUM.exists():
        pytest.skip(NO_BROWSER)
    with running_demo("--clock", "2026-11-22T22:14+07:00") as stage:
        yield stage


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(NO_BROWSER)
    with chromium() as browser:
        yield browser
