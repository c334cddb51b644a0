"""Alerts leave the office once, with no transaction open, and say a code and a time and nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from string import Formatter
from typing import Any
from urllib.parse import parse_qs

import psycopg
import pytest
from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.law.model import Law
from casework.notices import service
from casework.notices.models import Delivery, Notice
from casework.notices.queries import sent, undelivered
from casework.notices.rules import GSM_BASIC, LONGEST_RETRY, SEND_LEASE, SMS_LIMIT, retry_after, texts, word
from casework.notices.service import About, deliver, notify_post
from casework.notices.sms import SEND_TIMEOUT_SECONDS, SmsSender, TwilioSender
from casework.people.rules import Role
from casework.vault.fold import fold_name
from casework.work import SYSTEM
from tests.conftest import Town

LONGEST_CODE = "TE-26-7K3M9Q"
LONGEST_TIME = datetime(2026, 12, 30, 16, 59, tzinfo=UTC)


@dataclass
class Peer:
    """A local Twilio: answers each message with the next of `answers` (the last one for ever) and notes what it saw."""

    database_url: str
    database: str
    answers: list[tuple[int, bytes]] = field(default_factory=lambda: [(201, b'{"sid": "SM1", "status": "queued"}')])
    messages: list[dict[str, str]] = field(default_factory=list)
    open_transactions: list[int] = field(default_factory=list)
    address: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, message: dict[str, str]) -> tuple[int, bytes]:
        with psycopg.connect(self.database_url, autocommit=True) as owner:
            row = owner.execute(
                "select count(*) from pg_stat_activity where datname = %s and state like 'idle in transaction%%'",
                [self.database],
            ).fetchone()
        with self.lock:
            self.open_transactions.append(row[0] if row else -1)
            self.messages.append(message)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def peer(town: Town) -> Iterator[Peer]:
    peer = Peer(town.database.owner_url, town.database.name)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            message = {name: values[0] for name, values in parse_qs(body).items()}
            message["path"], message["auth"] = self.path, self.headers.get("Authorization", "")
            status, answer = peer.take(message)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """A test prints nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    peer.address = f"http://127.0.0.1:{server.server_port}"
    yield peer
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def twilio(peer: Peer) -> SmsSender:
    return TwilioSender(account_sid="AC1", auth_token="khoa", sender="+84900000999", api=peer.address)


def queue(town: Town, number: int = 1) -> None:
    """`number` alerts for the worker on duty in Nà Lũng."""
    unit = town.act_as("worker").unit_id
    assert unit is not None
    with town.office.begin(SYSTEM) as work:
        for _number in range(number):
            assert notify_post(work, unit_id=unit, role=Role.WORKER, text_id="decision-made", about=About(None, "TE-1"))


def send(town: Town, sender: SmsSender) -> int:
    return deliver(lambda: town.office.begin(SYSTEM), sender)


def notices(town: Town) -> list[Notice]:
    with town.office.begin(SYSTEM) as work:
        return list(work.session.exec(select(Notice)))


def test_a_message_goes_to_the_post_s_phone_with_no_transaction_open(town: Town, peer: Peer, twilio: SmsSender) -> None:
    queue(town)
    assert send(town, twilio) == 1
    (message,) = peer.messages
    assert message["path"] == "/2010-04-01/Accounts/AC1/Messages.json"
    assert message["To"].startswith("+8490000") and message["From"] == "+84900000999"
    assert message["Body"] == word("decision-made", code="TE-1")
    assert peer.open_transactions == [0]
    (notice,) = notices(town)
    assert (notice.state, notice.provider_id, notice.attempts) == (Delivery.ACCEPTED, "SM1", 1)
    with town.office.begin(SYSTEM) as work:
        assert len(work.session.exec(select(AuditEntry).where(AuditEntry.tag == Tag.NOTICE_SENT)).all()) == 1
        assert sent(work)[0].to == message["To"]


def test_the_check_sees_a_transaction_held_open(town: Town, peer: Peer, twilio: SmsSender) -> None:
    queue(town)
    with town.office.begin(SYSTEM) as work:
        work.session.exec(select(Notice)).all()
        send(town, twilio)
    assert peer.open_transactions == [1]


@pytest.mark.parametrize("status", [500, 502, 503, 429, 401, 403, 404])
def test_a_fault_that_may_pass_is_tried_again_until_it_passes(
    town: Town, peer: Peer, twilio: SmsSender, status: int
) -> None:
    peer.answers[:0] = [(status, b"<html>bad gateway</html>"), (status, b'{"code": 20500, "message": "TE-1"}')]
    queue(town)
    waits = []
    for _try in range(2):
        assert send(town, twilio) == 0
        (notice,) = notices(town)
        assert notice.state == Delivery.READY and notice.fault and notice.fault.startswith("twilio-")
        waits.append(notice.next_try_at - town.clock.now())
        assert send(town, twilio) == 0  # not before its time
        town.clock.at = notice.next_try_at
    assert waits == [timedelta(seconds=10), timedelta(seconds=20)]
    assert send(town, twilio) == 1
    assert len(peer.messages) == 3


def test_a_dead_number_is_given_up_and_counted(town: Town, peer: Peer, twilio: SmsSender) -> None:
    peer.answers[:] = [(400, json.dumps({"code": 21211, "message": "Invalid 'To' number"}).encode())]
    queue(town)
    send(town, twilio)
    town.clock.advance(days=1)
    send(town, twilio)
    (notice,) = notices(town)
    assert (notice.state, notice.fault) == (Delivery.FAILED, "twilio-21211")
    assert len(peer.messages) == 1
    with town.office.begin(SYSTEM) as work:
        assert undelivered(work) == 1


def test_an_answer_nobody_can_read_stops_no_other_alert(town: Town, peer: Peer, twilio: SmsSender) -> None:
    peer.answers[:0] = [(201, b"<html>log in to the wifi</html>")]
    queue(town, 2)
    assert send(town, twilio) == 1
    assert sorted(notice.state for notice in notices(town)) == [Delivery.ACCEPTED, Delivery.READY]


def test_no_provider_at_all_is_a_fault_that_may_pass(town: Town) -> None:
    queue(town)
    nobody = TwilioSender(account_sid="AC1", auth_token="x", sender="+84900000999", api="http://127.0.0.1:9")
    assert send(town, nobody) == 0
    assert (notices(town)[0].state, notices(town)[0].fault) == (Delivery.READY, "no-answer")


def test_two_deliverers_send_each_message_once(town: Town, peer: Peer, twilio: SmsSender) -> None:
    queue(town, 24)
    ready = threading.Barrier(2)

    def one(_number: int) -> int:
        ready.wait()
        return send(town, twilio)

    with ThreadPoolExecutor(2) as pool:
        taken = list(pool.map(one, range(2)))
    assert sum(taken) == len(peer.messages) == 24
    assert set(peer.open_transactions) <= {0, 1}  # one may be claiming while the other sends


class Killed(BaseException):
    """The process is gone, with a message in its hands."""


@dataclass
class Act:
    """A sender that does something else first."""

    do: Callable[[], object]

    def send(self, to: str, body: str) -> str:
        self.do()
        return "late"


def test_what_a_dead_process_had_in_its_hands_is_sent_after_its_lease(
    town: Town, peer: Peer, twilio: SmsSender
) -> None:
    def die() -> None:
        raise Killed

    queue(town)
    with pytest.raises(Killed):
        send(town, Act(die))
    assert send(town, twilio) == 0
    town.clock.advance(seconds=SEND_LEASE.total_seconds())
    assert send(town, twilio) == 1
    assert len(peer.messages) == 1


def test_a_late_answer_settles_nothing_that_another_has_settled(town: Town, peer: Peer, twilio: SmsSender) -> None:
    def sleep_past_the_lease() -> None:
        town.clock.advance(seconds=SEND_LEASE.total_seconds() + 1)
        send(town, twilio)

    queue(town)
    send(town, Act(sleep_past_the_lease))
    (notice,) = notices(town)
    assert (notice.state, notice.provider_id) == (Delivery.ACCEPTED, "SM1")


def test_a_batch_ends_before_its_lease() -> None:
    assert SEND_LEASE.total_seconds() > service.BATCH * SEND_TIMEOUT_SECONDS


def test_tries_grow_rarer_but_never_stop() -> None:
    waits = [retry_after(attempt) for attempt in range(1, 200)]
    assert waits == sorted(waits) and waits[-1] == LONGEST_RETRY


def faults_of(body: str, law: Law) -> list[str]:
    """What an SMS must not be: too long, outside GSM-7, more than a code, a time and a number, or a word about a child."""
    fields = {name for _text, name, _spec, _conversion in Formatter().parse(body) if name}
    filled = body.format(**{**dict.fromkeys(fields, "?"), "code": LONGEST_CODE, "time": "23:59 30/12", "many": 99_999})
    said = f" {fold_name(filled)} "
    telling = {fold_name(option.text.vi) for name in ("kinds", "harmer_relations") for option in law.lists[name]}
    telling |= {"tre", "em", "chau", "be", "cong an", "y te", "bac si", "benh vien", "xam hai", "danh", "bao ve tre em"}
    telling -= {"khac", "chua ro"}
    return [
        *(["longer than one message"] if len(filled) > SMS_LIMIT else []),
        *(["not GSM-7"] if not set(filled) <= GSM_BASIC else []),
        *[f"field {name}" for name in fields - {"code", "time", "many"}],
        *[f"says {one}" for one in telling if f" {one} " in said.replace(":", " ").replace(",", " ").replace(".", " ")],
    ]


def test_no_text_says_more_than_a_code_and_a_time(law: Law) -> None:
    assert {text_id: found for text_id, body in texts().items() if (found := faults_of(body, law))} == {}
    for text_id in texts():
        assert len(word(text_id, code=LONGEST_CODE, due_at=LONGEST_TIME)) <= SMS_LIMIT


@pytest.mark.parametrize(
    "planted", ["Tre bi bao luc: ma {code}", "Ma {code} xã Nà Lũng", "Ma {code} cua {name}", "Ma {code} " + "x" * 160]
)
def test_the_check_sees_a_text_that_says_more(law: Law, planted: str) -> None:
    assert faults_of(planted, law)


def test_every_text_the_law_asks_for_is_on_the_list(law: Law) -> None:
    assert {text_id for action in law.actions.values() for text_id, _role in action.notify} <= set(texts())
