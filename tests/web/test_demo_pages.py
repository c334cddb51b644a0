"""The demo's own pages, and that nothing of them exists anywhere else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from casework.app import create_app
from casework.demo.pages import demo_pages
from casework.jobs.runner import tick
from tests.conftest import Town

PATHS = ("/dien-tap", "/dien-tap/tin-nhan", "/dien-tap/tin-nhan.json", "/kieu-mau", "/kieu-mau/xa")
REPORT = {"incident_commune": "99001", "danger_now": True, "child": {"name": "Vừ Mí Sính"}, "narrative": "Bị đánh"}


@pytest.fixture
def demo(town: Town) -> Any:
    return create_app(town.office, drill="Diễn tập", more_pages=[demo_pages(town.world.accounts)]).test_client()


@pytest.mark.parametrize("path", PATHS)
def test_nothing_of_the_demo_exists_in_an_office(town: Town, demo: Any, path: str) -> None:
    assert create_app(town.office).test_client().get(path).status_code == 404
    assert demo.get(path).status_code == 200


def test_the_start_page_gives_every_account_and_signs_in_with_one_tap(town: Town, demo: Any) -> None:
    page = demo.get("/dien-tap").get_data(as_text=True)
    assert all(one.username in page and one.password in page for one in town.world.accounts)
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    account = town.world.accounts[0]
    typed = {"csrf_token": token, "username": account.username, "password": account.password, "next": "/"}
    assert demo.post("/dang-nhap", data=typed).status_code == 303


def test_messages_are_listed_oldest_first_and_name_nobody(town: Town, demo: Any) -> None:
    headers = {"Authorization": f"Bearer {town.world.api_key}"}
    for minutes in (0, 5):
        town.clock.advance(minutes=minutes)
        demo.post("/api/v1/reports", json={**REPORT, "child": {"name": f"Trẻ {minutes}"}}, headers=headers)
        tick(town.office)
    told = demo.get("/dien-tap/tin-nhan.json").get_json()
    assert len(told) >= 2 and set(told[0]) == {"to", "body", "at", "code"}
    moments = [datetime.fromisoformat(one["at"]) for one in told]
    assert moments == sorted(moments) and all(moment.utcoffset() for moment in moments)
    assert all(one["code"] in one["body"] for one in told)
    page = demo.get("/dien-tap/tin-nhan").get_data(as_text=True)
    assert page.index(told[-1]["code"]) <= page.index(told[0]["code"])
    assert "Bị đánh" not in page and "Trẻ 0" not in page


def test_the_page_of_messages_reloads_only_when_asked_to(demo: Any) -> None:
    assert "Refresh" not in demo.get("/dien-tap/tin-nhan").headers
    assert demo.get("/dien-tap/tin-nhan?tu-tai=1").headers["Refresh"] == "5"
