"""Suspected leaks of personal data, the moments by which something must have happened, and what was done about them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from casework.people.models import moment
from casework.vault.cabinet import OFFICE_SCOPE
from casework.vault.columns import Sealed


class Incident(SQLModel, table=True):
    """A suspected leak. Its hours count from `detected_at`, when somebody first noticed, not from when it was written down.

    `description` is the words of whoever noticed it, sealed under the office's key: an incident is no case. `filed_at` is
    when the notice to the authority was written down as sent, which stops the hours.
    """

    __tablename__ = "incident"
    __table_args__ = (Index("ix_incident_province", "province_id", "opened_at"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    code: str = Field(sa_type=Text, unique=True)
    province_id: UUID = Field(foreign_key="unit.id")
    detected_at: datetime = Field(sa_column=moment())
    opened_at: datetime = Field(sa_column=moment())
    opened_by: UUID = Field(foreign_key="staff.id")
    description: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0
    filed_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    closed_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    closed_by: UUID | None = Field(default=None, foreign_key="staff.id")

    @property
    def scope_id(self) -> UUID:
        return OFFICE_SCOPE


class IncidentNotice(SQLModel, table=True):
    """The notice to the authority as somebody wrote it: a draft until they confirm it, and never changed afterwards; what is
    changed then is the next one. `content` seals {field of notice.toml: text}."""

    __tablename__ = "incident_notice"
    __table_args__ = (UniqueConstraint("incident_id", "serial", name="incident_notice_serial_key"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    incident_id: UUID = Field(foreign_key="incident.id")
    serial: int
    content: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0
    at: datetime = Field(sa_column=moment())
    by: UUID | None = Field(default=None, foreign_key="staff.id")
    confirmed_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    confirmed_by: UUID | None = Field(default=None, foreign_key="staff.id")

    @property
    def scope_id(self) -> UUID:
        return OFFICE_SCOPE


class IncidentMark(SQLModel, table=True):
    """One moment of an incident's hours: it fires once, or is dropped because what it would ask for has been done."""

    __tablename__ = "incident_mark"
    __table_args__ = (
        Index("ix_incident_mark_waiting", "due_at", postgresql_where="fired_at is null and dropped_at is null"),
    )

    incident_id: UUID = Field(primary_key=True, foreign_key="incident.id")
    hours: int = Field(primary_key=True)
    due_at: datetime = Field(sa_column=moment())
    fired_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    dropped_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))


class EntryKind(StrEnum):
    STEP = "step"  # one of the steps of incidents.toml is done
    TOLD = "told"  # somebody was told, in words
    NOTE = "note"
    CLOSED = "closed"  # with the reason


class IncidentEntry(SQLModel, table=True):
    """Something done about an incident; never changed afterwards. `words` is sealed."""

    __tablename__ = "incident_entry"
    __table_args__ = (Index("ix_incident_entry_incident", "incident_id", "at"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    incident_id: UUID = Field(foreign_key="incident.id")
    at: datetime = Field(sa_column=moment())
    by: UUID | None = Field(default=None, foreign_key="staff.id")
    kind: str = Field(sa_type=Text)
    step: str | None = Field(default=None, sa_type=Text)
    words: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0

    @property
    def scope_id(self) -> UUID:
        return OFFICE_SCOPE
