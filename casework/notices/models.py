"""The outbox: an alert is a row written with the change that causes it, and is sent afterwards."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from casework.people.models import moment
from casework.vault.cabinet import OFFICE_SCOPE
from casework.vault.columns import Sealed


class Delivery(StrEnum):
    READY = "ready"
    SENDING = "sending"
    ACCEPTED = "accepted"  # the provider took it; only a person's act in the office counts as seen
    FAILED = "failed"


class Notice(SQLModel, table=True):
    """One SMS to one person. `body` is from the closed list of texts; the phone is sealed."""

    __tablename__ = "notice"
    __table_args__ = (
        Index("ix_notice_waiting", "next_try_at", postgresql_where="state in ('ready', 'sending')"),
        Index("ix_notice_case", "case_id"),
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
    attempt: UUID | None = None  # the fence: only the claimant that wrote it may settle the row
    created_at: datetime = Field(sa_column=moment())
    next_try_at: datetime = Field(sa_column=moment())
    sent_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    provider_id: str | None = Field(default=None, sa_type=Text)
    fault: str | None = Field(default=None, sa_type=Text)  # a code, never the provider's text

    @property
    def scope_id(self) -> UUID:
        return OFFICE_SCOPE
