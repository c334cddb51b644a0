"""What arrives: reports, calls that are no case, bodies nobody could read, and the keys that make a repeat harmless."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, Column, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from casework.people.models import moment
from casework.vault.cabinet import OFFICE_SCOPE
from casework.vault.columns import Sealed


class Report(SQLModel, table=True):
    """One report about a child. The account itself is the case's Mẫu 01; who reported is sealed here, apart from it."""

    __tablename__ = "report"
    __table_args__ = (Index("ix_report_staff", "staff_id", "recorded_at"), Index("ix_report_recorded", "recorded_at"))

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    code: str = Field(sa_type=Text, unique=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    joined: bool = False  # came to a case that was open already
    received_at: datetime = Field(sa_column=moment())
    recorded_at: datetime = Field(sa_column=moment())
    staff_id: UUID | None = Field(default=None, foreign_key="staff.id")
    client_id: UUID | None = Field(default=None, foreign_key="api_key.id")
    reporter: bytes | None = Field(
        default=None, sa_type=Sealed
    )  # {"name","phone","address","note"}: released to nobody here
    extra: bytes | None = Field(default=None, sa_type=Sealed)  # {"external_id", "as_sent": {...}}
    rev: int = 0

    @property
    def scope_id(self) -> UUID:
        return self.case_id


class ReceivedOnce(SQLModel, table=True):
    """That a client's Idempotency-Key was answered. The answer holds codes and times only, so it may stand in clear."""

    __tablename__ = "received_once"

    client_id: UUID = Field(primary_key=True, foreign_key="api_key.id")
    key_digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    body_digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    status: int = 0
    answer: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    at: datetime = Field(sa_column=moment())


class UnreadReport(SQLModel, table=True):
    """An authenticated body that could not be read as a report: kept whole and sealed until a person has looked at it."""

    __tablename__ = "unread_report"
    __table_args__ = (Index("ix_unread_report_waiting", "received_at", postgresql_where="settled_at is null"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    code: str = Field(sa_type=Text, unique=True)
    client_id: UUID | None = Field(default=None, foreign_key="api_key.id")
    received_at: datetime = Field(sa_column=moment())
    faults: list[Any] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False)
    )  # [{"field","fault"}], no values
    body: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0
    settled_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    settled_by: UUID | None = Field(default=None, foreign_key="staff.id")
    report_id: UUID | None = Field(default=None, foreign_key="report.id")

    @property
    def scope_id(self) -> UUID:
        return OFFICE_SCOPE


class ClosedCall(SQLModel, table=True):
    """A call that was no case (advice, silence, prank, wrong number): counted, nothing about anybody kept."""

    __tablename__ = "closed_call"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    kind: str = Field(sa_type=Text)
    staff_id: UUID = Field(foreign_key="staff.id")
    at: datetime = Field(sa_column=moment())
