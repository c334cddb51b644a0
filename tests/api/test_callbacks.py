"""A provider's report is believed only when it is the provider's, about this attempt, and new."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlmodel import select

from casework.app import create_app
from casework.deadlines.climbing import move_up
from casework.notices.models import Delivery, Notice, NoticeAttempt, NoticeCallback
from casework.notices.outbox import deliver
from casework.notices.rules import RANK
from casework.notices.service import About, notify_post
from casework.notices.sms import TwilioSender
from casework.people.rules import Role
from casework.work import SYSTEM
from tests.conftest import Town
from tests.notices.twilio_api import ACCOUNT, CUT, TOKEN, Message, Provider, provider, signature

PUBLIC = "https://tre-em.sonlam.test"
FORGED = 300  # python -m tests.bench.sms --forged 10000 does the full number


class Line:
    """The office behind its public address, and what Twilio has taken from it."""

    def __init__(self, town: Town, peer: Provider) -> None:
        sender = TwilioSender(account_sid=ACCOUNT, auth_token=TOKEN, sender="+84900000999", api=peer.address)
        settings = replace(town.office.settings, public_url=PUBLIC)
        self.office = replace(town.office, settings=settings, sms=sender)
        self.app: APIFlask = create_app(self.office)
        self.client: FlaskClient = self.app.test_client()
        self.peer, self.town = peer, town

    def message(self) -> Message:
        unit = self.town.act_as("worker").unit_id
        assert unit is not None
        with self.office.begin(SYSTEM) as work:
            about = About(None, "TE-1")
            notify_post(work, unit_id=unit, role=Role.WORKER, text_id="report-received", about=about)
        deliver(lambda: self.office.begin(SYSTEM), self.office.sms, failed=move_up, callback_base=PUBLIC)
        return self.peer.messages[-1]

    def report(self, message: Message, status: str, *, error: int | None = None, token: str = TOKEN) -> int:
        message.status, message.error = status, error
        fields, url = self.peer.callback(message), message.fields["StatusCallback"]
        return self.post(url, fields, signature(url, fields, token))

    def post(self, url: str, fields: dict[str, str], signed: str | None, host: str = "inside:8000") -> int:
        headers = {"Host": host} | ({"X-Twilio-Signature": signed} if signed is not None else {})
        return self.client.post(urlsplit(url).path, data=fields, headers=headers).status_code

    def notice(self) -> Notice:
        with self.office.begin(SYSTEM) as work:
            return work.session.exec(select(Notice)).one()

    def taken(self) -> int:
        with self.office.begin(SYSTEM) as work:
            return len(work.session.exec(select(NoticeCallback)).all())


@pytest.fixture
def line(town: Town) -> Iterator[Line]:
    with provider() as peer:
        yield Line(town, peer)


def test_a_true_report_moves_the_message_whatever_host_it_came_through(line: Line) -> None:
    message = line.message()
    assert line.report(message, "sent") == 204
    assert line.notice().state == Delivery.ACCEPTED
    assert line.report(message, "delivered") == 204
    assert line.notice().state == Delivery.DELIVERED


def test_a_copy_is_refused_and_a_late_word_changes_nothing(line: Line) -> None:
    message = line.message()
    assert [line.report(message, one) for one in ("delivered", "delivered", "sent")] == [204, 409, 204]
    assert line.report(message, "undelivered", error=30003) == 204
    assert line.notice().state == Delivery.DELIVERED
    assert line.taken() == 3


def test_what_the_network_did_not_deliver_is_sent_again_with_the_same_code(line: Line) -> None:
    message = line.message()
    assert line.report(message, "undelivered", error=30003) == 204
    assert line.notice().state == Delivery.READY
    line.town.clock.advance(seconds=60)
    deliver(lambda: line.office.begin(SYSTEM), line.office.sms, failed=move_up, callback_base=PUBLIC)
    first, second = line.peer.messages
    assert first.body == second.body and first.fields["StatusCallback"] != second.fields["StatusCallback"]
    # The first one came through after all: what is known only grows.
    assert line.report(first, "delivered") == 204
    assert line.notice().state == Delivery.DELIVERED


def test_a_report_on_an_attempt_without_an_answer_settles_it_and_nothing_is_sent_again(line: Line) -> None:
    line.peer.plan = [CUT]
    message = line.message()
    assert line.notice().state == Delivery.UNKNOWN
    assert line.report(message, "sent") == 204
    line.town.clock.advance(seconds=60)
    deliver(lambda: line.office.begin(SYSTEM), line.office.sms, failed=move_up, callback_base=PUBLIC)
    assert line.notice().state == Delivery.ACCEPTED
    assert len(line.peer.messages) == 1 and line.peer.lists == 0


def forgeries(
    line: Line, message: Message, number: int, seed: int = 5
) -> Iterator[tuple[str, dict[str, str], str | None, str]]:
    """Reports that are not what they say: unsigned, signed by others or for other addresses, changed after signing, for
    other messages, attempts or accounts."""
    chance = random.Random(seed)
    url, other = message.fields["StatusCallback"], line.message()
    for _ in range(number):
        message.status = chance.choice(("delivered", "failed", "sent", "undelivered"))
        true = line.peer.callback(message)
        kind = chance.randrange(8)
        if kind == 0:
            yield url, true, None, PUBLIC
        elif kind == 1:
            yield url, true, signature(url, true, f"guess {chance.random()}"), PUBLIC
        elif kind == 2:
            yield url, true | {"MessageStatus": "read"}, signature(url, true), PUBLIC
        elif kind == 3:
            wrong = url.replace(PUBLIC, "https://evil.test")
            yield url, true, signature(wrong, true), "evil.test"
        elif kind == 4:
            yield other.fields["StatusCallback"], true, signature(other.fields["StatusCallback"], true), PUBLIC
        elif kind == 5:
            guess = f"{PUBLIC}/api/v1/sms/{chance.getrandbits(256):064x}"
            yield guess, true, signature(guess, true), PUBLIC
        elif kind == 6:
            stranger = true | {"AccountSid": "AC" + "9" * 32}
            yield url, stranger, signature(url, stranger), PUBLIC
        else:
            odd = true | {"MessageStatus": "acknowledged"}
            yield url, odd, signature(url, odd), PUBLIC


def states(line: Line) -> dict[UUID, str]:
    with line.office.begin(SYSTEM) as work:
        attempts = work.session.exec(select(NoticeAttempt)).all()
        notices = work.session.exec(select(Notice)).all()
        return {one.id: one.state for one in attempts} | {one.id: one.state for one in notices}


def attack(line: Line, number: int) -> tuple[int, int]:
    """How many of so many forged or replayed reports were taken, and how many changed anything."""
    message = line.message()
    assert line.report(message, "sent") == 204
    true, url = line.peer.callback(message), message.fields["StatusCallback"]
    before: dict[UUID, str] | None = None
    accepted = 0
    for count, (address, fields, signed, host) in enumerate(forgeries(line, message, number)):
        before = before or states(line)
        status = line.post(address, fields, signed, host)
        if count % 3 == 0:
            accepted += line.post(url, true, signature(url, true)) < 400  # a copy of the true one
        accepted += status < 400
    changed = 0 if before == states(line) else 1
    return accepted, changed


def test_no_forged_or_replayed_report_is_taken(line: Line) -> None:
    assert attack(line, FORGED) == (0, 0)


def test_the_attack_would_be_seen(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect: a validator that believes everybody."""
    assert isinstance(line.office.sms, TwilioSender)
    monkeypatch.setattr(line.office.sms._account._validator, "validate", lambda *_: True)
    accepted, changed = attack(line, 60)
    assert accepted > 0 and changed


def test_words_in_any_order_never_lead_an_attempt_backwards(line: Line) -> None:
    chance = random.Random(7)
    message = line.message()
    seen = [0]
    for _ in range(12):
        line.report(message, chance.choice(("queued", "sent", "failed", "delivered", "undelivered", "sending")))
        with line.office.begin(SYSTEM) as work:
            seen.append(RANK[Delivery(work.session.exec(select(NoticeAttempt.state)).one())])
    assert seen == sorted(seen)
