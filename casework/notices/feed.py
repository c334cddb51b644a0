"""The calendar feed of one person: a secret address that can be taken back, behind which stand codes and moments only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import update
from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.notices.models import CalendarLink
from casework.people.models import Staff
from casework.work import Work

PURPOSE = "calendar-link"
LENGTH = timedelta(minutes=15)  # of an entry: calendars hide one without a length


def make_link(work: Work, staff_id: UUID) -> str:
    """A new secret for this person's feed; every earlier one stops working."""
    revoke_links(work, staff_id)
    link_id = uuid4()
    secret = _secret(work, link_id)
    work.session.add(CalendarLink(id=link_id, staff_id=staff_id, digest=_digest(secret), created_at=work.now))
    record(work, Tag.CALENDAR_LINK_MADE, object_type="calendar-link", object_id=link_id)
    return secret


def revoke_links(work: Work, staff_id: UUID) -> None:
    live = update(CalendarLink).where(col(CalendarLink.staff_id) == staff_id, col(CalendarLink.revoked_at).is_(None))
    done = work.session.connection().execute(live.values(revoked_at=work.now).returning(col(CalendarLink.id))).all()
    for (link_id,) in done:
        record(work, Tag.CALENDAR_LINK_REVOKED, object_type="calendar-link", object_id=link_id)


def link_of(work: Work, staff_id: UUID) -> str | None:
    """The secret of the person's feed as it is now, or None."""
    link = work.session.exec(
        select(CalendarLink).where(CalendarLink.staff_id == staff_id, col(CalendarLink.revoked_at).is_(None))
    ).first()
    return _secret(work, link.id) if link else None


def owner_of(work: Work, secret: str) -> Staff | None:
    """Whose feed this secret opens; None where it was never made, was taken back, or the account is closed."""
    return work.session.exec(
        select(Staff)
        .join(CalendarLink, col(CalendarLink.staff_id) == Staff.id)
        .where(
            CalendarLink.digest == _digest(secret),
            col(CalendarLink.revoked_at).is_(None),
            col(Staff.closed_at).is_(None),
        )
    ).first()


def calendar_text(limits: Iterable[tuple[UUID, str, datetime]], now: datetime) -> str:
    """iCalendar (RFC 5545) of (id, case code, due time): a code and a moment, for phones lie about."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//casework//limits//VI", "CALSCALE:GREGORIAN"]
    for limit_id, code, due_at in limits:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{limit_id}@casework",
            f"DTSTAMP:{_stamp(now)}",
            f"DTSTART:{_stamp(due_at - LENGTH)}",
            f"DTEND:{_stamp(due_at)}",
            f"SUMMARY:{code}",
            "TRANSP:TRANSPARENT",
            "CLASS:PRIVATE",
            "END:VEVENT",
        ]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _secret(work: Work, link_id: UUID) -> str:
    """Made from the office's keys, so that the rows alone open nobody's feed."""
    return work.keys.digest(PURPOSE, link_id.hex).hex()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
