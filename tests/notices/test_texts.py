"""Every text, over every seeded case, as it would leave the office: one unaccented segment, and nothing of a person."""

from __future__ import annotations

import os

import pytest
from sqlmodel import select

from casework.cases.models import Case
from casework.demo.cases import seed_cases
from casework.notices.models import Delivery, Notice
from casework.notices.rules import GSM_BASIC, SMS_LIMIT, text_rules
from casework.notices.service import About, notify
from casework.people.models import Staff
from casework.people.rules import Role
from casework.vault.fold import fold_name
from casework.work import SYSTEM
from tests.conftest import Town
from tests.demo.dump import seeded_words
from tests.notices.conftest import Post
from tests.notices.twilio_api import Provider

CASES = int(os.environ.get("SEEDED_CASES", "10"))  # 500 for the full figure


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
    town: Town, peer: Provider, post: Post, words: set[str]
) -> None:
    peer.at_send = None
    texts = text_rules()
    with town.office.begin(SYSTEM) as work:
        for notice in work.session.exec(select(Notice).where(Notice.state == Delivery.READY)):
            notice.state = Delivery.KEPT  # what the seeding left
        worker = work.session.exec(select(Staff).where(Staff.role == Role.WORKER)).first()
        assert worker is not None
        cases = work.session.exec(select(Case)).all()
        for case in cases:
            for text_id in texts:
                about = About(case.id, case.code)
                notice = notify(work, worker, text_id=text_id, about=about, due_at=work.now, many=3)
                notice.next_try_at = work.now
    assert len(cases) >= CASES
    assert post.send() == len(cases) * len(texts)
    bodies = {one.body for one in peer.messages}
    assert len(bodies) > len(cases)
    assert [one for one in bodies if len(one) > SMS_LIMIT or not set(one) <= GSM_BASIC] == []
    assert len(words) > CASES and telling(bodies, words) == set()
    # The planted defect: one text with a child's or a place's name in it is found.
    assert telling({f"Ma TE-1 cua {fold_name(max(words, key=len))}"}, words)


def test_the_texts_that_leave_are_the_closed_list_and_nothing_else(town: Town, post: Post) -> None:
    with pytest.raises(KeyError):
        post.queue(text_id="tell-everything")
