"""A collaborator's own telephone as a way in, and an account's name at the office's identity provider."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Column, Index, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from casework.people.models import moment


class Phone(SQLModel, table=True):
    """A telephone that may sign one person in, with its PIN. Its token and the PIN are two factors; either alone is none.

    `wrong` counts wrong PINs in a row. `revoked_why` is "pin", "lost", "replaced", "own" or "account".
    """

    __tablename__ = "phone"
    __table_args__ = (Index("ix_phone_staff", "staff_id", postgresql_where="revoked_at is null"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    staff_id: UUID = Field(foreign_key="staff.id")
    token_digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    pin_hash: str = Field(sa_type=Text)
    wrong: int = 0
    agent: str = Field(sa_type=Text)
    made_at: datetime = Field(sa_column=moment())
    made_by: UUID = Field(foreign_key="staff.id")
    last_used_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    revoked_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    revoked_by: UUID | None = Field(default=None, foreign_key="staff.id")
    revoked_why: str | None = Field(default=None, sa_type=Text)


class PhoneCode(SQLModel, table=True):
    """A code told once, with which a collaborator makes a telephone theirs. Used once, and soon, or not at all."""

    __tablename__ = "phone_code"
    __table_args__ = (Index("ix_phone_code_staff", "staff_id"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    staff_id: UUID = Field(foreign_key="staff.id")
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    made_at: datetime = Field(sa_column=moment())
    made_by: UUID = Field(foreign_key="staff.id")
    expires_at: datetime = Field(sa_column=moment())
    used_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))


class OidcLink(SQLModel, table=True):
    """Whose account a subject of the identity provider signs in to. An administrator proposes it; until its owner agrees
    (`confirmed_at`) it opens nothing. `subject_digest` is keyed: who has an account there is nobody's business."""

    __tablename__ = "oidc_link"
    __table_args__ = (
        UniqueConstraint("subject_digest", name="oidc_link_subject_digest_key"),
        UniqueConstraint("staff_id", name="oidc_link_staff_id_key"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    staff_id: UUID = Field(foreign_key="staff.id")
    subject_digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    made_at: datetime = Field(sa_column=moment())
    made_by: UUID = Field(foreign_key="staff.id")
    confirmed_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))


class OidcFlow(SQLModel, table=True):
    """Somebody has been sent to the identity provider and is expected back. Taken away by their return: no answer counts
    twice. What is secret about it is derived from the state, which is not kept."""

    __tablename__ = "oidc_flow"

    state_digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    target: str = Field(sa_type=Text)
    expires_at: datetime = Field(sa_column=moment())
