"""An outbox with a provider to send to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
import pytest
from sqlmodel import col, select

from casework.deadlines.climbing import move_up
from casework.notices import outbox
from casework.notices.models import Notice, NoticeAttempt
from casework.notices.rules import Pace
from casework.notices.senders import SmsSender
from casework.notices.service import About, notify_post
from casework.notices.sms import TwilioSender
from casework.people.rules import Role
from casework.work import SYSTEM
from tests.conftest import Town
from tests.notices.twilio_api import ACCOUNT, TOKEN, Provider, provider

QUICK = Pace(rest=timedelta(seconds=0.3))
SHORT = Pace(lease=timedelta(seconds=0.3))  # for processes that die: what they held is free again soon
PUBLIC = "https://office.test"


@dataclass
class Post:
    """The office's outbox. `queue` alerts for the worker of Nà Lũng, `send` what is due, look at what became of it."""

    town: Town
    sender: SmsSender
    pace: Pace = QUICK
    public: str | None = PUBLIC
    open_transactions: list[int] = field(default_factory=list)

    def queue(self, number: int = 1, text_id: str = "decision-made", **more: object) -> None:
        unit = self.town.act_as("worker").unit_id
        assert unit is not None
        with self.town.office.begin(SYSTEM) as work:
            for n in range(number):
                about = About(None, f"TE-{n}")
                notify_post(work, unit_id=unit, role=Role.WORKER, text_id=text_id, about=about, **more)  # type: ignore[arg-type]  # passed on as given

    def send(self, sender: SmsSender | None = None) -> int:
        return outbox.deliver(
            lambda: self.town.office.begin(SYSTEM),
            sender or self.sender,
            failed=move_up,
            callback_base=self.public,
            pace=self.pace,
        )

    def notices(self) -> list[Notice]:
        with self.town.office.begin(SYSTEM) as work:
            return list(work.session.exec(select(Notice).order_by(col(Notice.body))))

    def attempts(self) -> list[NoticeAttempt]:
        with self.town.office.begin(SYSTEM) as work:
            return list(work.session.exec(select(NoticeAttempt).order_by(col(NoticeAttempt.at))))


@pytest.fixture
def peer() -> Iterator[Provider]:
    with provider() as peer:
        yield peer


@pytest.fixture
def twilio(peer: Provider) -> SmsSender:
    return TwilioSender(account_sid=ACCOUNT, auth_token=TOKEN, sender="+84900000999", api=peer.address, timeout=1.0)


@pytest.fixture
def post(town: Town, peer: Provider, twilio: SmsSender) -> Post:
    post = Post(town, twilio)

    def look() -> None:
        with psycopg.connect(town.database.owner_url, autocommit=True) as owner:
            row = owner.execute(
                "select count(*) from pg_stat_activity where datname = %s and state like 'idle in transaction%%'",
                [town.database.name],
            ).fetchone()
        post.open_transactions.append(row[0] if row else -1)

    peer.at_send = look
    return post
