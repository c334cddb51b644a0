"""A case, its documents, its hand-overs between communes, and the drafts people are still writing."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from casework.people.models import moment
from casework.vault.columns import Sealed


class Case(SQLModel, table=True):
    """One child's case. Clear: what the clocks and the queues need. Everything a child could be known by is in `facts`.

    `facts` seals {datum: {"value", "form", "at"}}: each datum's latest answer, where it was asked and when.
    `state` is written by `cases.service` alone (a whole-building test holds that).
    `soonest_at`, `limit_at`: when the soonest of its running clocks, and of those that are limits, is due; None where none
    runs. The database keeps them with the clocks; nobody else writes them.
    """

    __tablename__ = "case_file"
    __table_args__ = (
        Index("ix_case_file_responsible", "responsible_unit_id", "state"),
        Index("ix_case_file_incident", "incident_unit_id"),
        Index("ix_case_file_province", "province_id", "state"),
        Index("ix_case_file_opened", "province_id", "received_at"),
        # The order of the lists.
        Index("ix_case_file_soonest", "province_id", "soonest_at", text("received_at desc"), "id"),
        Index("ix_case_file_limit", "province_id", "limit_at"),  # what is late, or soon will be
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    code: str = Field(sa_type=Text, unique=True)
    state: str = Field(sa_type=Text)
    risk: str = Field(sa_type=Text)
    edition: str = Field(sa_type=Text)
    received_at: datetime = Field(sa_column=moment())  # the first receipt anywhere: the 12 hours count from here
    opened_at: datetime = Field(sa_column=moment())
    changed_at: datetime = Field(sa_column=moment())
    incident_unit_id: UUID | None = Field(default=None, foreign_key="unit.id")
    residence_unit_id: UUID | None = Field(default=None, foreign_key="unit.id", index=True)
    responsible_unit_id: UUID = Field(foreign_key="unit.id")
    province_id: UUID = Field(foreign_key="unit.id")
    soonest_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    limit_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    facts: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0

    @property
    def scope_id(self) -> UUID:
        return self.id


class NameBucket(SQLModel, table=True):
    """A coarse keyed digest of a child's name, to find candidates without a name in the database.

    So coarse that many names share a bucket: a hit is opened and compared, never believed.
    """

    __tablename__ = "name_bucket"
    __table_args__ = (Index("ix_name_bucket", "bucket"),)

    case_id: UUID = Field(primary_key=True, foreign_key="case_file.id")
    bucket: int = Field(primary_key=True)


class Document(SQLModel, table=True):
    """A filled form, as it was handed in. Never changed afterwards: a correction is a further document."""

    __tablename__ = "document"
    __table_args__ = (UniqueConstraint("case_id", "form", "serial"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    form: str = Field(sa_type=Text)
    edition: str = Field(sa_type=Text)
    serial: int = 1  # first, second … of this form in this case
    action: str = Field(sa_type=Text)
    author_id: UUID | None = Field(default=None, foreign_key="staff.id")
    author_role: str = Field(sa_type=Text)
    at: datetime = Field(sa_column=moment())
    content: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0

    @property
    def scope_id(self) -> UUID:
        return self.case_id


class HandOver(SQLModel, table=True):
    """A case offered to another commune of the province, or given to it by the province.

    `answer` is None while the offer stands, then accepted, refused, decided (by the province) or lapsed (the case ended).
    `letter` seals {"age_band", "reason", "outstanding"}: all that the other commune sees before it accepts.
    """

    __tablename__ = "hand_over"
    __table_args__ = (
        Index("ix_hand_over_case", "case_id", "offered_at"),
        Index("ix_hand_over_to", "to_unit_id", postgresql_where="answer is null"),
        # Two pressing at once make one offer.
        Index("ix_hand_over_open", "case_id", unique=True, postgresql_where="answer is null"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    case_code: str = Field(sa_type=Text)
    from_unit_id: UUID = Field(foreign_key="unit.id")
    to_unit_id: UUID = Field(foreign_key="unit.id")
    offered_at: datetime = Field(sa_column=moment())
    offered_by: UUID | None = Field(default=None, foreign_key="staff.id")
    answer: str | None = Field(default=None, sa_type=Text)
    answered_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    letter: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0

    @property
    def scope_id(self) -> UUID:
        return self.case_id


class Draft(SQLModel, table=True):
    """What one person has typed on one page and not handed in. Sealed under the case, or under the person if there is none."""

    __tablename__ = "draft"
    __table_args__ = (Index("ix_draft_page", "staff_id", "page", "scope_id", unique=True),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    staff_id: UUID = Field(foreign_key="staff.id")
    page: str = Field(sa_type=Text)  # "action:submit-plan", "intake", "report"
    scope_id: UUID = Field()
    saved_at: datetime = Field(sa_column=moment())
    content: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0
