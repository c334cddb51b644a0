"""Alerts: queued with the change that causes them, delivered with no transaction open while the provider is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.notices.models import Delivery, Notice
from casework.notices.rules import SEND_LEASE, retry_after, word
from casework.notices.sms import SmsRefused, SmsSender
from casework.people import queries as people
from casework.people.service import person_of
from casework.work import Work

BATCH = 5  # so many sends, each at its longest, end before the lease of the last one does


@dataclass(frozen=True)
class About:
    """What an alert may know of a case: its opaque id and its code."""

    case_id: UUID | None
    code: str


def notify_post(
    work: Work, *, unit_id: UUID, role: str, text_id: str, about: About, due_at: datetime | None = None, many: int = 1
) -> int:
    """Queues one SMS to everybody who holds the post now, or to the province where nobody does.

    Returns how many; those without a phone see it in the office.
    """
    body = word(text_id, code=about.code, due_at=due_at, many=many)
    queued = 0
    for staff in people.reached(work, unit_id, role, work.now).staff:
        phone = person_of(work, staff).get("phone")
        if not phone:
            continue
        notice = Notice(
            text_id=text_id,
            body=body,
            case_id=about.case_id,
            case_code=about.code or None,
            staff_id=staff.id,
            created_at=work.now,
            next_try_at=work.now,
        )
        work.seal(notice, phone=phone)
        work.session.add(notice)
        record(work, Tag.NOTICE_QUEUED, case_id=about.case_id, object_type="notice", object_id=notice.id)
        queued += 1
    return queued


@dataclass(frozen=True)
class _Claimed:
    id: UUID
    attempt: UUID
    phone: str
    body: str


def deliver(begin: Callable[[], AbstractContextManager[Work]], sender: SmsSender) -> int:
    """Sends what is due. Any number of processes may do this at once. Returns how many were taken by the provider.

    A crash between the provider's answer and our commit sends the same text twice: for a deadline alert a duplicate is
    harmless and a loss is not.
    """
    taken = 0
    while True:
        with begin() as work:
            claimed = _claim(work)
        if not claimed:
            return taken
        taken += _send(begin, sender, claimed)


def _send(begin: Callable[[], AbstractContextManager[Work]], sender: SmsSender, claimed: Sequence[_Claimed]) -> int:
    taken = 0
    for one in claimed:
        try:
            provider_id = sender.send(one.phone, one.body)
        except SmsRefused as refused:
            with begin() as work:
                _settle_refused(work, one, refused)
            continue
        with begin() as work:
            _settle_taken(work, one, provider_id)
        taken += 1
    return taken


def _claim(work: Work) -> list[_Claimed]:
    rows: Sequence[Notice] = work.session.exec(
        select(Notice)
        .where(col(Notice.state).in_([Delivery.READY, Delivery.SENDING]), Notice.next_try_at <= work.now)
        .order_by(col(Notice.next_try_at))
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    claimed = []
    for notice in rows:
        notice.state = Delivery.SENDING
        notice.attempt = uuid4()
        notice.attempts += 1
        notice.next_try_at = work.now + SEND_LEASE
        work.session.add(notice)
        claimed.append(_Claimed(notice.id, notice.attempt, str(work.open(notice, "phone")), notice.body))
    return claimed


def _own(work: Work, claimed: _Claimed) -> Notice | None:
    """The row, if our claim still holds: another process may have taken over after the lease."""
    return work.session.exec(
        select(Notice).where(Notice.id == claimed.id, Notice.attempt == claimed.attempt).with_for_update()
    ).first()


def _settle_taken(work: Work, claimed: _Claimed, provider_id: str) -> None:
    notice = _own(work, claimed)
    if notice is not None:
        notice.state = Delivery.ACCEPTED
        notice.sent_at = work.now
        notice.provider_id = provider_id
        work.session.add(notice)
        record(work, Tag.NOTICE_SENT, case_id=notice.case_id, object_type="notice", object_id=notice.id)


def _settle_refused(work: Work, claimed: _Claimed, refused: SmsRefused) -> None:
    notice = _own(work, claimed)
    if notice is not None:
        notice.state = Delivery.FAILED if refused.permanent else Delivery.READY
        notice.fault = refused.code
        notice.next_try_at = work.now + retry_after(notice.attempts)
        work.session.add(notice)
        record(
            work, Tag.NOTICE_FAILED, case_id=notice.case_id, object_type="notice", object_id=notice.id, result="refused"
        )
