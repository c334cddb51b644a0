"""An urgent message nobody can be sure of is told again, by every way its person has, within two minutes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select

from casework.bootstrap import Office
from casework.deadlines.climbing import move_up
from casework.errors import Invalid, LawFault, NotFound
from casework.jobs.posting import send_notices
from casework.jobs.runner import climb
from casework.notices import alarms, outbox
from casework.notices.channels import channel_text, is_push_service, plan, read_plan, time_left
from casework.notices.devices import allow_device, device_ids, devices_of, remove_device
from casework.notices.models import Channel, Delivery, Notice, SmsStop
from casework.notices.push import PushSender
from casework.notices.queries import standing
from casework.notices.service import About, mark_seen, notify
from casework.people.models import Staff
from casework.people.service import set_mail
from casework.work import SYSTEM
from tests.conftest import Town
from tests.notices.conftest import CALLER, Post, allow
from tests.notices.peers import MailHost, PushService, vapid_claims
from tests.notices.test_ladder import after, alarm_of, called, report
from tests.notices.twilio_api import CUT, REFUSED, Provider

URGENT = "report-received"


def tell(office: Office, *, text_id: str = URGENT, due_at: datetime | None = None, number: int = 0) -> None:
    """Queues one message for the worker."""
    with office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        notify(work, staff, text_id=text_id, about=About(None, f"TE-{number}"), due_at=due_at)


def seconds(town: Town) -> list[tuple[str, str]]:
    """(channel, state) of what was told again, in order."""
    with town.office.begin(SYSTEM) as work:
        rows = work.session.exec(
            select(Notice).where(col(Notice.second_of).is_not(None)).order_by(col(Notice.created_at), Notice.channel)
        )
        return [(one.channel, one.state) for one in rows]


def worker_id(town: Town) -> UUID:
    found = town.act_as("worker").id
    assert found is not None
    return found


def test_what_the_network_does_not_confirm_is_told_again_by_every_channel_within_two_minutes(
    town: Town, peer: Provider, post: Post, office: Office, browser_maker: PushService, mailer: MailHost
) -> None:
    tell(office, due_at=town.clock.now() + timedelta(minutes=75))
    send_notices(office)
    assert len(peer.messages) == 1 and seconds(town) == []
    town.clock.advance(seconds=61)
    send_notices(office)
    assert seconds(town) == [("mail", "accepted"), ("push", "accepted")]
    town.clock.advance(seconds=31)
    send_notices(office)
    assert ("voice", "accepted") in seconds(town)
    assert len(browser_maker.got) == len(mailer.letters) == len(peer.calls) == 1
    assert set(post.open_transactions) == {0} and len(post.open_transactions) == 4
    town.clock.advance(minutes=10)
    send_notices(office)
    assert len(seconds(town)) == 3  # each once


def test_a_push_says_a_code_and_the_time_left_to_that_browser_alone(
    town: Town, post: Post, office: Office, browser_maker: PushService
) -> None:
    tell(office, due_at=town.clock.now() + timedelta(minutes=75, seconds=61))
    town.clock.advance(seconds=61)
    send_notices(office)
    (said,), (headers,) = browser_maker.got, browser_maker.headers
    assert (said["title"], said["body"]) == ("casework", "Mã TE-0: còn 1 giờ 15 phút. Mở ứng dụng.")
    assert b"TE-0" not in browser_maker.raw[0]
    claims, key = vapid_claims(headers["authorization"] if "authorization" in headers else headers["Authorization"])
    sender = office.channels[Channel.PUSH]
    assert isinstance(sender, PushSender) and key == sender.public_key
    assert claims["aud"] == browser_maker.address and claims["sub"] == "https://office.test"
    lower = {name.lower(): value for name, value in headers.items()}
    assert lower["urgency"] == "high" and 0 < int(lower["ttl"]) <= 75 * 60 and len(lower["topic"]) == 32


def test_a_letter_has_no_content_and_never_travels_in_clear(
    town: Town, post: Post, office: Office, mailer: MailHost
) -> None:
    tell(office)
    town.clock.advance(seconds=61)
    send_notices(office)
    ((to, letter),) = mailer.letters
    assert to == ["can.bo@office.test"]
    assert letter["Subject"] == "Có việc cần xem trong ứng dụng" and "TE-0" not in letter["Subject"]
    assert letter.get_content().startswith("Mã TE-0: cần xem sớm, hạn sớm nhất.") and "http" not in letter.get_content()
    assert mailer.in_clear == ["ehlo " + mailer.in_clear[0].split()[1], "STARTTLS"]
    assert mailer.signed_in == ["office"]


def test_a_server_without_tls_gets_no_letter(town: Town, post: Post, office: Office, mailer: MailHost) -> None:
    mailer.starttls = False
    tell(office)
    town.clock.advance(seconds=61)
    send_notices(office)
    assert mailer.letters == [] and mailer.signed_in == []
    assert ("mail", "ready") in seconds(town)


def test_a_call_reads_the_code_aloud_and_its_end_is_reported_signed(
    town: Town, peer: Provider, post: Post, office: Office
) -> None:
    tell(office)
    for _ in range(2):
        town.clock.advance(seconds=61)
        send_notices(office)
    (call,) = peer.calls
    assert call.fields["From"] == CALLER and call.to == peer.messages[0].to
    assert call.twiml.count("Mã: T, E, 0.") == 2 and 'language="vi-VN"' in call.twiml
    assert call.fields["StatusCallback"].startswith("https://office.test/api/v1/voice/")
    assert "Url" not in call.fields


def test_a_call_whose_answer_was_lost_is_found_on_the_list_and_not_made_again(
    town: Town, peer: Provider, post: Post, office: Office
) -> None:
    peer.call_fault = CUT
    tell(office)
    for _ in range(2):
        town.clock.advance(seconds=61)
        send_notices(office)
    assert ("voice", "unknown") in seconds(town)
    peer.call_fault = "fine"
    town.clock.advance(seconds=61)
    send_notices(office)
    assert len(peer.calls) == 1 and ("voice", "accepted") in seconds(town)


def test_what_arrived_or_was_seen_is_not_told_again(town: Town, peer: Provider, post: Post, office: Office) -> None:
    for number in (0, 1):
        tell(office, number=number)
    send_notices(office)
    first, second = (one for one in post.notices() if one.text_id == URGENT)
    with town.office.begin(SYSTEM) as work:
        notice = work.session.get_one(Notice, first.id)
        notice.state = Delivery.DELIVERED
        work.session.add(notice)
        mark_seen(work, worker_id(town), [second.id])
    town.clock.advance(minutes=5)
    send_notices(office)
    assert seconds(town) == []


def test_what_is_not_urgent_is_not_told_again(town: Town, post: Post, office: Office) -> None:
    tell(office, text_id="decision-made")
    send_notices(office)
    town.clock.advance(minutes=5)
    send_notices(office)
    assert seconds(town) == []


def test_a_dead_number_is_told_otherwise_at_once(town: Town, peer: Provider, post: Post, office: Office) -> None:
    peer.always = REFUSED
    tell(office)
    send_notices(office)
    assert [channel for channel, _state in seconds(town)] == ["mail", "push"]


def test_who_asked_for_no_more_sms_is_told_otherwise_at_once(
    town: Town, peer: Provider, post: Post, office: Office
) -> None:
    peer.plan, peer.code = [REFUSED], 21610
    tell(office)
    send_notices(office)
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(SmsStop)).one()
    tell(office)
    send_notices(office)
    assert [channel for channel, _state in seconds(town)].count("push") == 2 and len(peer.messages) == 0


def test_a_way_that_is_missing_gives_way_to_the_next_at_once(
    town: Town, peer: Provider, post: Post, office: Office
) -> None:
    with town.office.begin(SYSTEM) as work:
        for device in device_ids(work, worker_id(town)):
            remove_device(work, worker_id(town), device)
        set_mail(work, work.session.exec(select(Staff).where(Staff.username == "worker")).one(), None)
    peer.always = REFUSED
    tell(office)
    send_notices(office)
    assert [channel for channel, _state in seconds(town)] == ["voice"]


def test_an_office_without_other_channels_is_as_it_was(town: Town, peer: Provider, post: Post, office: Office) -> None:
    tell(office)
    town.clock.advance(minutes=5)
    send_notices(replace(office, channels={}))
    assert seconds(town) == []


def test_what_was_told_again_is_no_second_thing_to_look_at(town: Town, post: Post, office: Office) -> None:
    tell(office)
    for _ in range(2):
        town.clock.advance(seconds=61)
        send_notices(office)
    with town.office.begin(SYSTEM) as work:
        assert len(seconds(town)) == 3 and standing(work, worker_id(town)).unseen == 1


def test_a_browser_that_is_gone_is_forgotten(
    town: Town, post: Post, office: Office, browser_maker: PushService
) -> None:
    browser_maker.status = 410
    tell(office)
    town.clock.advance(seconds=61)
    send_notices(office)
    assert ("push", "failed") in seconds(town)
    with town.office.begin(SYSTEM) as work:
        assert devices_of(work, worker_id(town)) == []


def test_only_a_browser_s_push_service_is_ever_called(town: Town, office: Office, browser_maker: PushService) -> None:
    sender = office.channels[Channel.PUSH]
    assert isinstance(sender, PushSender)
    good = browser_maker.subscription()
    for endpoint in (
        "https://evil.test/push",
        "http://fcm.googleapis.com/fcm/send/x",
        "https://fcm.googleapis.com.evil.test/x",
        "https://fcm.googleapis.com:8443/x",
        "https://a@fcm.googleapis.com/x",
        "http://127.0.0.1:1/x",
        "file:///etc/passwd",
    ):
        with pytest.raises(Invalid), office.begin(SYSTEM) as work:
            allow_device(work, worker_id(town), {**good, "endpoint": endpoint}, "x", sender=sender)
    assert sender.takes("https://fcm.googleapis.com/fcm/send/x") and sender.takes("https://api.push.apple.com/x")
    assert not is_push_service("notify.windows.com.evil.test")


def test_a_device_is_its_person_s_alone(town: Town, office: Office, browser_maker: PushService) -> None:
    other = town.act_as("chair").id
    assert other is not None
    with office.begin(SYSTEM) as work:
        (mine,) = device_ids(work, worker_id(town))
        with pytest.raises(NotFound):
            remove_device(work, other, mine)
        allow(work, other, browser_maker, office)  # the same browser, signed in as somebody else
        assert device_ids(work, worker_id(town)) == [] and len(device_ids(work, other)) == 1


def test_a_failed_sms_calls_the_next_rung_at_once_in_the_same_work(
    town: Town, peer: Provider, post: Post, office: Office
) -> None:
    report(town)
    after(town, seconds=1)
    assert called(town) == [("owner", "silent")]
    peer.always = REFUSED
    outbox.deliver(lambda: town.office.begin(SYSTEM), office.sms, failed=move_up, callback_base="https://office.test")
    assert called(town)[:2] == [("owner", "silent"), ("deputy", "silent")]


def test_a_failed_sms_moves_no_ladder_that_somebody_has_taken(
    town: Town, peer: Provider, post: Post, office: Office
) -> None:
    report(town)
    after(town, seconds=1)
    with town.office.begin(town.act_as("worker")) as work:
        alarms.take(work, alarm_of(town).id, worker_id(town))
    peer.always = REFUSED
    send_notices(office)
    assert called(town) == [("owner", "taken")]


def test_without_the_call_up_the_ladder_would_wait(town: Town, peer: Provider, post: Post, office: Office) -> None:
    """The planted defect: nobody is told of the failure."""
    report(town)
    after(town, seconds=1)
    peer.always = REFUSED
    outbox.deliver(lambda: town.office.begin(SYSTEM), office.sms, failed=lambda *_: None)
    assert called(town) == [("owner", "silent")]


def test_a_second_channel_that_fails_moves_no_ladder(
    town: Town, peer: Provider, post: Post, office: Office, browser_maker: PushService
) -> None:
    browser_maker.status = 410
    report(town)
    after(town, seconds=1)
    send_notices(office)
    town.clock.advance(seconds=62)
    send_notices(office)
    climb(town.office)
    assert called(town) == [("owner", "silent")]


# ---------------------------------------------------------------- the data


def test_every_channel_begins_within_the_promised_two_minutes() -> None:
    found = plan()
    assert found.unconfirmed + sum((one.gap for one in found.steps), timedelta(0)) + timedelta(seconds=15) <= timedelta(
        minutes=2
    )


RAW: dict[str, Any] = {
    "when": {"unconfirmed": 60, "within": 120, "tick": 15},
    "step": [{"channel": "push", "gap": 0}],
    "push": {"subject": "", "body": "", "plain": "", "services": {"hosts": []}},
    "voice": {"subject": "", "body": "", "plain": "", "reader": {"language": "", "voice": "", "times": 1}},
}


@pytest.mark.parametrize(
    "planted",
    [
        {"step": [{"channel": "pigeon", "gap": 0}]},
        {"step": [{"channel": "sms", "gap": 0}]},
        {"step": [{"channel": "push", "gap": 0}, {"channel": "push", "gap": 0}]},
        {"step": [{"channel": "mail", "gap": 0}]},
        {"step": [{"channel": "push", "gap": 60}]},
        {"when": {"unconfirmed": -1, "within": 120, "tick": 15}},
    ],
)
def test_a_plan_that_does_not_hold_together_is_refused(planted: dict[str, Any]) -> None:
    assert read_plan(RAW).steps
    with pytest.raises(LawFault):
        read_plan({**RAW, **planted})


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(minutes=12, seconds=40), "còn 12 phút"),
        (timedelta(hours=1, minutes=5), "còn 1 giờ 5 phút"),
        (timedelta(hours=30), "còn 30 giờ"),
        (timedelta(days=3, hours=2), "còn 3 ngày"),
        (timedelta(0), "đã quá hạn"),
    ],
)
def test_the_time_left_is_said_as_people_say_it(town: Town, left: timedelta, words: str) -> None:
    now = town.clock.now()
    assert time_left(now + left, now) == words
    assert words in channel_text(Channel.PUSH, code="TE-1", due_at=now + left, now=now)
