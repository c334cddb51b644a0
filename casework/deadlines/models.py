"""The running clocks of real cases. A clock is a row made with the change that starts it; the due time is computed once."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from casework.people.models import moment


class ClockState(StrEnum):
    RUNNING = "running"
    MET = "met"
    CANCELLED = "cancelled"


class CaseClock(SQLModel, table=True):
    """One cycle of one deadline on one case. `subject_id` tells clocks of the same rule apart (each referral has its own).

    `next_at` is the next moment at which something must happen (a warning, the breach); None when nothing is left to fire.
    `counted` explains the due time: days as [ISO date, counts, why] for working days, else empty.
    """

    __tablename__ = "case_clock"
    __table_args__ = (
        UniqueConstraint("case_id", "rule", "cycle"),
        Index("ix_case_clock_waiting", "next_at", postgresql_where="state = 'running' and next_at is not null"),
        Index("ix_case_clock_due", "owner_unit_id", "due_at", postgresql_where="state = 'running'"),
        # Carries what the lists of cases ask of every running clock, so that they need not visit the rows.
        Index(
            "ix_case_clock_province",
            "province_id",
            "due_at",
            postgresql_where="state = 'running'",
            postgresql_include=["case_id", "rule"],
        ),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    case_code: str = Field(sa_type=Text)
    rule: str = Field(sa_type=Text)
    cycle: int = 1
    edition: str = Field(sa_type=Text)
    subject_id: UUID | None = None
    owner_unit_id: UUID = Field(foreign_key="unit.id")
    province_id: UUID = Field(foreign_key="unit.id")
    state: str = Field(default=ClockState.RUNNING.value, sa_type=Text)
    started_at: datetime = Field(sa_column=moment())
    due_at: datetime = Field(sa_column=moment())
    warn_at: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))  # ISO instants left
    counted: list[Any] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    next_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    breached_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    stopped_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))


class ClockEffect(SQLModel, table=True):
    """That a clock's warning or breach has happened. Its key makes each happen once, whatever crashes."""

    __tablename__ = "clock_effect"

    clock_id: UUID = Field(primary_key=True, foreign_key="case_clock.id")
    effect: str = Field(sa_type=Text, primary_key=True)  # "warning:<ISO instant>" or "breach"
    at: datetime = Field(sa_column=moment())
