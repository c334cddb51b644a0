"""The outbox: an alert is a row written with the change that causes it, and is sent afterwards."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Text, UniqueConstraint, func, text
from sqlmodel import Field, SQLModel

from casework.people.models import moment
from casework.vault.cabinet import OFFICE_SCOPE
from casework.vault.columns import Sealed


class Channel(StrEnum):
    """By which way a message leaves. The office sends SMS; the others tell an urgent one again (channels.toml)."""

    SMS = "sms"
    PUSH = "push"
    MAIL = "mail"
    VOICE = "voice"


class Delivery(StrEnum):
    """Where a message stands. What may follow what is in `rules.FOLLOWS`."""

    READY = "ready"
    SENDING = "sending"
    UNKNOWN = "unknown"  # handed over, and no answer: the provider is asked before it is sent again
    ACCEPTED = "accepted"  # the provider took it; only a person's act in the office counts as seen
    DELIVERED = "delivered"  # the network says that it reached the phone, which is still no person
    FAILED = "failed"
    KEPT = "kept"  # shown in the office alone: no phone, a phone that asked for no more, or told in a digest


# Alerts that no phone has been found to ring for, and that their person has not seen in the office either. Every page asks
# how many there are, so it is one text for the question and its index.
UNDELIVERED = (
    "seen_at is null and (state = 'failed' or (state in ('ready', 'unknown') and attempts > 0)"
    " or (state = 'kept' and fault is not null))"
)


class Notice(SQLModel, table=True):
    """One alert to one person. `body` is from the closed list of texts; the phone is sealed.

    `next_try_at` and `due_at` are the office's time, `leased_until` the database's: a drill's clock may run faster than a
    provider answers. `attempt` is the fence: only the claimant that wrote it may settle the row.

    A row with `second_of` tells that urgent message again by another channel. It counts as seen from the start: what a
    person has to look at, and what did not get through, is the message itself. `relay_at` is when the next channel
    (`relay_step` of channels.toml) is tried, unless the message was delivered or seen by then.
    """

    __tablename__ = "notice"
    __table_args__ = (
        Index("ix_notice_waiting", "next_try_at", postgresql_where="state in ('ready', 'sending', 'unknown')"),
        Index("ix_notice_case", "case_id"),
        Index("ix_notice_unseen", "staff_id", postgresql_where="seen_at is null"),
        Index("ix_notice_undelivered", "staff_id", postgresql_where=UNDELIVERED),
        Index("ix_notice_recent", "staff_id", "created_at"),
        Index("ix_notice_relay", "relay_at", postgresql_where="relay_at is not null"),
        Index("ix_notice_second", "second_of", postgresql_where="second_of is not null"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    text_id: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    case_id: UUID | None = None
    case_code: str | None = Field(default=None, sa_type=Text)
    staff_id: UUID = Field(foreign_key="staff.id", index=True)
    phone: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0
    state: str = Field(default=Delivery.READY.value, sa_type=Text)
    attempts: int = 0
    attempt: UUID | None = None
    created_at: datetime = Field(sa_column=moment())
    next_try_at: datetime = Field(sa_column=moment())
    sent_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    provider_id: str | None = Field(default=None, sa_type=Text)
    fault: str | None = Field(default=None, sa_type=Text)  # a code, never the provider's text
    due_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    leased_until: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    delivered_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    seen_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))  # in the office, by the person
    held: bool = False  # not urgent: waits for the morning, where several become one
    digest_id: UUID | None = None  # the message that told it together with others
    channel: str = Field(default=Channel.SMS.value, sa_type=Text)
    second_of: UUID | None = Field(default=None, foreign_key="notice.id")
    device_id: UUID | None = Field(default=None, foreign_key="push_device.id")
    relay_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    relay_step: int = 0

    @property
    def scope_id(self) -> UUID:
        return OFFICE_SCOPE


class NoticeAttempt(SQLModel, table=True):
    """One handing-over to a provider, kept before it happens, so that no crash can forget that it may have happened.

    Its `id` is what a status callback's address is made from. `at` is the database's time, which no drill bends: it is
    compared with the provider's own dates.
    """

    __tablename__ = "notice_attempt"
    __table_args__ = (
        UniqueConstraint("provider", "provider_id", name="notice_attempt_provider_id_key"),
        Index("ix_notice_attempt_notice", "notice_id", "number"),
        Index("ix_notice_attempt_unpriced", "at", postgresql_where="provider_id is not null and price is null"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    notice_id: UUID = Field(foreign_key="notice.id")
    number: int
    provider: str = Field(sa_type=Text)
    state: str = Field(default=Delivery.SENDING.value, sa_type=Text)
    at: datetime = Field(
        default=None, sa_column=Column(moment().type, nullable=False, server_default=func.clock_timestamp())
    )
    provider_id: str | None = Field(default=None, sa_type=Text)
    fault: str | None = Field(default=None, sa_type=Text)
    segments: int | None = None
    price: str | None = Field(default=None, sa_type=Text)  # as the provider writes it: "-0.00750"
    currency: str | None = Field(default=None, sa_type=Text)
    asked: int = 0  # how often its fate was asked of the provider


class NoticeCallback(SQLModel, table=True):
    """That a status callback has been taken. Its digest is taken once, so a copy of a true one is refused."""

    __tablename__ = "notice_callback"

    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    attempt_id: UUID = Field(foreign_key="notice_attempt.id", index=True)
    at: datetime = Field(sa_column=moment())


class SmsLine(SQLModel, table=True):
    """How the line to one provider is: after a row of failures it rests, for every process (the database's time)."""

    __tablename__ = "sms_line"

    provider: str = Field(sa_type=Text, primary_key=True)
    failures: int = 0
    failing_since: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    rests_until: datetime | None = Field(default=None, sa_column=moment(nullable=True))


class SmsStop(SQLModel, table=True):
    """A phone whose owner has asked the provider for no more messages. The number is kept as a digest only."""

    __tablename__ = "sms_stop"

    phone_digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    at: datetime = Field(sa_column=moment())
    # By its own answer, so that only its own answer takes it back; else the provider refused a message to it.
    heard: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false")))


class Wish(StrEnum):
    """What somebody who answers an SMS asks for (optout.toml)."""

    STOP = "stop"
    START = "start"
    OTHER = "other"


class SmsAnswer(SQLModel, table=True):
    """That somebody answered an SMS: what it asked for, never what it said nor from which phone. `digest` is of the
    provider's random id of it, so that a copy is refused."""

    __tablename__ = "sms_answer"

    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    wish: str = Field(sa_type=Text)
    at: datetime = Field(sa_column=moment())


class PushDevice(SQLModel, table=True):
    """A browser that its person allowed to ring. `subscription` seals {"endpoint", "p256dh", "auth", "label"}: whoever has
    the first three can ring it. Kept as a row when it is taken away, for messages still name it; the subscription is not."""

    __tablename__ = "push_device"
    __table_args__ = (
        Index("ix_push_device_staff", "staff_id", postgresql_where="removed_at is null"),
        Index("ix_push_device_endpoint", "endpoint_digest", unique=True, postgresql_where="removed_at is null"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    staff_id: UUID = Field(foreign_key="staff.id")
    endpoint_digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    subscription: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0
    created_at: datetime = Field(sa_column=moment())
    removed_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))

    @property
    def scope_id(self) -> UUID:
        return OFFICE_SCOPE


class Alarm(SQLModel, table=True):
    """The ladder of one running clock: whom it has called, and who took it. `next_at` is when the next rung is due.

    A clock's own state stands with the clock; an alarm of a clock that has stopped is closed at its next rung.
    """

    __tablename__ = "alarm"
    __table_args__ = (
        UniqueConstraint("clock_id", name="alarm_clock_id_key"),
        Index("ix_alarm_waiting", "next_at", postgresql_where="next_at is not null"),
        Index("ix_alarm_case", "case_id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    clock_id: UUID
    case_id: UUID
    case_code: str = Field(sa_type=Text)
    ladder: str = Field(sa_type=Text)
    rung: int = Field(default=0, sa_type=BigInteger)  # how many rungs are behind it
    next_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    since: datetime = Field(sa_column=moment())  # rungs that were past before are not called, but for the first
    taken_by: UUID | None = Field(default=None, foreign_key="staff.id")
    taken_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    closed_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))


class AlarmCall(SQLModel, table=True):
    """That one person was called at one rung. `received_at`: said "received"; `taken_at`: said "I take it"; both empty: silent."""

    __tablename__ = "alarm_call"
    __table_args__ = (
        UniqueConstraint("alarm_id", "rung", "staff_id", name="alarm_call_once_key"),
        Index("ix_alarm_call_staff", "staff_id", postgresql_where="received_at is null"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    alarm_id: UUID = Field(foreign_key="alarm.id", index=True)
    rung: int
    who: str = Field(sa_type=Text)
    staff_id: UUID = Field(foreign_key="staff.id")
    at: datetime = Field(sa_column=moment())
    received_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    taken_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))


class CalendarLink(SQLModel, table=True):
    """The secret address of one person's calendar feed. Only its digest is kept; a new one revokes the last."""

    __tablename__ = "calendar_link"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    staff_id: UUID = Field(foreign_key="staff.id", index=True)
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    created_at: datetime = Field(sa_column=moment())
    revoked_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
