"""The key store: one wrapped key per scope, in a schema of its own so that its backups may be kept shorter."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, LargeBinary
from sqlmodel import Field, SQLModel

KEYSTORE = "keystore"


class ScopeKey(SQLModel, table=True):
    """The 256-bit key of one scope (a case, or the office), wrapped by the key `kek_id` of the key file.

    Taking the row away makes everything sealed under the scope unreadable.
    """

    __tablename__ = "scope_key"
    __table_args__ = {"schema": KEYSTORE}

    scope_id: UUID = Field(primary_key=True)
    kek_id: str
    wrapped: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
