"""Every text, over every seeded case, as it would leave the office: one unaccented segment, and nothing of a person."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import select

from casework.bootstrap import Office
from casework.cases.models import Case
from casework.clock import FrozenClock
from casework.demo.cases import seed_cases
from casework.jobs.posting import send_notices
from casework.notices.models import Channel, Delivery, Notice
from casework.notices.rules import GSM_BASIC, SMS_LIMIT, text_rules, word
from casework.notices.service import About, notify
from casework.people.models import Staff
from casework.vault.fold import fold_name
from casework.work import SYSTEM
from tests.conftest import Town
from tests.demo.dump import seeded_words
from tests.notices.conftest import Post
from tests.notices.peers import MailHost, PushService
from tests.notices.twilio_api import Provider

WIRED = 10
CASES = int(os.environ.get("SEEDED_CASES", "2"))  # 500 for the full figure


def telling(bodies: set[str], words: set[str]) -> set[str]:
    """The personal words of which a body says any, with or without their marks."""
    said = {f" {fold_name(body)} " for body in bodies}
    folded = {word: f" {fold_name(word)} " for word in words}
    return {word for word, text in folded.items() if len(text) > 4 and any(text in one for one in said)}


@pytest.fixture
def words(town: Town) -> set[str]:
    seed_cases(town.office, CASES)
    return seeded_words(town.office)


def test_no_text_sent_about_any_seeded_case_says_anything_of_a_person(
    town: Town,
    peer: Provider,
    office: Office,
    browser_maker: PushService,
    mailer: MailHost,
    words: set[str],
) -> None:
    """Every text of the closed list, the safe one to be copied, and every other channel, about every case. The other
    channels and the SMS about the first cases are read at the far end; of the rest, the words that are handed over.
    In full: SEEDED_CASES=500."""
    peer.at_send = browser_maker.at_send = mailer.at_send = None
    texts = text_rules()
    safe, cases = queue_everything(office, texts)
    post_everything(office)
    assert cases >= CASES and len(peer.messages) == min(cases, WIRED) * len(texts)
    assert len(browser_maker.got) == len(mailer.letters) == len(peer.calls) == cases
    sms = queued_texts(office)
    assert len(sms) > cases and {one.body for one in peer.messages} <= sms
    assert [one for one in sms if len(one) > SMS_LIMIT or not set(one) <= GSM_BASIC] == []
    said = sms | safe | {one.twiml for one in peer.calls}
    said |= {f"{one['title']} {one['body']} {one['tag']}" for one in browser_maker.got}
    said |= {f"{letter['Subject']} {letter['From']} {letter.get_content()}" for _to, letter in mailer.letters}
    assert len(words) > CASES and telling(said, words) == set()
    # The planted defect: one text with a child's or a place's name in it is found.
    assert telling({f"Ma TE-1 cua {fold_name(max(words, key=len))}"}, words)


def queue_everything(office: Office, texts: Collection[str]) -> tuple[set[str], int]:
    """Every text about every case to the worker, and each case once by every other channel. Returns the safe texts and
    how many cases there are."""
    with office.begin(SYSTEM) as work:
        kept = {"state": Delivery.KEPT.value, "relay_at": None}
        work.session.connection().execute(update(Notice).values(**kept))  # what the seeding left
        worker = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        cases = work.session.exec(select(Case)).all()
        for number, case in enumerate(cases):
            for text_id in texts:
                notice = notify(work, worker, text_id=text_id, about=About(case.id, case.code), due_at=work.now, many=3)
                notice.next_try_at, notice.held = work.now, False
                if number >= WIRED:
                    notice.state = Delivery.KEPT.value
                notice.relay_at = work.now if text_id == "report-received" else None
        return {word("safe-message", code=case.code, due_at=work.now) for case in cases}, len(cases)


def queued_texts(office: Office) -> set[str]:
    """Every SMS's words that the outbox holds, sent or not."""
    with office.begin(SYSTEM) as work:
        return set(work.session.exec(select(Notice.body).where(Notice.channel == Channel.SMS)))


def post_everything(office: Office) -> None:
    """Each channel until it has nothing left; a call comes a while after the push and the letter."""
    send_notices(office)
    later = replace(office, clock=FrozenClock(office.clock.now() + timedelta(seconds=40)))
    send_notices(later)


def test_the_texts_that_leave_are_the_closed_list_and_nothing_else(town: Town, post: Post) -> None:
    with pytest.raises(KeyError):
        post.queue(text_id="tell-everything")
