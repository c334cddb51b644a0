"""Read-only sight of a case's papers: what can be printed, what was issued, which signed copies came back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
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
    papers = _by_source(_papers(work, case))
    versions = _grouped(
        work.session.exec(
            select(PaperVersion).where(PaperVersion.case_id == case.id).order_by(col(PaperVersion.serial))
        )
    )
    scans = _grouped(
        work.session.exec(
            select(SignedScan).where(SignedScan.case_id == case.id).order_by(col(SignedScan.at), col(SignedScan.id))
        )
    )
    sources: list[tuple[PaperKind, Document | None]] = [
        (kind, document)
        for document in reversed(documents_of(work, case.id))
        for kind in law.papers.values()
        if kind.form == document.form
    ]
    if FILE_INDEX in law.papers:
        sources.append((law.papers[FILE_INDEX], None))
    found = []
    for kind, document in sources:
        paper = papers.get((kind.id, document.id if document else None))
        key = paper.id if paper else None
        found.append(Line(kind, document, paper, versions.get(key, []), scans.get(key, [])))
    return found


def line_of(work: Work, case: Case, kind: str, serial: int | None = None) -> Line:
    """The line of one kind: of the `serial`-th form of its kind, or of the latest. Raises NotFound."""
    for line in lines_of(work, case):
        if line.kind.id == kind and serial in (None, line.serial):
            return line
    raise NotFound


def replaced_by(work: Work, case: Case) -> dict[UUID, Paper]:
    """Papers that another one has taken the place of: their id → the newer paper."""
    return {paper.replaces_id: paper for paper in _papers(work, case) if paper.replaces_id is not None}


def earlier_papers(work: Work, case: Case) -> list[Paper]:
    """Signed papers that a later one has replaced, oldest first: they and their copies stay."""
    gone = replaced_by(work, case)
    return [paper for paper in _papers(work, case) if paper.id in gone]


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


def _papers(work: Work, case: Case) -> Sequence[Paper]:
    return work.session.exec(
        select(Paper).where(Paper.case_id == case.id).order_by(col(Paper.created_at), col(Paper.id))
    ).all()


def _by_source(papers: Iterable[Paper]) -> dict[tuple[str, UUID | None], Paper]:
    """The paper in force of each kind and form: one that was replaced gives way to its successor."""
    papers = list(papers)
    gone = {paper.replaces_id for paper in papers}
    return {(paper.kind, paper.document_id): paper for paper in papers if paper.id not in gone}


def _grouped(rows: Iterable[Any]) -> dict[UUID | None, list[Any]]:
    found: dict[UUID | None, list[Any]] = {}
    for row in rows:
        found.setdefault(row.paper_id, []).append(row)
    return found
