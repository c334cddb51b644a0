"""Read-only lists of alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from casework.notices.models import Delivery, Notice
from casework.work import Work


@dataclass(frozen=True)
class SentSms:
    to: str
    body: str
    at: datetime
    code: str | None


def sent(work: Work, *, limit: int = 200) -> list[SentSms]:
    """The newest messages that left, with the phone opened: for the demo's page alone."""
    rows: Sequence[Notice] = work.session.exec(
        select(Notice).where(Notice.state == Delivery.ACCEPTED).order_by(col(Notice.sent_at).desc()).limit(limit)
    ).all()
    phones = work.open_all(rows, "phone")
    return [
        SentSms(phone, row.body, row.sent_at or row.created_at, row.case_code)
        for row, phone in zip(rows, phones, strict=True)
    ]


def to_staff(work: Work, staff_id: UUID, *, limit: int = 30) -> Sequence[Notice]:
    """What was sent to one person, newest first: the office's own list never depends on SMS."""
    return work.session.exec(
        select(Notice).where(Notice.staff_id == staff_id).order_by(col(Notice.created_at).desc()).limit(limit)
    ).all()


def undelivered(work: Work) -> int:
    """Alerts that were refused for good, or still wait after a failed try."""
    return work.session.exec(
        select(func.count())
        .select_from(Notice)
        .where((Notice.state == Delivery.FAILED) | ((Notice.state == Delivery.READY) & (Notice.attempts > 0)))
    ).one()


def waiting(work: Work) -> int:
    """Alerts that nobody has taken yet, tried or not."""
    return work.session.exec(
        select(func.count()).select_from(Notice).where(col(Notice.state).in_([Delivery.READY, Delivery.SENDING]))
    ).one()
