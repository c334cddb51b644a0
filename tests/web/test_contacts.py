"""The directory's page: one's own place and what is above it, telephones that can be touched, nothing of other places."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from casework.demo.contacts import invent_contacts
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser

Open = Callable[[str], Browser]


@pytest.fixture(autouse=True)
def filled(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        invent_contacts(work)


def test_a_worker_finds_the_telephones_of_the_commune_the_province_and_the_hotline(browser: Open) -> None:
    page = browser("worker").get("/danh-ba").get_data(as_text=True)
    # The hotline's stands at the foot of every page besides.
    assert page.count('href="tel:') == 7 and 'href="tel:111"' in page and "Trực ban công an xã" in page
    assert 'href="/danh-ba"' in page  # in the bar


@pytest.mark.parametrize(("who", "code", "status"), [
    ("worker", "99001", 200), ("worker", "99002", 404), ("supervisor", "99002", 200), ("hotline", "99002", 200),
    ("hotline", "00000", 404), ("administrator", "99001", 404),
])  # fmt: skip
def test_another_commune_is_found_by_those_whose_sight_it_is_in(
    browser: Open, who: str, code: str, status: int
) -> None:
    answer = browser(who).get(f"/danh-ba?xa={code}")
    assert answer.status_code == status


def test_the_hotline_looks_a_commune_up_by_its_name(town: Town, browser: Open) -> None:
    code, name = town.world.communes[1]
    page = browser("hotline").get("/danh-ba", query_string={"q": name}).get_data(as_text=True)
    assert f'href="/danh-ba?xa={code}"' in page
