"""What another system may rely on when it hands over a report."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from apiflask import APIFlask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func
from sqlmodel import select

from casework.app import create_app
from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cases.models import Case
from casework.db import make_engine
from casework.intake.models import Report, UnreadReport
from casework.people.models import ApiKey
from casework.work import SYSTEM
from tests.api.conftest import REPORT, Post
from tests.conftest import Town


def count(town: Town, table: type[Any]) -> int:
    with town.office.begin(SYSTEM) as work:
        return int(work.session.exec(select(func.count()).select_from(table)).one())


def test_a_report_is_answered_with_its_codes_and_the_clock_of_twelve_hours(town: Town, post: Post) -> None:
    answer = post({**REPORT, "received_at": "2026-11-23T07:00:00+07:00"})
    assert answer.status_code == 201
    told = answer.get_json()
    clocks = {one["name"]: one for one in told["clocks"]}
    assert datetime.fromisoformat(clocks["emergency"]["due_at"]) == datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    assert clocks["emergency"]["article"] == "26.3"
    with town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case)).one()
        report = work.session.exec(select(Report)).one()
        assert (told["case"], told["report"]) == (case.code, report.code)
        assert report.client_id is not None


def test_the_same_key_and_body_are_kept_once_even_at_once(town: Town, post: Post) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: post(REPORT, idempotency="goi-lai-1"), range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.get_data() for answer in answers}) == 1
    assert count(town, Report) == 1


def test_the_same_key_with_another_body_is_refused_and_nothing_is_kept(town: Town, post: Post) -> None:
    post(REPORT, idempotency="goi-lai-2")
    answer = post({**REPORT, "narrative": "khác"}, idempotency="goi-lai-2")
    assert answer.status_code == 422
    assert answer.get_json()["type"].endswith("#idempotency-mismatch")
    assert count(town, Report) == 1


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_an_idempotency_key_that_does_not_fit_is_named(post: Post, key: str) -> None:
    assert post(REPORT, idempotency=key).status_code == 422


ODD_BODIES = [
    b"", b"\xff\xfe", b"{", b"[]", b"null", b'{"incident_commune": 5}', b"[" * 50_000,
    b'{"incident_commune":"99001","narrative":"a","more":NaN}',
    b'{"incident_commune":"99001","narrative":"a","more":1e999}',
    b'{"incident_commune":"99001","narrative":"a","more":"\\ud800"}',
    b'{"incident_commune":"99001","narrative":"\\ud800"}',
    b'{"incident_commune":"\\u0000","narrative":"a"}',
    b'{"incident_commune":"99001","narrative":"a","received_at":"9999-12-31T23:59:59-23:59"}',
    b'{"incident_commune":"99001","narrative":"a","received_at":"0001-01-01T00:00:00+23:59"}',
    b'{"incident_commune":"99001","child":{"age_estimate":' + b"9" * 4000 + b"}}",
]  # fmt: skip


@pytest.mark.parametrize("body", ODD_BODIES, ids=range(len(ODD_BODIES)))
@pytest.mark.parametrize("idempotency", [None, "goi-lai-3"])
def test_a_body_nobody_can_read_is_kept_for_a_person(
    town: Town, post: Post, body: bytes, idempotency: str | None
) -> None:
    answer = post(body, idempotency=idempotency)
    assert answer.status_code == 202, answer.get_data()
    assert count(town, UnreadReport) == 1
    assert set(answer.get_json()) == {"review", "faults"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from([*REPORT, "received_at", "channel", "category", "alleged_harmer", "external_id", "khác"]),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text()
            | st.sampled_from(["99001", "2026-11-22"]),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=6,
        ),
    )
)
def test_whatever_a_known_sender_sends_is_kept(post: Post, body: dict[str, Any]) -> None:
    assert post(body).status_code in (201, 202)


@pytest.mark.parametrize("key", [None, "", "cw_not-a-key", "\x00"])
def test_an_unknown_key_is_refused_audited_and_told_nothing(town: Town, post: Post, key: str | None) -> None:
    answer = post(REPORT, key=key)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    with town.office.begin(SYSTEM) as work:
        entry = work.session.exec(select(AuditEntry).where(AuditEntry.tag == Tag.ACCESS_REFUSED)).one()
        assert (entry.object_type, entry.result) == ("api-key", "refused")
    assert count(town, Report) == count(town, UnreadReport) == 0


def test_a_key_that_was_taken_back_opens_nothing(town: Town, post: Post) -> None:
    assert post(REPORT).status_code == 201
    with town.office.begin(SYSTEM) as work:
        work.session.exec(select(ApiKey)).one().revoked_at = work.now
    assert post(REPORT).status_code == 401


def test_guessing_keys_slows_down_and_never_slows_a_good_key(town: Town, post: Post) -> None:
    statuses = [post(REPORT, key=f"cw_{guess}").status_code for guess in range(8)]
    assert statuses[0] == 401 and statuses[-1] == 429
    assert int(post(REPORT, key="cw_x").headers["Retry-After"]) > 0
    assert post(REPORT).status_code == 201


def test_every_refusal_is_a_problem_and_repeats_nothing(post: Post, app: APIFlask) -> None:
    marker = "DANHDAU"
    client = app.test_client()
    answers = {
        401: post({**REPORT, "narrative": marker}, key=marker),
        413: post(marker.encode() * 200_000),
        404: client.get(f"/api/v1/{marker}"),
        405: client.get(f"/api/v1/reports?{marker}"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert answer.mimetype == "application/problem+json"
        told = json.loads(answer.get_data())
        assert set(told) == {"type", "title", "status", "detail", "instance"}
        assert told["status"] == status
        assert marker not in answer.get_data(as_text=True)
    assert answers[405].headers["Allow"]


def test_a_database_away_is_told_and_not_taken_for_kept(town: Town) -> None:
    away = make_engine("postgresql://casework_app@/nowhere?host=/nonexistent&connect_timeout=1")
    client = create_app(replace(town.office, engine=away)).test_client()
    answer = client.post("/api/v1/reports", json=REPORT, headers={"Authorization": f"Bearer {town.world.api_key}"})
    assert answer.status_code == 503
    assert answer.mimetype == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0


def test_the_open_api_document_describes_the_door(app: APIFlask) -> None:
    answer = app.test_client().get("/api/openapi.json")
    assert answer.status_code == 200
    document = answer.get_json()
    assert document["openapi"].startswith("3.1")
    operation = document["paths"]["/api/v1/reports"]["post"]
    assert {"201", "202", "401", "413", "422"} <= set(operation["responses"])
    assert operation["security"] == [{"bearer": []}]
    assert operation["parameters"][0]["name"] == "Idempotency-Key"
    assert set(document["paths"]) == {"/api/v1/reports"}
    schemas = document["components"]["schemas"]
    assert "incident_commune" in schemas["ReportIn"]["required"]
    for ref in set(_refs(document)):
        assert ref.removeprefix("#/components/schemas/") in schemas


def test_the_page_for_connecting_systems_shows_no_script_of_its_own(app: APIFlask) -> None:
    page = app.test_client().get("/api/docs").get_data(as_text=True)
    assert "curl" in page and "Idempotency-Key" in page and 'id="unknown-key"' in page
    assert "<script>" not in page and "//cdn" not in page


def _refs(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [ref for value in part.values() for ref in _refs(value)]
    return [ref for value in part for ref in _refs(value)] if isinstance(part, list) else []
