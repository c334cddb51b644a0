"""Files of a case: what they are is clear, everything in and about them is sealed under the case's own key."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from casework.people.models import moment
from casework.vault.columns import Sealed


class StoredFile(SQLModel, table=True):
    """One file as it is kept. Added once, never changed and never taken away: a better copy is a further file.

    `about` seals {"name", "sha256"}: the name it was sent under may be a child's, and a digest in clear would tell whoever
    holds a copy that this is it.
    """

    __tablename__ = "stored_file"
    __table_args__ = (Index("ix_stored_file_case", "case_id", "at"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    kind: str = Field(sa_type=Text)  # "signed-scan", "national-export"
    media_type: str = Field(sa_type=Text)
    size: int  # bytes
    chunks: int
    uploaded_by: UUID | None = Field(default=None, foreign_key="staff.id")
    at: datetime = Field(sa_column=moment())
    about: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0

    @property
    def scope_id(self) -> UUID:
        return self.case_id


class FileChunk(SQLModel, table=True):
    """A piece of a file. Its id is made of the file's id and its place, and the seal is bound to the id: a piece that is
    moved, swapped or put into another file does not open."""

    __tablename__ = "file_chunk"
    __table_args__ = (UniqueConstraint("file_id", "place"),)

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    file_id: UUID = Field(foreign_key="stored_file.id")
    place: int
    content: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0

    @property
    def scope_id(self) -> UUID:
        return self.case_id
