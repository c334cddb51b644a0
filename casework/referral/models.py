"""A case handed to police or health: what was given, to whom, and what came back."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, Column, Index, Text
from sqlmodel import Field, SQLModel

from casework.people.models import moment
from casework.vault.columns import Sealed


class Referral(SQLModel, table=True):
    """`packet` seals {datum: value}: only the field groups in `shows`, as they stood when the case was referred.

    What the office learns later (a shelter's address above all) reaches the other body only by a further referral.
    """

    __tablename__ = "referral"
    __table_args__ = (Index("ix_referral_to", "to_unit_id", "sent_at"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    case_code: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)  # "police" or "health"
    to_unit_id: UUID = Field(foreign_key="unit.id")
    sent_at: datetime = Field(sa_column=moment())
    sent_by: UUID | None = Field(default=None, foreign_key="staff.id")
    shows: list[Any] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    packet: bytes | None = Field(default=None, sa_type=Sealed)
    reason: bytes | None = Field(default=None, sa_type=Sealed)  # {"reason", "safety", "danger_now"}
    rev: int = 0
    acknowledged_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    answered_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    answer_id: UUID | None = Field(default=None, foreign_key="document.id")

    @property
    def scope_id(self) -> UUID:
        return self.case_id
