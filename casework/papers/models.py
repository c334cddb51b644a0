"""The register of papers: what was issued under which number, what exactly each print held, which signed copy came back."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from casework.people.models import moment
from casework.vault.columns import Sealed


class PaperState(StrEnum):
    DRAFT = "draft-print"  # printed to be read; no number, no day
    ISSUED = "issued"  # has its day, and its number where its kind has one
    SIGNED = "signed"  # the signed copy of the latest version has come back


class Paper(SQLModel, table=True):
    """One paper: a kind, printed from one handed-in form (None: the index of the file).

    The number is given once, when it is issued, and never changes; what is printed under it stands in its versions. A
    signed paper is not changed any more: what replaces it is a paper of its own, with a number of its own.
    """

    __tablename__ = "paper"
    __table_args__ = (
        UniqueConstraint("unit_id", "series", "year", "number"),
        CheckConstraint("(state = 'draft-print') = (issued_at is null)", name="paper_issued_check"),
        CheckConstraint("number is null or issued_at is not null", name="paper_number_check"),
        Index("ix_paper_case", "case_id", "kind"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    kind: str = Field(sa_type=Text)
    document_id: UUID | None = Field(default=None, foreign_key="document.id")
    unit_id: UUID = Field(foreign_key="unit.id")
    state: str = Field(sa_type=Text)
    series: str | None = Field(default=None, sa_type=Text)  # "QĐ-UBND": whose yearly row the number is of
    year: int | None = None
    number: int | None = None
    day: date | None = None
    signer_id: UUID | None = Field(default=None, foreign_key="staff.id")
    replaces_id: UUID | None = Field(default=None, foreign_key="paper.id")
    created_at: datetime = Field(sa_column=moment())
    issued_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))


class PaperVersion(SQLModel, table=True):
    """What one print of a paper held, to the letter: never changed, so that a signed copy can always be compared.

    `content` seals {"hash", "printed", "secrecy", "scope"}. The hash is sealed too: most of a short decision can be
    guessed, and a hash in clear would tell whether a guessed name is the child's.
    """

    __tablename__ = "paper_version"
    __table_args__ = (UniqueConstraint("paper_id", "serial"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    paper_id: UUID = Field(foreign_key="paper.id")
    serial: int
    edition: str = Field(sa_type=Text)
    at: datetime = Field(sa_column=moment())
    made_by: UUID | None = Field(default=None, foreign_key="staff.id")
    content: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0

    @property
    def scope_id(self) -> UUID:
        return self.case_id


class PaperRegister(SQLModel, table=True):
    """The last number an office gave out in a year's register. Its row is the lock under which the next one is given."""

    __tablename__ = "paper_register"

    unit_id: UUID = Field(primary_key=True, foreign_key="unit.id")
    series: str = Field(sa_type=Text, primary_key=True)
    year: int = Field(primary_key=True)
    last: int = 0


class SignedScan(SQLModel, table=True):
    """A signed copy that came back, tied to the version whose hash stands on it. A better scan is a further row."""

    __tablename__ = "signed_scan"
    __table_args__ = (Index("ix_signed_scan_paper", "paper_id", "at"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    paper_id: UUID = Field(foreign_key="paper.id")
    version_id: UUID = Field(foreign_key="paper_version.id")
    file_id: UUID = Field(foreign_key="stored_file.id", unique=True)
    at: datetime = Field(sa_column=moment())
    by: UUID | None = Field(default=None, foreign_key="staff.id")


class CaseExport(SQLModel, table=True):
    """A closed file written out for the national children's database (30.3); the bytes are kept as a file of the case."""

    __tablename__ = "case_export"
    __table_args__ = (Index("ix_case_export_case", "case_id", "at"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    file_id: UUID = Field(foreign_key="stored_file.id", unique=True)
    at: datetime = Field(sa_column=moment())
    by: UUID | None = Field(default=None, foreign_key="staff.id")
