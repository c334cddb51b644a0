"""One demo and one browser for all walks of a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.stage import Stage, running_demo


@pytest.fixture(scope="session")
def stage(chromium: Browser) -> Iterator[Stage]:
    """The demo, started only where there is a browser to look at it."""
    with running_demo("--clock", "2026-11-22T22:14+07:00") as stage:
        yield stage


@pytest.fixture(scope="session")
def browser(chromium: Browser) -> Browser:
    return chromium
