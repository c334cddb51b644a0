"""The running clocks of real cases, why one was moved, and the days off that the office adds to the law's.

A clock is a row made with the change that starts it. Its due time is computed once and moves only with a row of
`clock_change` that says why.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Text,
    UniqueConstraint,
    column,
    func,
    table,
    text,
)
from sqlmodel import Field, SQLModel

from casework.people.models import moment
from casework.vault.columns import Sealed


class ClockState(StrEnum):
    RUNNING = "running"
    MET = "met"
    CANCELLED = "cancelled"


class CaseClock(SQLModel, table=True):
    """One cycle of one deadline on one case. `subject_id` tells clocks of the same rule apart (each referral has its own).

    `next_at` is the next moment at which something must happen (a warning, the breach); None when nothing is left to fire.
    `counted` explains the due time: days as [ISO date, counts, why] for working days, else empty.
    `calendar_rev` is the revision of the office's days it was counted with, None where the calendar has no say.
    `set_day` is the last day a form set, where the due time is not the rule's amount.
    `period`: a time to pass, as the rule says, and no limit that could be broken.
    Whatever moves `state`, `due_at` or `period` moves the case's `soonest_at` and `limit_at` (a trigger), so it holds the
    case first or does not wait for it.
    `fence`, `leased_until` and `leased_by` belong to the sweep: how often the row was taken, until when it is taken (the
    database's own time), and by which of the database's sessions.
    """

    __tablename__ = "case_clock"
    __table_args__ = (
        UniqueConstraint("case_id", "rule", "cycle"),
        Index("ix_case_clock_waiting", "next_at", postgresql_where="state = 'running' and next_at is not null"),
        Index("ix_case_clock_due", "owner_unit_id", "due_at", postgresql_where="state = 'running'"),
        Index("ix_case_clock_province", "province_id", "due_at", postgresql_where="state = 'running'"),
        Index(
            "ix_case_clock_calendar",
            "calendar_rev",
            postgresql_where="state = 'running' and calendar_rev is not null",
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
    set_day: date | None = None
    period: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    calendar_rev: int | None = Field(default=None, sa_type=BigInteger)
    fence: int = Field(default=0, sa_type=BigInteger)
    leased_until: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    leased_by: int | None = None


CASES = table("case_file", column("id"))  # the room of cases lies above this one: enough of its table to hold a row


class ClockEffect(SQLModel, table=True):
    """That a clock's warning or breach has happened. Its key makes each happen once, whatever crashes."""

    __tablename__ = "clock_effect"

    clock_id: UUID = Field(primary_key=True, foreign_key="case_clock.id")
    effect: str = Field(sa_type=Text, primary_key=True)  # "warning:<ISO instant>" or "breach:<ISO due time>"
    at: datetime = Field(sa_column=moment())


class MissedMessage(SQLModel, table=True):
    """What a clock fired long after its moment has still to tell a post: gathered until the backlog is fired, then gone.

    `else_role` and `else_unit_id` are the post next up, which hears it where nobody holds the first. `at` is the
    database's time.
    """

    __tablename__ = "missed_message"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    clock_id: UUID = Field(foreign_key="case_clock.id")
    text_id: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    unit_id: UUID
    else_role: str | None = Field(default=None, sa_type=Text)
    else_unit_id: UUID | None = None
    at: datetime = Field(
        default=None, sa_column=Column(moment().type, nullable=False, server_default=func.clock_timestamp())
    )


class ChangeKind(StrEnum):
    CALENDAR = "calendar"  # the office's days changed
    EDITION = "edition"  # the case was moved to another edition of the law
    EXTENSION = "extension"  # a person who may has set a later last day (32.3)


class ClockChange(SQLModel, table=True):
    """Why a running clock's due time moved. `reason` is a person's words and sealed under the case's key.

    A change of the calendar has no words of its own: it is explained by the days changed after `from_rev`, up to
    `to_rev`. `breached_at` is the breach that the old due time had already had, which stays recorded here.
    """

    __tablename__ = "clock_change"
    # No foreign key to the case: inserting would wait for whoever acts on the case, who may wait for this clock.
    __table_args__ = (Index("ix_clock_change_case", "case_id", "at"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    clock_id: UUID = Field(foreign_key="case_clock.id")
    case_id: UUID
    kind: str = Field(sa_type=Text)
    at: datetime = Field(sa_column=moment())
    old_due: datetime = Field(sa_column=moment())
    new_due: datetime = Field(sa_column=moment())
    breached_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    from_rev: int | None = Field(default=None, sa_type=BigInteger)
    to_rev: int | None = Field(default=None, sa_type=BigInteger)
    reason: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0

    @property
    def scope_id(self) -> UUID:
        return self.case_id


class CalendarDay(SQLModel, table=True):
    """A day the office has set apart from the law's own list: "off", or "make-up" for one on which it works after all.

    Adding or removing days is one edit with one number: `added_rev` and `removed_rev` count the edits from 1. A day taken
    back stays as a row, so that a clock it once moved can still be explained.
    """

    __tablename__ = "calendar_day"
    __table_args__ = (
        CheckConstraint("kind in ('off', 'make-up')", name="calendar_day_kind_check"),
        Index("ix_calendar_day_kept", "day", unique=True, postgresql_where="removed_rev is null"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    day: date
    kind: str = Field(sa_type=Text)
    title: str = Field(sa_type=Text)
    source: str = Field(sa_type=Text)
    added_rev: int = Field(sa_type=BigInteger)
    added_at: datetime = Field(sa_column=moment())
    added_by: UUID | None = Field(default=None, foreign_key="staff.id")
    removed_rev: int | None = Field(default=None, sa_type=BigInteger)
    removed_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    removed_by: UUID | None = Field(default=None, foreign_key="staff.id")
