"""Alerts are queued with the change that causes them, in its own transaction; `outbox` sends them afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import not_, update
from sqlmodel import col, select

from casework.access.queries import may_be_told, not_kept_from_staff
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.notices.channels import plan
from casework.notices.models import Delivery, Notice
from casework.notices.rules import STOPPED, is_urgent, leaves_at, step, word
from casework.notices.stops import refuses, stop_of
from casework.people import queries as people
from casework.people.models import Staff
from casework.people.rules import Role
from casework.people.service import person_of
from casework.work import Work

DIGEST_FROM = 2


@dataclass(frozen=True)
class About:
    """What an alert may know of a case: its opaque id and its code."""

    case_id: UUID | None
    code: str


def notify_post(
    work: Work, *, unit_id: UUID, role: str, text_id: str, about: About, due_at: datetime | None = None, many: int = 1
) -> int:
    """Queues one alert to everybody who holds the post now, or to the province where nobody does.

    Returns how many of them a phone will ring for; those without one see it in the office.
    """
    # Kept for this work: a sweep tells the same post of many limits.
    reached = work.keep(("reached", unit_id, role), lambda: people.reached(work, unit_id, role, work.now)).staff
    staff = may_be_told(work, about.case_id, reached)
    if reached and not staff:
        # Whoever holds the post is kept from this case: as where nobody holds it, the province is told.
        desk = people.unit(work, unit_id).province_id or unit_id
        staff = may_be_told(work, about.case_id, people.desk_of(work, desk, work.now))
    notices = [notify(work, one, text_id=text_id, about=about, due_at=due_at, many=many) for one in staff]
    return sum(notice.state == Delivery.READY for notice in notices)


def notify(
    work: Work,
    staff: Staff,
    *,
    text_id: str,
    about: About,
    due_at: datetime | None = None,
    many: int = 1,
    ring: bool = True,
) -> Notice:
    """Queues one alert to one person: shown in the office at once, and by SMS where there is a phone that takes them and
    `ring` asks for it. An urgent one is told again by other channels (`relay`) unless it is soon known to have arrived."""
    phone = person_of(work, staff).get("phone")
    leaves = leaves_at(text_id, due_at, work.now)
    notice = Notice(
        text_id=text_id,
        body=word(text_id, code=about.code, due_at=due_at, many=many),
        case_id=about.case_id,
        case_code=about.code or None,
        staff_id=staff.id,
        created_at=work.now,
        next_try_at=leaves,
        due_at=due_at,
        held=leaves > work.now,
    )
    if not phone or not ring:
        notice.state = step(notice.state, Delivery.KEPT)
    elif refuses(work, phone):
        notice.state, notice.fault = step(notice.state, Delivery.KEPT), STOPPED
    else:
        work.seal(notice, phone=phone)
    if ring and is_urgent(text_id):
        notice.relay_at = leaves + plan().unconfirmed if notice.state == Delivery.READY else work.now
    work.session.add(notice)
    record(work, Tag.NOTICE_QUEUED, case_id=about.case_id, object_type="notice", object_id=notice.id)
    return notice


def recall(work: Work, case_id: UUID) -> int:
    """Takes back what waits to be sent to people who have just been kept from the case. Returns how many messages."""
    waiting = update(Notice).where(
        col(Notice.case_id) == case_id,
        col(Notice.state) == Delivery.READY,
        not_(not_kept_from_staff(col(Notice.case_id), col(Notice.staff_id))),
    )
    done = work.session.connection().execute(waiting.values(state=Delivery.KEPT, held=False).returning(col(Notice.id)))
    return len(done.all())


def notify_administrators(work: Work, text_id: str) -> int:
    """Queues an alert about the office itself to everybody who administers it. Returns to how many."""
    staff = work.session.exec(
        select(Staff).where(Staff.role == Role.ADMINISTRATOR, col(Staff.closed_at).is_(None)).order_by(Staff.username)
    ).all()
    for one in staff:
        notify(work, one, text_id=text_id, about=About(None, ""))
    return len(staff)


def told_since(work: Work, text_id: str, moment: datetime) -> bool:
    """Whether anybody was told this after that moment."""
    found = select(Notice.id).where(Notice.text_id == text_id, Notice.created_at > moment)
    return work.session.exec(found.limit(1)).first() is not None


def gather_digests(work: Work) -> int:
    """What was held for the morning becomes one message a person where there are several. Returns how many it made."""
    rows: Sequence[Notice] = work.session.exec(
        select(Notice)
        .where(
            Notice.held,
            Notice.state == Delivery.READY,
            Notice.attempts == 0,
            Notice.next_try_at <= work.now,
            not_kept_from_staff(col(Notice.case_id), col(Notice.staff_id)),  # nor would the outbox send it
        )
        .order_by(col(Notice.staff_id), col(Notice.created_at))
        .with_for_update(skip_locked=True)
    ).all()
    made = 0
    for staff_id, several in groupby(rows, key=lambda one: one.staff_id):
        held = list(several)
        for notice in held:
            notice.held = False
        if len(held) >= DIGEST_FROM:
            digest = notify(
                work, work.session.get_one(Staff, staff_id), text_id="day-digest", about=About(None, ""), many=len(held)
            )
            work.session.flush()
            for notice in held:
                notice.state, notice.digest_id = step(notice.state, Delivery.KEPT), digest.id
            made += 1
    return made


def mark_seen(work: Work, staff_id: UUID, notice_ids: Sequence[UUID] | None = None) -> int:
    """The person has seen these alerts in the office (None: all of theirs). Returns how many were new."""
    statement = update(Notice).where(col(Notice.staff_id) == staff_id, col(Notice.seen_at).is_(None))
    if notice_ids is not None:
        statement = statement.where(col(Notice.id).in_(notice_ids))
    done = work.session.connection().execute(statement.values(seen_at=work.now).returning(col(Notice.id))).all()
    if done:
        record(work, Tag.NOTICE_READ, object_type="notices", object_id=staff_id)
    return len(done)


def stopped_since(work: Work, staff: Staff) -> datetime | None:
    """Since when the person's phone has asked the provider for no more messages; None: it takes them."""
    phone = person_of(work, staff).get("phone")
    stop = stop_of(work, phone) if phone else None
    return stop.at if stop else None
