"""Read-only lists of alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Numeric, cast, func, text
from sqlalchemy import select as select_columns
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from casework.access.queries import not_kept_from_staff
from casework.clock import VIETNAM
from casework.notices.models import UNDELIVERED, Channel, Delivery, Notice, NoticeAttempt, SmsLine, SmsStop
from casework.people.models import Heartbeat, Staff
from casework.work import Work

SILENT = timedelta(seconds=60)
MOST_UNSEEN = 100  # more is not counted: the header says how much there is to do, not how long nobody looked


@dataclass(frozen=True)
class SentSms:
    to: str
    body: str
    at: datetime
    code: str | None


def sent(work: Work, *, limit: int = 200) -> list[SentSms]:
    """The newest messages that left, with the phone opened: for the demo's page alone."""
    rows: Sequence[Notice] = work.session.exec(
        select(Notice)
        .where(col(Notice.state).in_([Delivery.ACCEPTED, Delivery.DELIVERED]), Notice.channel == Channel.SMS)
        .order_by(col(Notice.sent_at).desc())
        .limit(limit)
    ).all()
    phones = work.open_all(rows, "phone")
    return [
        SentSms(phone, row.body, row.sent_at or row.created_at, row.case_code)
        for row, phone in zip(rows, phones, strict=True)
    ]


def to_staff(work: Work, staff_id: UUID, *, limit: int = 30) -> Sequence[Notice]:
    """What was sent to one person, newest first: the office's own list never depends on SMS."""
    return work.session.exec(
        select(Notice)
        .where(
            Notice.staff_id == staff_id,
            col(Notice.second_of).is_(None),
            not_kept_from_staff(col(Notice.case_id), staff_id),
        )
        .order_by(col(Notice.created_at).desc(), col(Notice.body), col(Notice.id))
        .limit(limit)
    ).all()


def undelivered(work: Work, *, unit_id: UUID | None = None) -> int:
    """Alerts that no phone has been found to ring for: refused for good, tried without success, of an unknown fate, or to
    a phone that takes no more. Those that their person has seen in the office no longer count."""
    return work.session.exec(_undelivered(unit_id)).one()


def _undelivered(unit_id: UUID | None) -> SelectOfScalar[int]:
    query = select(func.count()).select_from(Notice).where(text(UNDELIVERED))
    if unit_id is None:
        return query
    return query.where(col(Notice.staff_id).in_(select(Staff.id).where(Staff.unit_id == unit_id)))


@dataclass(frozen=True)
class Standing:
    """What the header of every page tells: alerts this person has not seen (up to `MOST_UNSEEN`), those that did not get
    through, and whether the clocks have fallen silent."""

    unseen: int
    undelivered: int
    asleep: bool = False


def standing(work: Work, staff_id: UUID, *, unit_id: UUID | None = None, patience: timedelta = SILENT) -> Standing:
    """`unit_id`: only what was for people of this unit; None: of the whole office. `patience`: how old the clocks' heartbeat
    may be. Cheap enough to be asked by every page."""
    new = (
        select(Notice.id)
        .where(
            Notice.staff_id == staff_id,
            col(Notice.seen_at).is_(None),
            not_kept_from_staff(col(Notice.case_id), staff_id),
        )
        .limit(MOST_UNSEEN)
    )
    unseen = select(func.count()).select_from(new.subquery()).scalar_subquery()
    beat = select(Heartbeat.at).where(Heartbeat.name == "jobs").scalar_subquery()
    counts = select_columns(unseen, _undelivered(unit_id).scalar_subquery(), beat)
    new_ones, lost, at = work.session.connection().execute(counts).one()
    return Standing(new_ones, lost, asleep=at is not None and work.now - at > patience)


def waiting(work: Work) -> int:
    """Alerts that nobody has taken yet, tried or not."""
    return work.session.exec(
        select(func.count())
        .select_from(Notice)
        .where(col(Notice.state).in_([Delivery.READY, Delivery.SENDING, Delivery.UNKNOWN]))
    ).one()


@dataclass(frozen=True)
class Month:
    """What one provider carried in one month of Vietnam's calendar ("2026-11"). `cost` as in Figures."""

    month: str
    provider: str
    tries: int
    delivered: int
    failed: int
    segments: int
    cost: dict[str, Decimal]
    unpriced: int


def by_month(work: Work, since: datetime) -> list[Month]:
    """Numbers only, newest month first. A try counts in the month it was made, and with its message: row security hides from
    whoever is kept from a case what was told of it, and two pages' numbers would else differ by just that."""
    month = func.to_char(func.timezone(VIETNAM.key, NoticeAttempt.at), "YYYY-MM")
    rows = work.session.connection().execute(
        select_columns(
            month,
            col(NoticeAttempt.provider),
            col(NoticeAttempt.currency),
            func.count(),
            func.count().filter(col(NoticeAttempt.state) == Delivery.DELIVERED),
            func.count().filter(col(NoticeAttempt.state) == Delivery.FAILED),
            func.coalesce(func.sum(NoticeAttempt.segments), 0),
            func.sum(func.abs(cast(NoticeAttempt.price, Numeric))),
            func.count().filter(col(NoticeAttempt.provider_id).is_not(None), col(NoticeAttempt.price).is_(None)),
        )
        .join(Notice, col(Notice.id) == NoticeAttempt.notice_id)
        .where(col(NoticeAttempt.at) >= since)
        .group_by(month, col(NoticeAttempt.provider), col(NoticeAttempt.currency))
        .order_by(month.desc(), col(NoticeAttempt.provider), col(NoticeAttempt.currency))
    )
    found: dict[tuple[str, str], Month] = {}
    for at, provider, currency, *counts, cost, unpriced in rows:
        before = found.get((at, provider), Month(at, provider, 0, 0, 0, 0, {}, 0))
        tries, delivered, failed, segments = (int(one) for one in counts)
        costs = before.cost | ({currency: Decimal(cost)} if currency and cost is not None else {})
        found[at, provider] = Month(
            at,
            provider,
            before.tries + tries,
            before.delivered + delivered,
            before.failed + failed,
            before.segments + segments,
            costs,
            before.unpriced + unpriced,
        )
    return list(found.values())


def stopped_phones(work: Work) -> int:
    """How many phones have asked for no more messages."""
    return work.session.exec(select(func.count()).select_from(SmsStop)).one()


@dataclass(frozen=True)
class Figures:
    """What the messages since a moment came to. `cost` is by currency, as the provider counts it; `unpriced` are not in it."""

    messages: int
    attempts: int
    delivered: int
    failed: int
    segments: int
    cost: dict[str, Decimal]
    unpriced: int


def figures(work: Work, since: datetime) -> Figures:
    """Messages, tries, segments and cost since then."""
    messages, delivered, failed = work.session.exec(
        select(
            func.count(),
            func.count().filter(col(Notice.state) == Delivery.DELIVERED),
            func.count().filter(col(Notice.state) == Delivery.FAILED),
        ).where(Notice.created_at >= since, Notice.attempts > 0)
    ).one()
    rows = work.session.exec(
        select(NoticeAttempt.segments, NoticeAttempt.price, NoticeAttempt.currency)
        .join(Notice, col(Notice.id) == NoticeAttempt.notice_id)
        .where(Notice.created_at >= since, col(NoticeAttempt.provider_id).is_not(None))
    ).all()
    tries = work.session.exec(
        select(func.count())
        .select_from(NoticeAttempt)
        .join(Notice, col(Notice.id) == NoticeAttempt.notice_id)
        .where(Notice.created_at >= since)
    ).one()
    cost: dict[str, Decimal] = {}
    for _segments, price, currency in rows:
        if price is not None and currency is not None:
            cost[currency] = cost.get(currency, Decimal(0)) + abs(Decimal(price))
    return Figures(
        messages=messages,
        attempts=tries,
        delivered=delivered,
        failed=failed,
        segments=sum(segments or 0 for segments, _price, _currency in rows),
        cost=cost,
        unpriced=sum(price is None for _segments, price, _currency in rows),
    )


def resting_lines(work: Work) -> list[str]:
    """Providers that are given a rest now, after failing in a row."""
    found = select(SmsLine.provider).where(col(SmsLine.rests_until) > func.clock_timestamp())
    return list(work.session.exec(found.order_by(SmsLine.provider)))
