"""A closed file as it is written out for the national children's database (30.3).

No official format was found: this one is the product's own, complete and documented, so that whoever runs the national
database can be given all of it and take what theirs holds. docs/national-export.md explains it; its JSON schema is made
from these models.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Secrecy(_Part):
    """What article 24.3 asks of every report."""

    article: Literal["24.3"] = "24.3"
    level: str = Field(description="Mức độ bảo mật")
    scope: str = Field(description="Phạm vi cung cấp: the bodies this file may go to")


class Office(_Part):
    code: str = Field(description="GSO code of the place, or the office's own")
    name: str


class Produced(_Part):
    at: str = Field(description="ISO 8601, UTC")
    by_role: str = Field(description="post of the person who produced it, never a name")
    office: Office


class Answer(_Part):
    field: str = Field(description="id of the question in the edition's data")
    question: str = Field(description="the gazette's wording")
    answer: str | None = Field(description="as it is read on the form, in Vietnamese; null: not answered")
    value: Any = Field(description="the answer as data: text, number, ISO day, ids of options, rows")


class Copy(_Part):
    """A signed copy that came back; the bytes are not part of this file."""

    media_type: str
    size: int = Field(description="bytes")
    sha256: str
    returned_at: str
    signs_version: int


class PrintedPaper(_Part):
    kind: str
    title: str
    state: Literal["issued", "signed"]
    number: str | None = Field(description='as printed: "05/QĐ-UBND"')
    day: str | None = Field(description="ISO day")
    version: int
    version_hash: str = Field(
        description="SHA-256 of the latest version; its first 16 digits stand in the paper's foot"
    )
    signed_copies: list[Copy]


class FiledDocument(_Part):
    form: str
    form_number: str | None = Field(description='"Mẫu số 05"; null for a form of the product')
    title: str
    by_product: bool = Field(description="true where the decree prints no such form")
    article: str
    serial: int = Field(description="first, second … of this form in this case")
    edition: str
    handed_in_at: str
    by_role: str
    answers: list[Answer]
    papers: list[PrintedPaper]


class Limit(_Part):
    """One clock of the law on this case."""

    rule: str
    title: str
    article: str
    started_at: str
    due_at: str
    stopped_at: str | None
    state: str


class CaseSummary(_Part):
    code: str
    edition: str
    state: str
    risk: str
    received_at: str = Field(description="first receipt anywhere, from which the 12 hours counted")
    opened_at: str
    ended_at: str
    province: Office
    responsible: Office
    incident: Office | None
    residence: Office | None


class ClosedFile(_Part):
    """The whole file of one ended case. The reporter is not in it: their identity is kept apart from the case (24.1)."""

    format: Literal["casework-closed-file"] = "casework-closed-file"
    version: Literal[1] = 1
    secrecy: Secrecy
    produced: Produced
    case: CaseSummary
    child: dict[str, Any] = Field(description="latest answer to each question about the child, by datum (child.name …)")
    documents: list[FiledDocument]
    limits: list[Limit]
