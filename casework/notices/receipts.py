"""What a provider says became of a message. An attempt only ever moves forwards, and no receipt is anybody's acknowledgement."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.notices.models import Channel, Delivery, Notice, NoticeAttempt, NoticeCallback
from casework.notices.optout import stop
from casework.notices.rules import CARRIED_TRIES, GIVEN_UP, STOPPED, goes_forward, retry_after, step
from casework.notices.senders import Callback, CallbackRefused, Fate, SmsSender
from casework.notices.stops import clear
from casework.notices.tokens import attempt_of
from casework.work import Work

Failed = Callable[[Work, Notice], None]
"""Told of an SMS that will never arrive, in the very piece of work that learns it: the ladder hangs further up the house."""


def take_callback(work: Work, sender: SmsSender, token: str, callback: Callback, *, failed: Failed) -> bool:
    """Takes a provider's report. Returns whether it told anything new. Raises CallbackRefused: forged, not about this
    attempt, or a copy of one that was taken before."""
    fate = sender.read_callback(callback)
    attempt_id = attempt_of(work.keys, token)
    attempt = work.session.get(NoticeAttempt, attempt_id) if attempt_id else None
    if attempt is None or attempt.provider != sender.name:
        raise CallbackRefused("token")
    if attempt.provider_id is not None and attempt.provider_id != fate.provider_id:
        raise CallbackRefused("message")
    if not _first_time(work, attempt.id, callback):
        raise CallbackRefused("replay")
    return fate_of_attempt(work, attempt.id, fate, failed)


def _first_time(work: Work, attempt_id: UUID, callback: Callback) -> bool:
    said = "\n".join([callback.url, *(f"{name}={callback.fields[name]}" for name in sorted(callback.fields))])
    statement = (
        insert(NoticeCallback)
        .values(digest=hashlib.sha256(said.encode()).digest(), attempt_id=attempt_id, at=work.now)
        .on_conflict_do_nothing()
        .returning(col(NoticeCallback.attempt_id))
    )
    return work.session.connection().execute(statement).first() is not None


def fate_of_attempt(work: Work, attempt_id: UUID, fate: Fate, failed: Failed) -> bool:
    """Writes down what the provider says of one attempt, by its answer, its list or its callback. Returns whether the
    attempt moved. What comes late or twice changes nothing."""
    notice_id = work.session.exec(select(NoticeAttempt.notice_id).where(NoticeAttempt.id == attempt_id)).one()
    notice = work.session.exec(  # the notice first, always: whoever settles one holds it before its attempts
        select(Notice).where(Notice.id == notice_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    attempt = work.session.exec(
        select(NoticeAttempt).where(NoticeAttempt.id == attempt_id).execution_options(populate_existing=True)
    ).one()
    if attempt.provider_id is None and not _is_another_s(work, attempt, fate.provider_id):
        attempt.provider_id = fate.provider_id
    attempt.segments = fate.segments or attempt.segments
    attempt.price, attempt.currency = fate.price or attempt.price, fate.currency or attempt.currency
    forward = goes_forward(attempt.state, fate.state)
    if forward:
        attempt.state = fate.state.value
        attempt.fault = fate.fault
        carry(work, notice, attempt, failed)
    work.session.add(attempt)
    return forward


def _is_another_s(work: Work, attempt: NoticeAttempt, provider_id: str) -> bool:
    """Whether an attempt of the same words has been given this message meanwhile: to the person they are one and the same."""
    known = select(NoticeAttempt.id).where(
        NoticeAttempt.provider == attempt.provider,
        NoticeAttempt.provider_id == provider_id,
        NoticeAttempt.id != attempt.id,
    )
    return work.session.exec(known.limit(1)).first() is not None


def carry(work: Work, notice: Notice, attempt: NoticeAttempt, failed: Failed) -> None:
    """The message follows its attempt: a late word about an older attempt can only make it better."""
    last = notice.attempt == attempt.id
    state = Delivery(notice.state)
    if attempt.state == Delivery.DELIVERED and state not in (Delivery.DELIVERED, Delivery.KEPT):
        _taken(work, notice, attempt)
        notice.state = step(notice.state, Delivery.DELIVERED)
        notice.delivered_at = work.now
        notice.fault = None
        notice.relay_at = None
        if notice.channel == Channel.SMS:
            clear(work, str(work.open(notice, "phone")), before=notice.created_at)
    elif attempt.state == Delivery.ACCEPTED and (
        (last and state in (Delivery.SENDING, Delivery.UNKNOWN)) or state == Delivery.READY
    ):
        _taken(work, notice, attempt)
        notice.state = step(notice.state, Delivery.ACCEPTED)
        notice.fault = None
    elif attempt.state == Delivery.FAILED and last and state in (Delivery.SENDING, Delivery.UNKNOWN, Delivery.ACCEPTED):
        _not_delivered(work, notice, attempt, failed)
    work.session.add(notice)


def _taken(work: Work, notice: Notice, attempt: NoticeAttempt) -> None:
    if notice.provider_id is None or notice.attempt == attempt.id:
        notice.provider_id = attempt.provider_id
    if notice.sent_at is None:
        notice.sent_at = work.now
        record(work, Tag.NOTICE_SENT, case_id=notice.case_id, object_type="notice", object_id=notice.id)
    notice.leased_until = None


def _not_delivered(work: Work, notice: Notice, attempt: NoticeAttempt, failed: Failed) -> None:
    """A network did not deliver it: sent again with the same code, unless that cannot help."""
    notice.fault = attempt.fault or "undelivered"
    notice.leased_until = None
    if attempt.fault == STOPPED:
        stop(work, str(work.open(notice, "phone")), heard=False)
    if notice.fault in GIVEN_UP or notice.attempts >= CARRIED_TRIES:
        give_up(work, notice, failed)
    else:
        notice.state = step(notice.state, Delivery.READY)
        notice.next_try_at = work.now + retry_after(notice.attempts)
    record(work, Tag.NOTICE_FAILED, case_id=notice.case_id, object_type="notice", object_id=notice.id, result="refused")


def give_up(work: Work, notice: Notice, failed: Failed) -> None:
    """It will never arrive: the next channel is tried at once, and whoever stands above on the ladder is called now."""
    notice.state = step(notice.state, Delivery.FAILED)
    if notice.relay_at is not None:
        notice.relay_at = min(notice.relay_at, work.now)
    work.session.add(notice)
    if notice.channel == Channel.SMS:
        failed(work, notice)
