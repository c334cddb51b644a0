"""What a machine that watches the office can ask."""

from __future__ import annotations

from dataclasses import replace

import pytest
from apiflask import APIFlask

from casework.app import create_app
from casework.db import make_engine
from casework.jobs.runner import tick
from casework.people.service import beat
from casework.vault.keys import create_key_file
from casework.work import SYSTEM
from tests.api.conftest import REPORT, Post
from tests.conftest import Town


def test_the_office_is_ready_while_its_jobs_beat(town: Town, app: APIFlask) -> None:
    client = app.test_client()
    assert client.get("/readyz").get_json() == {
        "ready": False,
        "checks": {"database": True, "migrations": True, "keys": True, "jobs": False},
    }
    tick(town.office)
    town.clock.advance(seconds=60)
    assert client.get("/readyz").status_code == 200
    town.clock.advance(seconds=1)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["checks"]["jobs"]) == (503, False)


def test_a_lost_database_makes_the_office_unready_but_alive(town: Town) -> None:
    away = make_engine("postgresql://casework_app@/nowhere?host=/nonexistent&connect_timeout=1")
    client = create_app(replace(town.office, engine=away)).test_client()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["checks"]["database"]) == (503, False)


def test_a_key_file_of_another_office_makes_it_unready(town: Town, tmp_path_factory: pytest.TempPathFactory) -> None:
    with town.office.begin(SYSTEM) as work:
        beat(work)
    other = create_key_file(tmp_path_factory.mktemp("other") / "keys" / "office.key")
    answer = create_app(replace(town.office, keys=other)).test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()["checks"]["keys"]) == (503, False)


def test_measures_count_cases_clocks_and_alerts(town: Town, app: APIFlask, post: Post) -> None:
    post(REPORT)
    tick(town.office)
    page = app.test_client().get("/metrics").get_data(as_text=True)
    assert 'casework_cases{state="received"} 1' in page or "} 1\n" in page
    assert 'casework_clocks{state="running"} 2' in page
    assert "casework_notices_waiting 0" in page
    assert "casework_jobs_heartbeat_age_seconds 0.0" in page


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 404),
        ("203.0.113.9", {}, 404),
        ("203.0.113.9", {"Authorization": "Bearer wrong"}, 404),
        ("203.0.113.9", {"Authorization": "Bearer đúng"}, 404),
        ("203.0.113.9", {"Authorization": "Bearer right"}, 200),
    ],
)
def test_measures_are_for_this_machine_or_its_token(
    town: Town, address: str, headers: dict[str, str], status: int
) -> None:
    office = replace(town.office, settings=replace(town.office.settings, metrics_token="right"))
    client = create_app(office).test_client()
    answer = client.get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == status
