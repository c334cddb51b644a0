"""The books are read sharply: each kind of harm, planted by the owner of the database, is named."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from casework.intake.service import receive_posted
from casework.jobs.posting import send_notices
from casework.jobs.runner import seal_trail, sweep_clocks
from casework.people.queries import api_client
from tests.bench.ledger import Sent, Verdict, check
from tests.conftest import Town

NUMBERS = ("1", "2", "3")
NO_TRIES = "delete from notice_attempt"  # which name the messages they were made for


def post(town: Town, key: str, *, number: str, idempotency: str | None = None) -> dict[str, Any]:
    body = {
        "received_at": (town.clock.now() - timedelta(hours=13)).isoformat(),
        "incident_commune": "99001",
        "child": {"name": f"Vừ Mí Diễn {number}", "age_estimate": 9},
        "narrative": f"Nội dung diễn tập, số {key}",
        "external_id": key,
    }
    with town.office.begin(town.act_as("hotline")) as work:
        client = api_client(work, town.world.api_key)
        assert client is not None
        status, told = receive_posted(work, client, json.dumps(body).encode(), idempotency or key)
    assert status == 201
    return told


@pytest.fixture
def sent(town: Town) -> Sent:
    """Three reports of more than twelve hours ago, acknowledged, their clocks fired, the alerts sent."""
    sent = Sent(set(NUMBERS), {number: post(town, number, number=number) for number in NUMBERS})
    settle(town)
    return sent


def settle(town: Town) -> None:
    sweep_clocks(town.office)
    while send_notices(town.office):
        pass
    seal_trail(town.office)


def read(town: Town, sent: Sent) -> Verdict:
    return check(town.office, sent, town.clock.now())


def plant(town: Town, *statements: str) -> None:
    with psycopg.connect(town.database.owner_url) as owner:
        for statement in statements:
            owner.execute(statement.encode())


def named(verdict: Verdict) -> set[tuple[str, str]]:
    return {(one.kind, one.text) for one in verdict.faults}


def test_sound_books_are_called_sound(town: Town, sent: Sent) -> None:
    verdict = read(town, sent)
    assert named(verdict) == set()
    assert (verdict.cases, verdict.reports, verdict.breaches) == (3, 3, 3)


def test_a_lost_report_is_named(town: Town, sent: Sent) -> None:
    code = sent.acknowledged["2"]["report"]
    plant(town, f"delete from report where code = '{code}'")
    found = named(read(town, sent))
    assert ("lost", f"2: acknowledged as {code}, not there") in found
    assert ("half", f"case {sent.acknowledged['2']['case']} has no report") in found


def test_a_report_kept_twice_is_named(town: Town, sent: Sent) -> None:
    post(town, "2", number="2", idempotency="another")
    settle(town)
    assert ("duplicate", "2: 2 reports") in named(read(town, sent))


def test_a_report_nobody_sent_is_named(town: Town, sent: Sent) -> None:
    post(town, "9", number="9")
    settle(town)
    assert ("invented", "'9': nobody sent it") in named(read(town, sent))


@pytest.mark.parametrize(
    ("kind", "words", "harm"),
    [
        ("half", "has no emergency clock", ["delete from clock_effect", "delete from case_clock where case_code = '{}'"]),
        ("half", "has not as many papers 01 as reports", ["delete from document where case_id = {id}"]),
        ("half", "has no key", ["delete from keystore.scope_key where scope_id = {id}"]),
        ("half", "has no facts", ["update case_file set facts = null where code = '{}'"]),
        ("half", "told nobody of its report", [NO_TRIES, "delete from notice where case_code = '{}'"]),
        ("untold", "deadline-passed told 1 times too few", [NO_TRIES, "delete from notice where text_id = 'deadline-passed'"]),
        ("untold", "never left", ["update notice set state = 'failed' where case_code = '{}'"]),
        (
            "double",
            "deadline-passed told 1 times too often",
            [
                "insert into notice select (jsonb_populate_record(n, jsonb_build_object('id', gen_random_uuid()))).*"
                " from notice n where case_code = '{}' and text_id = 'deadline-passed'"
            ],
        ),
        ("unfired", "is due and has not fired", ["update case_clock set next_at = due_at where case_code = '{}'"]),
        ("half", "is breached without effect", ["delete from clock_effect where effect like 'breach:%'"]),
        ("half", "its key is not remembered", ["delete from received_once"]),
        ("half", "was claimed and never answered", ["update received_once set status = 0"]),
        ("half", "was not audited once", [
            "alter table audit_entry disable trigger user",
            "delete from audit_entry where tag = 'report:received' and case_id = {id}",
        ]),
        ("double", "was audited as breached 3 times", [
            "alter table audit_entry disable trigger user",
            "update audit_entry set object_id = (select id from case_clock where case_code = '{}' and rule = 'emergency')"
            " where tag = 'clock:breached'",
        ]),
        ("trail", "edited", [
            "alter table audit_entry disable trigger user",
            "update audit_entry set tag = 'case:closed' where seq = 5",
        ]),
    ],
)  # fmt: skip
def test_every_planted_harm_is_named(town: Town, sent: Sent, kind: str, words: str, harm: list[str]) -> None:
    case = sent.acknowledged["2"]["case"]
    if "has no key" in words:
        # What its key opened cannot be read any more: the pages of the case go first, so that the rest can.
        plant(town, *(f"delete from {table} where case_id = (select id from case_file where code = '{case}')"
                      for table in ("document", "report")))  # fmt: skip
    case_id = f"(select id from case_file where code = '{case}')"
    plant(town, *(statement.replace("{}", case).replace("{id}", case_id) for statement in harm))
    verdict = read(town, sent)
    assert any(one.kind == kind and words in one.text for one in verdict.faults), named(verdict)
