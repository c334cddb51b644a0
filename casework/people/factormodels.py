"""What a person proves at the door besides the password: passkeys, an authenticator application's codes, recovery codes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Column, LargeBinary, Text
from sqlmodel import Field, SQLModel

from casework.people.models import moment
from casework.vault.cabinet import OFFICE_SCOPE
from casework.vault.columns import Sealed


class Passkey(SQLModel, table=True):
    """A WebAuthn credential. `name` seals what its owner calls it.

    `suspect_at`: its counter went back, as a copied authenticator's would; it opens nothing from then on.
    """

    __tablename__ = "passkey"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    staff_id: UUID = Field(foreign_key="staff.id", index=True)
    credential_id: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    public_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sign_count: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    name: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0
    made_at: datetime = Field(sa_column=moment())
    last_used_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    suspect_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    closed_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))

    @property
    def scope_id(self) -> UUID:
        return OFFICE_SCOPE


class Totp(SQLModel, table=True):
    """An authenticator application's seed (RFC 6238). Until `confirmed_at` it opens nothing.

    `last_step` is the newest 30-second step whose code was taken: no code of it or of an earlier one is taken again.
    """

    __tablename__ = "totp"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    staff_id: UUID = Field(foreign_key="staff.id", index=True)
    seed: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0
    last_step: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    made_at: datetime = Field(sa_column=moment())
    confirmed_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))

    @property
    def scope_id(self) -> UUID:
        return OFFICE_SCOPE


class RecoveryCode(SQLModel, table=True):
    """One of the codes shown once on paper. Only its keyed digest is kept, and when it was used."""

    __tablename__ = "recovery_code"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    staff_id: UUID = Field(foreign_key="staff.id", index=True)
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    made_at: datetime = Field(sa_column=moment())
    used_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))


class SignInChallenge(SQLModel, table=True):
    """A question that is open for a few minutes: which factor answers it, of whom (None: whoever's passkey it is).

    It is taken away by the answer that is right, so that no answer counts twice.
    """

    __tablename__ = "sign_in_challenge"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    token_digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    staff_id: UUID | None = Field(default=None, foreign_key="staff.id", index=True)
    purpose: str = Field(sa_type=Text)
    challenge: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    tries: int = 0
    expires_at: datetime = Field(sa_column=moment())


class CodeFailures(SQLModel, table=True):
    """Wrong codes of one person since the last right answer, over all challenges. Passkeys are neither counted nor stopped."""

    __tablename__ = "code_failures"

    staff_id: UUID = Field(primary_key=True, foreign_key="staff.id")
    failures: int = 0
    latest_at: datetime = Field(sa_column=moment())
