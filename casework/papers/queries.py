"""Read-only sight of a case's papers: what can be printed, what was issued, which signed copies came back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlmodel import col, select

from casework.cases.models import Case, Document
from casework.cases.queries import documents_of
from casework.errors import NotFound
from casework.files.models import StoredFile
from casework.law.papers import PaperKind
from casework.papers.models import CaseExport, Paper, PaperState, PaperVersion, SignedScan
from casework.papers.rules import FILE_INDEX
from casework.work import Work

T = TypeVar("T", PaperVersion, SignedScan)


@dataclass(frozen=True)
class Line:
    """One line of a case's papers: a kind and the form it is printed from, and the paper, if there is one yet.

    `versions` and `scans` are oldest first; the last version is the one that is printed now.
    """

    kind: PaperKind
    document: Document | None
    paper: Paper | None = None
    versions: Sequence[PaperVersion] = ()
    scans: Sequence[SignedScan] = ()

    @property
    def serial(self) -> int:
        return self.document.serial if self.document else 1

    @property
    def issued(self) -> bool:
        return self.paper is not None and self.paper.state != PaperState.DRAFT

    @property
    def version(self) -> PaperVersion | None:
        return self.versions[-1] if self.versions else None

    @property
    def signed(self) -> SignedScan | None:
        """The newest signed copy of what is printed now."""
        now = self.version
        return next((one for one in reversed(self.scans) if now is not None and one.version_id == now.id), None)


def lines_of(work: Work, case: Case) -> list[Line]:
    """Everything that can be printed of a case, newest form first and the file's index last. Four queries."""
    law = work.law_for(case.edition)
    shelf = _shelf(work, case)
    sources: list[tuple[PaperKind, Document | None]] = [
        (kind, document)
        for document in reversed(documents_of(work, case.id))
        for kind in law.papers.values()
        if kind.form == document.form
    ]
    if FILE_INDEX in law.papers:
        sources.append((law.papers[FILE_INDEX], None))
    return [shelf.line(kind, document) for kind, document in sources]


def replaced_lines(work: Work, case: Case) -> list[Line]:
    """Signed papers that a later one has taken the place of, newest first: they and their signed copies stay."""
    law, shelf = work.law_for(case.edition), _shelf(work, case)
    documents = {document.id: document for document in documents_of(work, case.id)}
    return [
        shelf.line(law.papers[paper.kind], documents.get(paper.document_id) if paper.document_id else None, paper)
        for paper in reversed(shelf.replaced)
    ]


def line_of(work: Work, case: Case, kind: str, serial: int | None = None) -> Line:
    """The line of one kind: of the `serial`-th form of its kind, or of the latest. Raises NotFound."""
    for line in lines_of(work, case):
        if line.kind.id == kind and serial in (None, line.serial):
            return line
    raise NotFound


def version_content(work: Work, version: PaperVersion) -> dict[str, Any]:
    """{"hash", "printed", "secrecy"} of one version."""
    opened: dict[str, Any] = work.open(version, "content")
    return opened


def find_scan(work: Work, case: Case, scan_id: UUID) -> tuple[SignedScan, Paper, StoredFile]:
    """A signed copy of this case. Raises NotFound for one of another case as for none at all."""
    scan = work.session.get(SignedScan, scan_id)
    if scan is None or scan.case_id != case.id:
        raise NotFound
    return scan, work.session.get_one(Paper, scan.paper_id), work.session.get_one(StoredFile, scan.file_id)


def exports_of(work: Work, case: Case) -> list[tuple[CaseExport, StoredFile]]:
    """What was written out of a case for the national database, newest first."""
    rows = work.session.exec(
        select(CaseExport, StoredFile)
        .join(StoredFile, col(StoredFile.id) == col(CaseExport.file_id))
        .where(CaseExport.case_id == case.id)
        .order_by(col(CaseExport.at).desc())
    )
    return [(export, stored) for export, stored in rows]


def find_export(work: Work, case: Case, export_id: UUID) -> tuple[CaseExport, StoredFile]:
    """Raises NotFound for one of another case as for none at all."""
    export = work.session.get(CaseExport, export_id)
    if export is None or export.case_id != case.id:
        raise NotFound
    return export, work.session.get_one(StoredFile, export.file_id)


@dataclass(frozen=True)
class _Shelf:
    """The papers of a case by what they are printed from, with their versions and signed copies."""

    current: Mapping[tuple[str, UUID | None], Paper]
    replaced: Sequence[Paper]
    versions: Mapping[UUID, Sequence[PaperVersion]]
    scans: Mapping[UUID, Sequence[SignedScan]]

    def line(self, kind: PaperKind, document: Document | None, paper: Paper | None = None) -> Line:
        paper = paper or self.current.get((kind.id, document.id if document else None))
        if paper is None:
            return Line(kind, document)
        return Line(kind, document, paper, self.versions.get(paper.id, ()), self.scans.get(paper.id, ()))


def _shelf(work: Work, case: Case) -> _Shelf:
    papers = work.session.exec(
        select(Paper).where(Paper.case_id == case.id).order_by(col(Paper.created_at), col(Paper.id))
    ).all()
    versions = work.session.exec(
        select(PaperVersion).where(PaperVersion.case_id == case.id).order_by(col(PaperVersion.serial))
    )
    scans = work.session.exec(
        select(SignedScan).where(SignedScan.case_id == case.id).order_by(col(SignedScan.at), col(SignedScan.id))
    )
    gone = {paper.replaces_id for paper in papers}
    return _Shelf(
        current={(paper.kind, paper.document_id): paper for paper in papers if paper.id not in gone},
        replaced=[paper for paper in papers if paper.id in gone],
        versions=_by_paper(versions),
        scans=_by_paper(scans),
    )


def _by_paper(rows: Iterable[T]) -> dict[UUID, list[T]]:
    found: dict[UUID, list[T]] = {}
    for row in rows:
        found.setdefault(row.paper_id, []).append(row)
    return found
