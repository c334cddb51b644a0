"""A report is recorded once, opens or joins a case, and nothing acknowledged is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import func, select

from casework.cases.models import Case, Document
from casework.cases.queries import facts_of_case
from casework.errors import IdempotencyMismatch, Invalid
from casework.intake.models import Report, UnreadReport
from casework.intake.rules import is_same_child
from casework.intake.service import receive_posted, receive_report
from casework.people.models import Unit
from casework.people.queries import api_client
from casework.work import SYSTEM, Actor

if TYPE_CHECKING:
    from tests.conftest import Town

HOTLINE = Actor(id=None, role="hotline")
BODY: dict[str, Any] = {
    "received_at": "2026-11-23T07:30:00+07:00",
    "channel": "phone",
    "incident_commune": "99001",
    "danger_now": True,
    "category": "abused",
    "kinds": ["violence"],
    "child": {"name": "Vừ Mí Thử", "birth_date": None, "age_estimate": 9, "sex": "male", "whereabouts": "nhà"},
    "alleged_harmer": {"relation": "stepfather", "lives_with_child": True},
    "narrative": "Bị đánh (diễn tập).",
    "reporter": {"name": "Người Báo", "phone": "0912.345.678", "address": None},
    "external_id": "111-1",
}


def post(town: Town, body: Mapping[str, Any] | bytes, key: str | None = None) -> tuple[int, dict[str, Any]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with town.office.begin(HOTLINE) as work:
        client = api_client(work, town.world.api_key)
        assert client is not None
        return receive_posted(work, client, raw, key)


def count(town: Town, model: type[Any]) -> int:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(func.count()).select_from(model)).one()


def unit_of(town: Town, code: str) -> tuple[str, str | None]:
    with town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case).where(Case.code == code)).one()
        holder = work.session.get_one(Unit, case.responsible_unit_id)
        return holder.code, case.state


def test_the_twelve_hours_count_from_the_first_receipt_and_not_from_recording(town: Town) -> None:
    status, answer = post(town, BODY)
    assert status == 201
    due = {clock["name"]: clock["due_at"] for clock in answer["clocks"]}
    assert due["emergency"] == "2026-11-23T12:30:00Z"
    assert {clock["article"] for clock in answer["clocks"]} == {"26.3", "25.1"}


def test_the_same_key_and_body_get_the_same_answer_and_one_report(town: Town) -> None:
    assert post(town, BODY, "k") == post(town, BODY, "k")
    assert count(town, Report) == 1


def test_the_same_key_with_another_body_is_refused(town: Town) -> None:
    post(town, BODY, "k")
    with pytest.raises(IdempotencyMismatch):
        post(town, {**BODY, "narrative": "khác"}, "k")


def test_eight_posts_of_one_key_at_once_make_one_report_and_eight_equal_answers(town: Town) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(town, BODY, "at once"), range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert count(town, Report) == 1
    assert count(town, Case) == 1


def test_only_the_commune_and_some_account_are_required(town: Town) -> None:
    assert post(town, {"incident_commune": "99001", "narrative": "x"})[0] == 201
    assert post(town, {"incident_commune": "99001", "kinds": ["neglect"]})[0] == 201
    status, answer = post(town, {"incident_commune": "99001"})
    assert (status, answer["faults"]) == (202, [{"field": "narrative", "fault": "missing"}])
    assert post(town, {"narrative": "x"})[0] == 202


def test_an_unknown_commune_goes_to_the_provincial_desk_with_the_clock_running(town: Town) -> None:
    status, answer = post(town, {**BODY, "incident_commune": "xã không có"})
    assert status == 201
    assert unit_of(town, answer["case"]) == ("99", "received")
    assert "emergency" in {clock["name"] for clock in answer["clocks"]}


@pytest.mark.parametrize(
    "change",
    [
        {"danger_now": "yes"},
        {"child": {"age_estimate": True}},
        {"child": {"birth_date": "31/02/2020"}},
        {"child": {"age_estimate": 41}},
        {"kinds": "violence"},
        {"reporter": {"phone": "12"}},
        {"received_at": "tomorrow"},
        {"received_at": "2031-01-01T00:00:00Z"},
        {"incident_commune": 99001},
        {"narrative": "x" * 20001},
    ],
)
def test_what_cannot_be_read_is_kept_sealed_for_a_person_and_answered_202(town: Town, change: dict[str, Any]) -> None:
    status, answer = post(town, {**BODY, **change})
    assert status == 202
    assert answer["faults"]
    assert count(town, Report) == 0
    with town.office.begin(SYSTEM) as work:
        unread = work.session.exec(select(UnreadReport)).one()
        assert json.loads(work.open(unread, "body"))["external_id"] == "111-1"
        assert "Thử" not in json.dumps([unread.faults, unread.code], ensure_ascii=False)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | st.text().map(str.encode) | st.just(b"[" * 5000))
def test_no_bytes_whatever_break_the_door(town: Town, body: bytes) -> None:
    status, answer = post(town, body)
    assert status == 202
    assert answer["review"].startswith("TN-")


def test_a_word_no_code_list_knows_does_not_hold_a_report_up(town: Town) -> None:
    body = {**BODY, "kinds": ["bắt nạt qua mạng"], "channel": "carrier pigeon", "priority": 7}
    assert post(town, body)[0] == 201
    with town.office.begin(SYSTEM) as work:
        report = work.session.exec(select(Report)).one()
        kept = work.open(report, "extra")["as_sent"]
    assert kept["kinds"] == ["bắt nạt qua mạng"]
    assert kept["priority"] == 7


def test_a_second_report_about_the_same_child_joins_the_open_case(town: Town) -> None:
    first = post(town, BODY)[1]
    again = {**BODY, "child": {"name": "Vu Mi Thu", "age_estimate": 10, "whereabouts": "trường"}}
    second = post(town, again)[1]
    assert second["case"] == first["case"]
    assert second["report"] != first["report"]
    with town.office.begin(SYSTEM) as work:
        facts = facts_of_case(work, work.session.exec(select(Case)).one())
    assert facts["child.age"]["value"] == 9, "hearsay does not overwrite what stands"


@pytest.mark.parametrize(
    ("child", "joins"),
    [
        ({"child_name": "VỪ MÍ THỬ"}, True),
        ({"child_name": "Vừ Mí Thử", "child_age": 10}, True),
        ({"child_name": "Vừ Mí Thử", "child_age": 12}, False),
        ({"child_name": "Vừ Mí Thử", "child_sex": "female"}, False),
        ({"child_name": "Thử"}, False),
        ({"child_name": "Lò Mí Thử"}, False),
        ({}, False),
    ],
)
def test_two_reports_speak_of_one_child_only_if_name_age_and_sex_agree(child: dict[str, Any], joins: bool) -> None:
    from datetime import date

    facts: dict[str, dict[str, Any]] = {
        "child.name": {"value": "Vừ Mí Thử"},
        "child.age": {"value": 9},
        "child.sex": {"value": "male"},
    }
    assert is_same_child(child, facts, date(2026, 11, 23)) is joins


def test_a_report_of_danger_on_a_watched_case_starts_the_twelve_hours_again(town: Town) -> None:
    from casework.cases.queries import find_case
    from casework.cases.service import take_action

    code = post(town, {**BODY, "danger_now": False, "alleged_harmer": None})[1]["case"]
    with town.office.begin(town.act_as("worker")) as work:
        case = find_case(work, code)
        take_action(work, case, "accept")
        mild = {"harm_1_1": "thap", "harm_1_2": "thap", "ability_2_1": "cao", "ability_2_2": "cao"}
        take_action(work, case, "submit-initial-assessment", {**mild, "conclusion": "monitor"})
    town.clock.advance(days=2)
    answer = post(town, {**BODY, "received_at": "2026-11-25T08:00:00+07:00"})[1]
    assert answer["case"] == code
    assert {clock["name"]: clock["due_at"] for clock in answer["clocks"]}["emergency"] == "2026-11-25T13:00:00Z"


def test_who_reported_is_in_no_document_and_no_fact(town: Town) -> None:
    post(town, BODY)
    with town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case)).one()
        documents = work.session.exec(select(Document)).all()
        told = json.dumps([facts_of_case(work, case), work.open_all(documents, "content")], ensure_ascii=False)
        report = work.session.exec(select(Report)).one()
        assert work.open(report, "reporter")["phone"] == "+84912345678"
    assert "Người Báo" not in told
    assert "912345678" not in told


def test_a_time_long_past_or_in_the_future_is_not_believed(town: Town) -> None:
    for moment in (town.clock.now() + timedelta(hours=1), town.clock.now() - timedelta(days=400)):
        with pytest.raises(Invalid), town.office.begin(town.act_as("hotline")) as work:
            receive_report(work, {"incident_commune": "99001", "narrative": "x"}, received_at=moment)
    assert count(town, Report) == 0
