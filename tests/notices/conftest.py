"""An outbox with a provider to send to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import update
from sqlmodel import col, select

from casework.bootstrap import Office
from casework.deadlines.climbing import move_up
from casework.notices import outbox
from casework.notices.devices import allow_device
from casework.notices.lines import other_lines
from casework.notices.models import Channel, Delivery, Notice, NoticeAttempt
from casework.notices.push import PushSender
from casework.notices.rules import Pace
from casework.notices.senders import SmsSender
from casework.notices.service import About, notify_post
from casework.notices.sms import TwilioSender
from casework.people.models import Staff
from casework.people.rules import Role
from casework.people.service import set_mail
from casework.work import SYSTEM
from tests.conftest import Town
from tests.notices.peers import MailHost, PushService, mail_host, push_service
from tests.notices.twilio_api import ACCOUNT, TOKEN, Provider, provider

QUICK = Pace(rest=timedelta(seconds=0.3))
SHORT = Pace(lease=timedelta(seconds=0.3))  # for processes that die: what they held is free again soon
PUBLIC = "https://office.test"
CALLER = "+84900000998"


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


# ---------------------------------------------------------------- the other channels


@pytest.fixture
def browser_maker() -> Iterator[PushService]:
    with push_service() as peer:
        yield peer


@pytest.fixture
def mailer(tmp_path: Path) -> Iterator[MailHost]:
    with mail_host(tmp_path) as peer:
        yield peer


@pytest.fixture
def office(
    town: Town, peer: Provider, post: Post, twilio: SmsSender, browser_maker: PushService, mailer: MailHost
) -> Office:
    """The office with every channel set up, and a worker who has all of them."""
    browser_maker.at_send = mailer.at_send = peer.at_send
    settings = replace(
        town.office.settings,
        public_url="https://office.test",
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
        twilio_api=peer.address,
        voice_from=CALLER,
        smtp_host="127.0.0.1",
        smtp_port=mailer.port,
        smtp_from="office@office.test",
        smtp_user="office",
        smtp_password="a password of nobody",
        smtp_ca_file=str(mailer.ca_file),
        push_service=browser_maker.address,
    )
    office = replace(town.office, settings=settings, sms=twilio, channels=other_lines(settings, town.office.keys))
    with office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        set_mail(work, staff, "can.bo@office.test")
        allow(work, staff.id, browser_maker, office)
    with office.begin(SYSTEM) as work:  # what making the town, or this, told others of
        kept = {"state": Delivery.KEPT.value, "seen_at": work.now, "relay_at": None}
        work.session.connection().execute(update(Notice).values(**kept))
    return office


def allow(work: Any, staff_id: UUID, browser_maker: PushService, office: Office, name: str = "one") -> UUID:
    sender = office.channels[Channel.PUSH]
    assert isinstance(sender, PushSender)
    return allow_device(work, staff_id, browser_maker.subscription(name), "Điện thoại", sender=sender).id
