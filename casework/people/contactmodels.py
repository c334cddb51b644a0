"""Whom to call at a neighbouring body: police, a health station, a school, a social work centre, the hotline."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Index, Text
from sqlmodel import Field, SQLModel

from casework.vault.cabinet import OFFICE_SCOPE
from casework.vault.columns import Sealed


class Body(StrEnum):
    """In the order in which they are shown: who is called first when a child is in danger."""

    POLICE = "police"
    HEALTH = "health"
    HOTLINE = "hotline"
    SOCIAL_WORK = "social-work"
    SCHOOL = "school"
    OTHER = "other"


class Contact(SQLModel, table=True):
    """One telephone of a body that serves a place: `unit_id` is that commune or province, or the hotline for all the country.

    `person` seals {"name", "phone"}: a stolen dump must not be a directory. `post` is a title, never a name.
    """

    __tablename__ = "contact"
    __table_args__ = (
        CheckConstraint(
            "body in ('police', 'health', 'hotline', 'social-work', 'school', 'other')", name="contact_body_check"
        ),
        Index("ix_contact_place", "unit_id", "body"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    unit_id: UUID = Field(foreign_key="unit.id")
    body: str = Field(sa_type=Text)
    post: str = Field(sa_type=Text)
    hours: str = Field(default="", sa_type=Text)  # as the file says it: "24/24", "7:30–17:00, thứ 2–6"
    person: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0

    @property
    def scope_id(self) -> UUID:
        return OFFICE_SCOPE
