"""An urgent message that has not been confirmed, or never will be, is told again by the other channels a person has.

It goes by steps, each written down as a message of its own and sent by the outbox like any other, until the message is
known to have arrived or its person has seen it in the office. None of this stops a ladder: only a person does.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from casework.access.queries import not_kept_from_staff
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.notices.channels import channel_text, plan
from casework.notices.devices import device_ids
from casework.notices.models import Channel, Delivery, Notice
from casework.notices.receipts import Failed
from casework.notices.rules import STOPPED
from casework.people.models import Staff
from casework.people.service import person_of
from casework.work import Work

BATCH = 50
BY_PERSON = {Channel.MAIL: "mail", Channel.VOICE: "phone"}  # what of a person a channel needs


def relay(work: Work, available: Collection[Channel], *, failed: Failed, limit: int = BATCH) -> int:
    """Takes the next step for messages that wait for one, by channels the office has. Returns how many it looked at; any
    number of processes may do this at once. `failed` is told of a message to somebody who takes no SMS and has no other
    way either: nobody rings for them, so the ladder goes on at once."""
    _drop_needless(work)
    waiting = work.session.exec(
        select(Notice)
        .where(col(Notice.relay_at) <= work.now)
        .order_by(col(Notice.relay_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for notice in waiting:
        if notice.seen_at is not None or notice.state == Delivery.DELIVERED or _is_kept_from_its_person(work, notice):
            notice.relay_at = None
        else:
            _next_steps(work, notice, available)
            if notice.relay_at is None and _is_refused(notice) and not _was_told(work, notice):
                failed(work, notice)
        work.session.add(notice)
    return len(waiting)


def _is_refused(notice: Notice) -> bool:
    """Whether no SMS was tried, for its person takes none."""
    return notice.state == Delivery.KEPT and notice.fault == STOPPED


def _was_told(work: Work, notice: Notice) -> bool:
    return work.session.exec(select(Notice.id).where(Notice.second_of == notice.id).limit(1)).first() is not None


def _is_kept_from_its_person(work: Work, notice: Notice) -> bool:
    """Whether the case has been kept from the person since the message was queued: then nothing more is told of it."""
    still = select(Notice.id).where(
        Notice.id == notice.id, not_kept_from_staff(col(Notice.case_id), col(Notice.staff_id))
    )
    return work.session.exec(still).first() is None


def _next_steps(work: Work, notice: Notice, available: Collection[Channel]) -> None:
    """Every step that is due now; one that the person has no way for gives way to the next at once."""
    steps = plan().steps
    told = False
    while notice.relay_step < len(steps):
        step = steps[notice.relay_step]
        if told and step.gap:
            notice.relay_at = work.now + step.gap
            return
        notice.relay_step += 1
        if step.channel in available:
            told = bool(_tell_by(work, notice, step.channel)) or told
    notice.relay_at = None


def _tell_by(work: Work, notice: Notice, channel: Channel) -> int:
    """Queues it by one channel. Returns how many messages that makes: none where the person cannot be reached so."""
    devices: list[UUID | None] = [None]
    if channel == Channel.PUSH:
        devices = list(device_ids(work, notice.staff_id))
    elif not person_of(work, work.session.get_one(Staff, notice.staff_id)).get(BY_PERSON[channel]):
        return 0
    for device_id in devices:
        second = Notice(
            text_id=notice.text_id,
            body=channel_text(channel, code=notice.case_code or "", due_at=notice.due_at, now=work.now),
            case_id=notice.case_id,
            case_code=notice.case_code,
            staff_id=notice.staff_id,
            channel=channel.value,
            second_of=notice.id,
            device_id=device_id,
            created_at=work.now,
            next_try_at=work.now,
            due_at=notice.due_at,
            seen_at=work.now,
        )
        work.session.add(second)
        record(
            work,
            Tag.NOTICE_QUEUED,
            case_id=notice.case_id,
            object_type="notice",
            object_id=second.id,
            fields=[channel.value],
        )
    return len(devices)


def _drop_needless(work: Work) -> None:
    """What has not left yet need not, once the person has seen the message in the office."""
    first = aliased(Notice)
    seen = select(first.id).where(first.id == Notice.second_of, col(first.seen_at).is_not(None)).exists()
    waiting = update(Notice).where(
        col(Notice.state) == Delivery.READY,
        col(Notice.channel) != Channel.SMS,
        col(Notice.second_of).is_not(None),
        seen,
    )
    work.session.connection().execute(waiting.values(state=Delivery.KEPT.value))
