"""The outbox at work: what is due is handed over with no transaction open, and every way it may go wrong is settled.

A message is claimed under a lease of the database's time, and the attempt is kept before the provider is called. Where no
answer came, or the process died, the provider is asked what it has before anything is sent again: by the status callback,
whose address carries the attempt, and by the provider's list. Only what it does not have is sent again, with the same code.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, or_, update
from sqlmodel import col, select

from casework.access.queries import not_kept_from_staff
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.notices.devices import forget_gone, subscription_text
from casework.notices.models import Channel, Delivery, Notice, NoticeAttempt, SmsLine
from casework.notices.optout import stop
from casework.notices.receipts import Failed, fate_of_attempt, give_up
from casework.notices.rules import STOPPED, Pace, retry_after, step, validity_seconds
from casework.notices.senders import Fate, Outgoing, SmsRefused, SmsSender
from casework.notices.stops import refusing
from casework.notices.tokens import callback_address
from casework.people.models import Staff
from casework.people.service import person_of
from casework.work import Work

BATCH = 5  # so many sends, each at its longest, end before the lease of the last one does
LAG = timedelta(seconds=60)  # between the database's time and the provider's dates
SOON = timedelta(seconds=5)
FOLLOWED = 20  # accepted messages asked after in one round
Begin = Callable[[], AbstractContextManager[Work]]
Stopping = Callable[[], bool]  # whether this process was asked to end


def never() -> bool:
    return False


@dataclass(frozen=True)
class _Claimed:
    notice_id: UUID
    attempt: UUID
    message: Outgoing
    since: datetime


def deliver(
    begin: Begin,
    sender: SmsSender,
    *,
    failed: Failed,
    callback_base: str | None = None,
    pace: Pace | None = None,
    stopping: Stopping = never,
) -> int:
    """Settles what is in doubt, then sends what is due by the sender's channel. Any number of processes may do this at
    once, and any may die.

    Returns how many messages the provider was found to have taken. `callback_base` is the public address it reports to;
    `failed` is told of an SMS that was given up. Once `stopping` says so nothing more is claimed, and what is claimed and
    not yet handed over is given back.
    """
    pace = pace or Pace()
    taken = _reconcile(begin, sender, pace, failed, stopping)
    while not stopping():
        with begin() as work:
            claimed = _claim(work, sender, pace, callback_base)
        if not claimed:
            break
        taken += _send(begin, sender, claimed, pace, failed, stopping)
    return taken


def follow_up(
    begin: Begin, sender: SmsSender, *, failed: Failed, pace: Pace | None = None, stopping: Stopping = never
) -> int:
    """Asks after accepted messages that nobody reported on, and after prices not yet known. Returns how many it asked;
    once `stopping` says so, it asks after no further one.

    A callback may be lost; a price is known only some time after the message has left.
    """
    pace = pace or Pace()
    with begin() as work:
        open_ones = _unreported(work, sender, pace)
    asked = 0
    for attempt_id, provider_id in open_ones:
        if stopping():
            break
        try:
            fate = sender.fate(provider_id)
        except SmsRefused:
            return asked
        if fate is not None:
            asked += 1
            with begin() as work:
                fate_of_attempt(work, attempt_id, fate, failed)
    return asked


# ---------------------------------------------------------------- handing over


def _claim(work: Work, sender: SmsSender, pace: Pace, callback_base: str | None) -> list[_Claimed]:
    limit = _open_places(work, sender, pace)
    if limit == 0:
        return []
    rows = _due(work, sender, limit)
    while rows and not (going := _without_stopped(work, sender, rows)):
        work.session.flush()
        rows = _due(work, sender, limit)
    rows = going if rows else []
    now = _database_time(work)
    claimed = []
    for notice in rows:
        attempt = NoticeAttempt(
            id=uuid4(), notice_id=notice.id, number=notice.attempts + 1, provider=sender.name, at=now
        )
        _begin_attempt(work, notice, attempt, now + pace.lease)
        claimed.append(_Claimed(notice.id, attempt.id, _message(work, notice, attempt, callback_base), now))
    return claimed


def _due(work: Work, sender: SmsSender, limit: int) -> Sequence[Notice]:
    return work.session.exec(
        select(Notice)
        .where(
            Notice.state == Delivery.READY,
            Notice.next_try_at <= work.now,
            Notice.channel == sender.channel,
            not_kept_from_staff(col(Notice.case_id), col(Notice.staff_id)),
        )
        .order_by(col(Notice.due_at).asc().nulls_last(), col(Notice.next_try_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def _without_stopped(work: Work, sender: SmsSender, rows: Sequence[Notice]) -> Sequence[Notice]:
    """Keeps back what was queued before its person asked for no more SMS: an urgent one goes by the other channels now."""
    if sender.channel != Channel.SMS:
        return rows
    phones = [str(phone) for phone in work.open_all(rows, "phone")]
    refused = refusing(work, phones)
    for notice, phone in zip(rows, phones, strict=True):
        if phone in refused:
            notice.state, notice.fault, notice.held = step(notice.state, Delivery.KEPT), STOPPED, False
            if notice.relay_at is not None:
                notice.relay_at = min(notice.relay_at, work.now)
            record(
                work,
                Tag.NOTICE_FAILED,
                case_id=notice.case_id,
                object_type="notice",
                object_id=notice.id,
                result="refused",
            )
    return [notice for notice, phone in zip(rows, phones, strict=True) if phone not in refused]


def _begin_attempt(work: Work, notice: Notice, attempt: NoticeAttempt, until: datetime) -> None:
    notice.state = step(notice.state, Delivery.SENDING)
    notice.attempt = attempt.id
    notice.attempts += 1
    notice.leased_until = until
    work.session.add(notice)
    work.session.add(attempt)


def _message(work: Work, notice: Notice, attempt: NoticeAttempt, callback_base: str | None) -> Outgoing:
    return Outgoing(
        to=_address(work, notice),
        body=notice.body,
        reference=_reference(work, notice),
        seconds=validity_seconds(notice.due_at, work.now),
        callback=callback_address(work.keys, callback_base, attempt.id, Channel(notice.channel))
        if callback_base
        else None,
    )


def _address(work: Work, notice: Notice) -> str:
    """Where the channel finds the person: an SMS's phone is the one of when it was queued, the others are looked up now."""
    if notice.channel == Channel.SMS:
        return str(work.open(notice, "phone") or "")
    if notice.channel == Channel.PUSH:
        return subscription_text(work, notice.device_id)
    person = person_of(work, work.session.get_one(Staff, notice.staff_id))
    return str(person.get("mail" if notice.channel == Channel.MAIL else "phone") or "")


def _reference(work: Work, notice: Notice) -> str:
    """The same for every try at handing one message over, so that a gateway that knows it takes it once; another one
    after a network has failed to deliver it."""
    if notice.attempts <= 1:
        return notice.id.hex
    failed = work.session.exec(
        select(func.count())
        .select_from(NoticeAttempt)
        .where(
            NoticeAttempt.notice_id == notice.id,
            NoticeAttempt.state == Delivery.FAILED,
            col(NoticeAttempt.provider_id).is_not(None),
        )
    ).one()
    return f"{notice.id.hex}-{failed}" if failed else notice.id.hex


def _send(
    begin: Begin, sender: SmsSender, claimed: Sequence[_Claimed], pace: Pace, failed: Failed, stopping: Stopping
) -> int:
    taken, began = 0, time.monotonic()
    for place, one in enumerate(claimed):
        if stopping():
            with begin() as work:
                _give_back(work, claimed[place:])
            return taken
        if time.monotonic() - began > pace.lease.total_seconds() / 2:
            return taken  # the rest of the lease belongs to whoever asks after these
        try:
            fate = sender.send(one.message)
        except SmsRefused as refused:
            with begin() as work:
                _settle_refused(work, one, refused, sender, pace, failed)
            continue
        with begin() as work:
            fate_of_attempt(work, one.attempt, fate, failed)
            _line_answers(work, sender)
        taken += 1
    return taken


def _give_back(work: Work, claimed: Sequence[_Claimed]) -> None:
    """What was claimed and never handed over is as it was: another process need not wait for the lease, nor ask after it."""
    for one in claimed:
        notice = own(work, one.notice_id, one.attempt, Delivery.SENDING)
        if notice is not None:
            notice.state = step(notice.state, Delivery.READY)
            notice.attempts -= 1
            notice.attempt = notice.leased_until = None
            work.session.delete(work.session.get_one(NoticeAttempt, one.attempt))


def _settle_refused(
    work: Work, one: _Claimed, refused: SmsRefused, sender: SmsSender, pace: Pace, failed: Failed
) -> None:
    if refused.line:
        _line_fails(work, sender, pace)
    else:
        _line_answers(work, sender)
    notice = own(work, one.notice_id, one.attempt, Delivery.SENDING)
    if notice is None:
        return
    attempt = work.session.get_one(NoticeAttempt, one.attempt)
    attempt.fault = notice.fault = refused.code
    attempt.state = Delivery.UNKNOWN if refused.unsure else Delivery.FAILED
    if refused.code == STOPPED:
        stop(work, one.message.to, heard=False)
    if refused.gone and notice.device_id is not None:
        forget_gone(work, notice.device_id)
    if refused.permanent:
        give_up(work, notice, failed)
    elif refused.unsure:
        notice.state = step(notice.state, Delivery.UNKNOWN)
        notice.next_try_at = work.now + pace.ask_after
    else:
        notice.state = step(notice.state, Delivery.READY)
        notice.next_try_at = work.now + retry_after(notice.attempts)
    notice.leased_until = None
    record(work, Tag.NOTICE_FAILED, case_id=notice.case_id, object_type="notice", object_id=notice.id, result="refused")


def own(work: Work, notice_id: UUID, attempt: UUID, *states: Delivery) -> Notice | None:
    """The row, if this attempt is still its last and it stands in one of these states; locked."""
    return work.session.exec(
        select(Notice)
        .where(Notice.id == notice_id, Notice.attempt == attempt, col(Notice.state).in_(states))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


# ---------------------------------------------------------------- what is in doubt


def _reconcile(begin: Begin, sender: SmsSender, pace: Pace, failed: Failed, stopping: Stopping) -> int:
    """Asks the provider for every attempt whose answer was lost. Returns how many it turned out to have taken."""
    found = 0
    while True:
        with begin() as work:
            if _open_places(work, sender, pace, probe=False) == 0:
                return found
            doubtful = _doubtful(work, sender.channel, pace)
        for place, one in enumerate(doubtful):
            if stopping():
                with begin() as work:
                    _ask_later(work, doubtful[place:])
                return found
            found += _ask(begin, sender, one, pace, failed)
        if len(doubtful) < BATCH:
            return found


def _ask_later(work: Work, doubtful: Sequence[_Claimed]) -> None:
    for one in doubtful:
        notice = own(work, one.notice_id, one.attempt, Delivery.UNKNOWN)
        if notice is not None:
            notice.leased_until = None


def _doubtful(work: Work, channel: Channel, pace: Pace) -> list[_Claimed]:
    """Attempts without an answer: of a process that is gone, or that got none. Leased while they are asked after."""
    now = _database_time(work)
    free = or_(col(Notice.leased_until).is_(None), col(Notice.leased_until) <= now)
    gone = (col(Notice.state) == Delivery.SENDING) & free
    unanswered = (col(Notice.state) == Delivery.UNKNOWN) & (col(Notice.next_try_at) <= work.now) & free
    rows = work.session.exec(
        select(Notice, NoticeAttempt)
        .join(NoticeAttempt, col(NoticeAttempt.id) == Notice.attempt)
        .where(or_(gone, unanswered), Notice.channel == channel)
        .order_by(col(Notice.due_at).asc().nulls_last(), col(Notice.id))
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=Notice.__table__)  # type: ignore[attr-defined]  # set by SQLModel
    ).all()
    found = []
    for notice, attempt in rows:
        if notice.state == Delivery.SENDING:
            notice.state = step(notice.state, Delivery.UNKNOWN)
            attempt.state = Delivery.UNKNOWN if attempt.state == Delivery.SENDING else attempt.state
        notice.leased_until = now + pace.lease
        message = Outgoing(_address(work, notice), notice.body, notice.id.hex)
        found.append(_Claimed(notice.id, attempt.id, message, _first_try(work, notice.id) - LAG))
    return found


def _first_try(work: Work, notice_id: UUID) -> datetime:
    return work.session.exec(select(func.min(NoticeAttempt.at)).where(NoticeAttempt.notice_id == notice_id)).one()


def _ask(begin: Begin, sender: SmsSender, one: _Claimed, pace: Pace, failed: Failed) -> int:
    try:
        listed = sender.find(one.message, one.since)
    except SmsRefused as refused:
        with begin() as work:
            if refused.line:
                _line_fails(work, sender, pace)
            _settle_unasked(work, one, pace)
        return 0
    with begin() as work:
        return _settle_asked(work, one, listed, sender, failed)


def _settle_unasked(work: Work, one: _Claimed, pace: Pace) -> None:
    """The provider cannot be asked just now. After some questions it is sent again: twice is harmless, never is not."""
    notice = own(work, one.notice_id, one.attempt, Delivery.UNKNOWN)
    if notice is None:
        return
    attempt = work.session.get_one(NoticeAttempt, one.attempt)
    attempt.asked += 1
    notice.leased_until = None
    notice.next_try_at = work.now + retry_after(attempt.asked)
    if attempt.asked >= pace.asks:
        notice.state = step(notice.state, Delivery.READY)
        notice.next_try_at = work.now


def _settle_asked(work: Work, one: _Claimed, listed: Sequence[Fate] | None, sender: SmsSender, failed: Failed) -> int:
    notice = own(work, one.notice_id, one.attempt, Delivery.UNKNOWN)
    if notice is None:
        return 0
    notice.leased_until = None
    fate = _unclaimed(work, sender, listed or ())
    if fate is not None and _twin_in_flight(work, notice):
        notice.next_try_at = work.now + SOON  # the one found may be the twin's, whose answer is on its way
        return 0
    if fate is None:
        notice.state = step(notice.state, Delivery.READY)
        notice.next_try_at = work.now
        work.session.add(notice)
        return 0
    fate_of_attempt(work, one.attempt, fate, failed)
    return 1


def _unclaimed(work: Work, sender: SmsSender, listed: Sequence[Fate]) -> Fate | None:
    """The first of the provider's messages that is not known to be another attempt's."""
    known = set(
        work.session.exec(
            select(NoticeAttempt.provider_id).where(
                NoticeAttempt.provider == sender.name,
                col(NoticeAttempt.provider_id).in_([one.provider_id for one in listed]),
            )
        )
    )
    return next((one for one in listed if one.provider_id not in known), None)


def _twin_in_flight(work: Work, notice: Notice) -> bool:
    """Whether another message of the very same words to the same person is being handed over now."""
    return (
        work.session.exec(
            select(Notice.id).where(
                Notice.staff_id == notice.staff_id,
                Notice.body == notice.body,
                Notice.channel == notice.channel,
                Notice.id != notice.id,
                Notice.state == Delivery.SENDING,
            )
        ).first()
        is not None
    )


def _unreported(work: Work, sender: SmsSender, pace: Pace) -> list[tuple[UUID, str]]:
    """Accepted attempts that nobody reported on for a while, and delivered ones whose price is not known. Each is asked
    after at twice the time of the last question: soon, for the next channel waits to hear, and for a price later on."""
    waited = func.make_interval(0, 0, 0, 0, 0, 0, pace.follow_up.total_seconds() * func.power(2, NoticeAttempt.asked))
    rows = work.session.exec(
        select(NoticeAttempt)
        .where(
            NoticeAttempt.provider == sender.name,
            col(NoticeAttempt.provider_id).is_not(None),
            col(NoticeAttempt.price).is_(None),
            NoticeAttempt.at <= _database_time(work),
            NoticeAttempt.at + waited <= _database_time(work),
            NoticeAttempt.asked < pace.asks * 2,
        )
        .order_by(col(NoticeAttempt.asked), col(NoticeAttempt.at))
        .limit(FOLLOWED)
        .with_for_update(skip_locked=True)
    ).all()
    for attempt in rows:
        attempt.asked += 1
    return [(attempt.id, attempt.provider_id) for attempt in rows if attempt.provider_id]


# ---------------------------------------------------------------- the line to the provider


def _open_places(work: Work, sender: SmsSender, pace: Pace, *, probe: bool = True) -> int:
    """How many messages may be handed over now: none while the line rests, one to try it, else a batch."""
    line = _line(work, sender)
    if line is None or line.failures < pace.rests_after:
        return BATCH
    now = _database_time(work)
    if line.rests_until is not None and line.rests_until > now:
        return 0
    if probe:
        line.rests_until = now + pace.rest  # others wait for this one's answer
    return 1


def _line(work: Work, sender: SmsSender, *, lock: bool = True) -> SmsLine | None:
    query = select(SmsLine).where(SmsLine.provider == sender.name)
    return work.session.exec(query.with_for_update() if lock else query).first()


def _line_fails(work: Work, sender: SmsSender, pace: Pace) -> None:
    now = _database_time(work)
    line = _line(work, sender) or SmsLine(provider=sender.name)
    if line.failing_since is None or (now - line.failing_since > pace.window and line.failures < pace.rests_after):
        line.failing_since, line.failures = now, 0
    line.failures += 1
    if line.failures >= pace.rests_after:
        line.rests_until = now + pace.rest
    work.session.add(line)


def _line_answers(work: Work, sender: SmsSender) -> None:
    """The provider spoke to us: a line that was given up is open again, and what waited for it goes at once."""
    line = _line(work, sender, lock=False)
    if line is None or line.failures == 0:
        return
    if line.rests_until is not None:
        waiting = update(Notice).where(
            col(Notice.state) == Delivery.READY,
            col(Notice.attempts) > 0,
            col(Notice.channel) == sender.channel,
        )
        work.session.connection().execute(waiting.values(next_try_at=work.now))
    line.failures, line.failing_since, line.rests_until = 0, None, None
    work.session.add(line)


def _database_time(work: Work) -> datetime:
    now: datetime = work.session.connection().exec_driver_sql("select clock_timestamp()").scalar_one()
    return now
