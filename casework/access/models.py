"""Who is kept from a case, who was let in for a time, and the acts that need two persons.

Rows are never deleted, and the application's database role may not: an exclusion, a grant or an act is ended by writing
who ended it and when.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, CheckConstraint, Column, Index, Text
from sqlmodel import Field, SQLModel

from casework.people.models import moment
from casework.vault.cabinet import OFFICE_SCOPE
from casework.vault.columns import Sealed


class CaseExclusion(SQLModel, table=True):
    """A unit or a person to whom a case does not exist, from `made_at` until `ended_at`. It beats every rule and grant.

    Making one takes effect at once; ending one needs two persons (`ended_by`, and the act that says who agreed).
    `reason` seals {"reason"}.
    """

    __tablename__ = "case_exclusion"
    __table_args__ = (
        CheckConstraint("num_nonnulls(unit_id, staff_id) = 1", name="case_exclusion_one_check"),
        Index("ix_case_exclusion_case", "case_id", postgresql_where="ended_at is null"),
        Index("ix_case_exclusion_unit", "unit_id", "case_id", unique=True, postgresql_where="ended_at is null"),
        Index("ix_case_exclusion_staff", "staff_id", "case_id", unique=True, postgresql_where="ended_at is null"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    unit_id: UUID | None = Field(default=None, foreign_key="unit.id")
    staff_id: UUID | None = Field(default=None, foreign_key="staff.id")
    reason: bytes | None = Field(default=None, sa_type=Sealed)
    made_at: datetime = Field(sa_column=moment())
    made_by: UUID | None = Field(default=None, foreign_key="staff.id")  # None: the office itself, at intake
    confirmed_by: UUID | None = Field(default=None, foreign_key="staff.id")
    ended_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    ended_by: UUID | None = Field(default=None, foreign_key="staff.id")
    rev: int = 0

    @property
    def scope_id(self) -> UUID:
        return self.case_id


class CaseGrant(SQLModel, table=True):
    """A unit or a person let into one case, for some field groups and one purpose, from `starts_at` until `expires_at`.

    `groups` names field groups of the law's data. `kind` is "grant", or "break-glass" for one a person gave themselves.
    `reason` seals {"reason"}.
    """

    __tablename__ = "case_grant"
    __table_args__ = (
        CheckConstraint("num_nonnulls(unit_id, staff_id) = 1", name="case_grant_one_check"),
        CheckConstraint("kind in ('grant', 'break-glass')", name="case_grant_kind_check"),
        CheckConstraint("expires_at > starts_at", name="case_grant_span_check"),
        Index("ix_case_grant_case", "case_id"),
        Index("ix_case_grant_unit", "unit_id", "expires_at", postgresql_where="revoked_at is null"),
        Index("ix_case_grant_staff", "staff_id", "expires_at", postgresql_where="revoked_at is null"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    unit_id: UUID | None = Field(default=None, foreign_key="unit.id")
    staff_id: UUID | None = Field(default=None, foreign_key="staff.id")
    kind: str = Field(default="grant", sa_type=Text)
    groups: list[Any] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    purpose: str = Field(sa_type=Text)
    actions: str = Field(default="read", sa_type=Text)
    starts_at: datetime = Field(sa_column=moment())
    expires_at: datetime = Field(sa_column=moment())
    revoked_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    granted_by: UUID | None = Field(default=None, foreign_key="staff.id")
    reason: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0

    @property
    def scope_id(self) -> UUID:
        return self.case_id


class TwoPersonAct(SQLModel, table=True):
    """An act that one person proposes and another decides; nothing is done before.

    `outcome` is None while it waits, then done, refused, withdrawn (by the proposer) or expired. `object_id` is what the
    act is about besides the case (an exclusion, an account). `payload` seals what will be done.
    """

    __tablename__ = "two_person_act"
    __table_args__ = (
        CheckConstraint(
            "(outcome is null) = (decided_at is null)"
            " and (outcome is null or outcome in ('done', 'refused', 'withdrawn', 'expired'))",
            name="two_person_act_outcome_check",
        ),
        CheckConstraint(
            "outcome is null or outcome in ('withdrawn', 'expired')"
            " or (decided_by is not null and decided_by <> proposed_by)",
            name="two_person_act_two_check",
        ),
        Index("ix_two_person_act_waiting", "expires_at", postgresql_where="outcome is null"),
        Index("ix_two_person_act_case", "case_id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    kind: str = Field(sa_type=Text)
    case_id: UUID | None = Field(default=None, foreign_key="case_file.id")
    object_id: UUID | None = None
    payload: bytes | None = Field(default=None, sa_type=Sealed)
    proposed_by: UUID = Field(foreign_key="staff.id")
    proposed_at: datetime = Field(sa_column=moment())
    decided_by: UUID | None = Field(default=None, foreign_key="staff.id")
    decided_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    outcome: str | None = Field(default=None, sa_type=Text)
    expires_at: datetime = Field(sa_column=moment())
    rev: int = 0

    @property
    def scope_id(self) -> UUID:
        return self.case_id or OFFICE_SCOPE
