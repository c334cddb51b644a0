"""The trail's two tables. Rows are only added: triggers refuse the rest, and the chain shows what got past them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, LargeBinary
from sqlmodel import Field, SQLModel

from casework.vault.cabinet import OFFICE_SCOPE
from casework.vault.columns import Sealed


class AuditEntry(SQLModel, table=True):
    """One thing that happened: who, when, what, to which object; opaque ids and names of fields, never values.

    `seq` runs from 1 without gaps in the order of commits. `at` (UTC) is the `now` of the work, so it may run a little
    out of order. `reason` is free text and sealed under the case's key (the office's, if there is no case); the chain
    covers its ciphertext, so it still verifies after that key is erased. `rev` is 1 with a reason, else 0.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        CheckConstraint("result in ('done', 'refused')", name="audit_entry_result"),
        Index("audit_entry_case", "case_id", "seq"),
        Index("audit_entry_at", "at"),
        Index("audit_entry_tag", "tag", "at"),
        Index("audit_entry_actor", "actor_id", "seq"),
    )

    seq: int = Field(default=0, primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    id: UUID = Field(default_factory=uuid4, unique=True)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    actor_id: UUID | None = None
    actor_role: str
    unit_id: UUID | None = None
    tag: str
    case_id: UUID | None = None
    object_type: str | None = None
    object_id: UUID | None = None
    result: str = "done"
    fields: str = "[]"  # JSON list of field names
    request_id: str = ""
    rev: int = 0
    reason: bytes | None = Field(default=None, sa_type=Sealed)
    prev_hash: bytes = Field(default=b"", sa_type=LargeBinary)
    hash: bytes = Field(default=b"", sa_type=LargeBinary)

    @property
    def scope_id(self) -> UUID:
        return self.case_id or OFFICE_SCOPE


class AuditCheckpoint(SQLModel, table=True):
    """A signed statement: after `size` entries the chain's head was `head`. Names the checkpoint before it."""

    __tablename__ = "audit_checkpoint"

    id: int = Field(default=0, primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=DateTime(timezone=True))
    size: int = Field(sa_type=BigInteger, unique=True)
    head: bytes = Field(sa_type=LargeBinary)
    previous: bytes = Field(sa_type=LargeBinary)
    fingerprint: str
    signature: bytes = Field(sa_type=LargeBinary)


APPEND_ONLY = ("audit_entry", "audit_checkpoint")

APPEND_ONLY_DDL = [
    """create or replace function audit_append_only() returns trigger language plpgsql as $$
begin
    raise exception using message = tg_table_name || ' is append-only', errcode = 'insufficient_privilege';
end $$""",
    *(
        statement
        for table in APPEND_ONLY
        for statement in (
            f"create trigger {table}_rows_stay before update or delete on {table}"
            " for each row execute function audit_append_only()",
            f"create trigger {table}_stays before truncate on {table}"
            " for each statement execute function audit_append_only()",
        )
    ),
]
