"""Alerts leave the office once, with no transaction open, and say a code and a time and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.deadlines.climbing import move_up
from casework.errors import IllegalMove
from casework.law.model import Law
from casework.notices import outbox
from casework.notices.models import Delivery
from casework.notices.queries import figures, sent, undelivered
from casework.notices.rules import (
    FOLLOWS,
    GSM_BASIC,
    LONGEST_RETRY,
    LONGEST_VALIDITY,
    RANK,
    SEND_LEASE,
    SMS_LIMIT,
    leaves_at,
    retry_after,
    step,
    texts,
    validity_seconds,
    word,
)
from casework.notices.senders import ConsoleSender, Fate, Outgoing
from casework.notices.service import gather_digests
from casework.notices.sms import SEND_TIMEOUT_SECONDS, TwilioSender
from casework.vault.fold import fold_name
from casework.work import SYSTEM
from tests.conftest import Town
from tests.notices.conftest import QUICK, SHORT, Post
from tests.notices.twilio_api import ACCOUNT, CUT, HANG, REFUSED, TOKEN, Provider, pause

LONGEST_CODE = "TE-26-7K3M9Q"
LONGEST_TIME = datetime(2026, 12, 30, 16, 59, tzinfo=UTC)


def test_a_message_goes_to_the_post_s_phone_with_no_transaction_open(town: Town, peer: Provider, post: Post) -> None:
    post.queue()
    assert post.send() == 1
    (message,) = peer.messages
    assert message.to.startswith("+8490000") and message.fields["From"] == "+84900000999"
    assert message.body == word("decision-made", code="TE-0")
    assert message.fields["StatusCallback"].startswith("https://office.test/api/v1/sms/")
    assert post.open_transactions == [0]
    (notice,) = post.notices()
    assert (notice.state, notice.provider_id, notice.attempts) == (Delivery.ACCEPTED, message.sid, 1)
    with town.office.begin(SYSTEM) as work:
        assert len(work.session.exec(select(AuditEntry).where(AuditEntry.tag == Tag.NOTICE_SENT)).all()) == 1
        assert sent(work)[0].to == message.to
        assert figures(work, work.now - timedelta(days=1)).segments == 1


def test_the_check_sees_a_transaction_held_open(town: Town, post: Post) -> None:
    post.queue()
    with town.office.begin(SYSTEM) as work:
        undelivered(work)
        post.send()
    assert post.open_transactions == [1]


def test_a_messaging_service_is_named_as_one(town: Town, peer: Provider, post: Post) -> None:
    post.queue()
    post.send(TwilioSender(account_sid=ACCOUNT, auth_token="x", sender="MG" + "1" * 32, api=peer.address))
    (message,) = peer.messages
    assert message.fields["MessagingServiceSid"] == "MG" + "1" * 32 and "From" not in message.fields


@pytest.mark.parametrize("status", [429, 401, 403, 404])
def test_what_was_not_taken_is_tried_again_until_it_is(town: Town, peer: Provider, post: Post, status: int) -> None:
    peer.plan = [status, status]
    post.queue()
    waits = []
    for _try in range(2):
        assert post.send() == 0
        (notice,) = post.notices()
        assert notice.state == Delivery.READY and notice.fault and notice.fault.startswith("twilio-")
        waits.append(notice.next_try_at - town.clock.now())
        assert post.send() == 0  # not before its time
        town.clock.at = notice.next_try_at
    assert waits == [timedelta(seconds=10), timedelta(seconds=20)]
    assert post.send() == 1
    assert len(peer.messages) == 1 and peer.lists == 0


@pytest.mark.parametrize("fault", [CUT, HANG])
def test_what_was_taken_without_an_answer_is_found_on_the_list_and_not_sent_again(
    town: Town, peer: Provider, post: Post, fault: str
) -> None:
    peer.plan = [fault]
    post.queue()
    assert post.send() == 0
    assert post.notices()[0].state == Delivery.UNKNOWN
    town.clock.advance(seconds=16)
    assert post.send() == 1
    (notice,) = post.notices()
    assert (notice.state, notice.provider_id, notice.attempts) == (Delivery.ACCEPTED, peer.messages[0].sid, 1)
    assert len(peer.messages) == 1


class Forgetful(TwilioSender):
    """The planted defect: a list that was never asked."""

    def find(self, message: Outgoing, since: datetime) -> list[Fate]:
        return []


def test_without_the_question_it_would_come_twice(town: Town, peer: Provider, post: Post) -> None:
    post.sender = Forgetful(account_sid=ACCOUNT, auth_token=TOKEN, sender="+84900000999", api=peer.address)
    peer.plan = [CUT]
    post.queue()
    post.send()
    town.clock.advance(seconds=16)
    post.send()
    assert len(peer.messages) == 2


@pytest.mark.parametrize("status", [500, 502, 503])
def test_what_was_not_taken_though_nobody_knows_is_sent_again_after_asking(
    town: Town, peer: Provider, post: Post, status: int
) -> None:
    peer.plan = [status]
    post.queue()
    assert post.send() == 0
    town.clock.advance(seconds=16)
    assert post.send() == 1
    assert len(peer.messages) == 1 and peer.lists == 1
    assert [one.state for one in post.attempts()] == [Delivery.UNKNOWN, Delivery.ACCEPTED]


def test_while_the_list_cannot_be_asked_it_is_sent_again_rather_than_not_at_all(
    town: Town, peer: Provider, post: Post
) -> None:
    peer.plan, peer.list_status = [CUT], 503
    post.queue()
    post.send()
    for _question in range(post.pace.asks):
        town.clock.advance(seconds=60)
        post.send()
    assert post.notices()[0].state == Delivery.ACCEPTED
    assert len(peer.messages) == 2  # twice is harmless, never is not


def test_two_of_the_same_words_are_told_apart_by_what_the_list_has(town: Town, peer: Provider, post: Post) -> None:
    peer.plan = [CUT, CUT, 500]
    for _ in range(3):
        post.queue()
    post.send()
    town.clock.advance(seconds=16)
    assert post.send() == 3
    assert len(peer.messages) == 3
    assert len({notice.provider_id for notice in post.notices()}) == 3


def test_a_dead_number_is_given_up_and_counted(town: Town, peer: Provider, post: Post) -> None:
    peer.always = REFUSED
    post.queue()
    post.send()
    town.clock.advance(days=1)
    post.send()
    (notice,) = post.notices()
    assert (notice.state, notice.fault) == (Delivery.FAILED, "twilio-21211")
    assert peer.tries == 1
    with town.office.begin(SYSTEM) as work:
        assert undelivered(work) == 1


def test_who_asked_for_no_more_is_not_rung_for_a_day_and_hears_in_the_office(
    town: Town, peer: Provider, post: Post
) -> None:
    peer.plan, peer.code = [REFUSED], 21610
    post.queue()
    post.send()
    post.queue()
    post.send()
    states = [notice.state for notice in post.notices() if notice.text_id != "sms-stopped"]
    assert sorted(states) == [Delivery.FAILED, Delivery.KEPT]
    assert peer.tries == 1
    with town.office.begin(SYSTEM) as work:
        assert undelivered(work) == 2
    town.clock.advance(hours=25)
    post.queue()
    assert post.send() == 1


def test_no_provider_at_all_is_a_fault_that_may_pass_and_needs_no_question(post: Post) -> None:
    post.queue()
    nobody = TwilioSender(account_sid="AC1", auth_token="x", sender="+84900000999", api="http://127.0.0.1:9")
    assert post.send(nobody) == 0
    (notice,) = post.notices()
    assert (notice.state, notice.fault) == (Delivery.READY, "no-answer")


def test_a_line_that_fails_rests_and_what_waited_goes_when_it_answers(town: Town, peer: Provider, post: Post) -> None:
    peer.always = 429
    post.queue(12)
    post.send()
    assert peer.tries == post.pace.rests_after  # the rest of them are spared
    town.clock.advance(seconds=60)
    post.send()
    assert peer.tries == post.pace.rests_after
    pause(0.35)
    post.send()
    assert peer.tries == post.pace.rests_after + 1  # one goes to see
    peer.always = "fine"
    pause(0.35)
    assert post.send() == 12
    assert len(peer.messages) == 12


def test_a_late_word_is_worth_no_more_than_the_time_left(town: Town, peer: Provider, post: Post) -> None:
    post.queue(text_id="deadline-near", due_at=town.clock.now() + timedelta(minutes=20))
    post.send()
    assert peer.messages[0].fields["ValidityPeriod"] == "1200"


@given(st.timedeltas(min_value=timedelta(days=-9), max_value=timedelta(days=9)))
def test_validity_never_outlasts_the_limit(left: timedelta) -> None:
    seconds = validity_seconds(LONGEST_TIME + left, LONGEST_TIME)
    assert 1 <= seconds <= LONGEST_VALIDITY.total_seconds()
    if left > timedelta(seconds=1):
        assert seconds <= left.total_seconds()


def test_two_deliverers_send_each_message_once(peer: Provider, post: Post) -> None:
    peer.at_send = None
    post.queue(24)
    ready = threading.Barrier(2)

    def one(_number: int) -> int:
        ready.wait()
        return post.send()

    with ThreadPoolExecutor(2) as pool:
        taken = list(pool.map(one, range(2)))
    assert sum(taken) == len(peer.messages) == 24


class Killed(BaseException):
    """The process is gone, with a message in its hands."""


@dataclass
class Act(ConsoleSender):
    """A sender that does something else first."""

    do: Callable[[], object] = lambda: None
    name: str = "twilio"

    def send(self, message: Outgoing) -> Fate:
        self.do()
        return Fate("late")


def test_what_a_dead_process_had_in_its_hands_is_asked_after_and_sent(peer: Provider, post: Post) -> None:
    def die() -> None:
        raise Killed

    post.pace = SHORT
    post.queue()
    with pytest.raises(Killed):
        post.send(Act(do=die))
    assert post.send() == 0
    pause(0.35)
    assert post.send() == 1
    assert len(peer.messages) == 1 and peer.lists == 1


def test_a_late_answer_settles_nothing_that_another_has_settled(peer: Provider, post: Post) -> None:
    def sleep_past_the_lease() -> None:
        pause(0.35)
        post.send()

    post.pace = SHORT
    post.queue()
    post.send(Act(do=sleep_past_the_lease))
    (notice,) = post.notices()
    assert (notice.state, notice.provider_id) == (Delivery.ACCEPTED, peer.messages[0].sid)


def test_an_accepted_message_nobody_reports_on_is_asked_after_and_priced(
    town: Town, peer: Provider, post: Post
) -> None:
    post.queue()
    post.send()
    peer.messages[0].status, peer.messages[0].price = "delivered", "-0.04500"
    pace = replace(QUICK, follow_up=timedelta(0))
    none_further = outbox.follow_up(
        lambda: town.office.begin(SYSTEM), post.sender, failed=move_up, pace=pace, stopping=lambda: True
    )
    assert none_further == 0
    assert outbox.follow_up(lambda: town.office.begin(SYSTEM), post.sender, failed=move_up, pace=pace) == 1
    assert outbox.follow_up(lambda: town.office.begin(SYSTEM), post.sender, failed=move_up, pace=pace) == 0
    assert post.notices()[0].state == Delivery.DELIVERED
    with town.office.begin(SYSTEM) as work:
        (cost,) = figures(work, work.now - timedelta(days=1)).cost.items()
    assert cost[0] == "USD" and str(cost[1]) == "0.04500"


def test_a_batch_ends_before_its_lease() -> None:
    assert SEND_LEASE.total_seconds() > outbox.BATCH * SEND_TIMEOUT_SECONDS


def test_tries_grow_rarer_but_never_stop() -> None:
    waits = [retry_after(attempt) for attempt in range(1, 200)]
    assert waits == sorted(waits) and waits[-1] == LONGEST_RETRY


def test_no_state_leads_back_behind_a_delivery() -> None:
    assert FOLLOWS[Delivery.DELIVERED] == set() and FOLLOWS[Delivery.KEPT] == set()
    assert set(FOLLOWS) == set(Delivery)
    assert max(RANK, key=lambda one: RANK[one]) == Delivery.DELIVERED
    with pytest.raises(IllegalMove):
        step(Delivery.DELIVERED, Delivery.READY)


# ---------------------------------------------------------------- by day and by night

NIGHT = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)  # 23:00 in Việt Nam
MORNING = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # 6:30


def test_an_emergency_rings_at_any_hour_and_the_rest_waits_for_the_morning() -> None:
    assert leaves_at("report-received", None, NIGHT) == NIGHT
    assert leaves_at("deadline-passed", None, NIGHT) == NIGHT
    assert leaves_at("decision-made", None, NIGHT) == MORNING
    assert leaves_at("decision-made", None, MORNING) == MORNING
    assert leaves_at("deadline-near", NIGHT + timedelta(days=2), NIGHT) == MORNING
    assert leaves_at("deadline-near", MORNING + timedelta(hours=3), NIGHT) == NIGHT  # its limit would be close by then
    assert leaves_at("period-over", None, MORNING) == MORNING + timedelta(days=1)


def test_what_waited_comes_as_one_message_in_the_morning(town: Town, peer: Provider, post: Post) -> None:
    town.clock.at = NIGHT
    post.queue(3)
    assert post.send() == 0
    town.clock.at = MORNING
    with town.office.begin(SYSTEM) as work:
        assert gather_digests(work) == 1
        assert gather_digests(work) == 0
    assert post.send() == 1
    assert [one.body for one in peer.messages] == [word("day-digest", many=3)]
    kept = [one for one in post.notices() if one.text_id == "decision-made"]
    assert {one.state for one in kept} == {Delivery.KEPT} and len({one.digest_id for one in kept}) == 1


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
