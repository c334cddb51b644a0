"""What watching over the watchers needs in rows: reviews of emergency openings, and which cases a person has read lately."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from casework.people.models import moment
from casework.vault.columns import Sealed


class BreakGlassReview(SQLModel, table=True):
    """Another person's verdict on one emergency opening (a `case_grant` of that kind). `note` seals {"note"}."""

    __tablename__ = "break_glass_review"

    grant_id: UUID = Field(primary_key=True, foreign_key="case_grant.id")
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    reviewed_by: UUID = Field(foreign_key="staff.id")
    reviewed_at: datetime = Field(sa_column=moment())
    justified: bool
    note: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0

    @property
    def id(self) -> UUID:
        return self.grant_id

    @property
    def scope_id(self) -> UUID:
        return self.case_id


class CaseSeen(SQLModel, table=True):
    """When a person last read content of a case: what read budgets are counted from. Who has seen a case is the trail's."""

    __tablename__ = "case_seen"
    __table_args__ = (Index("ix_case_seen_lately", "staff_id", "at"),)

    staff_id: UUID = Field(primary_key=True, foreign_key="staff.id")
    case_id: UUID = Field(primary_key=True, foreign_key="case_file.id")
    at: datetime = Field(sa_column=moment())
