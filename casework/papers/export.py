"""Writing a closed file out for the national children's database, once it is closed and never before (30.3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from casework.access.rules import may_act
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.models import Case, Document
from casework.cases.queries import documents_of, facts_of_case, state_of, units_of
from casework.cases.sight import APART
from casework.deadlines.queries import clocks_of
from casework.errors import Forbidden, Invalid
from casework.files.models import StoredFile
from casework.files.rules import Upload
from casework.files.service import keep_file, read_file, sha256_of
from casework.law.forms import answers
from casework.papers import schemas
from casework.papers.models import CaseExport, Paper, PaperVersion
from casework.papers.queries import Line, lines_of, replaced_lines, version_content
from casework.papers.rules import ISSUERS
from casework.papers.service import number_words
from casework.people.models import Unit
from casework.people.queries import units_by_id
from casework.people.rules import Role
from casework.work import Work

EXPORT_KIND = "national-export"
MEDIA_TYPE = "application/json"
INFORMANTS = (Role.COLLABORATOR, Role.POLICE, Role.HEALTH)
UNNAMED = "reporter"  # a village has one collaborator: the post would name who reported (24.1)
# [D]: the decree names the national database and no level; everything in a file is a child's secret (24, 33).
LEVEL = "Bí mật theo Điều 24 và Điều 33 Nghị định số 56/2017/NĐ-CP"
SCOPE = "Cơ quan quản lý cơ sở dữ liệu trẻ em quốc gia; lưu tại Ủy ban nhân dân cấp xã (Điều 30 khoản 3)"


def may_export(work: Work, case: Case) -> bool:
    """The worker or the chair of the commune that held the case, once it has ended."""
    return state_of(work, case).final and may_act(work.actor, ISSUERS, units_of(work, case), work.now).allowed


def export_case(work: Work, case: Case) -> CaseExport:
    """Writes the whole file out, keeps the bytes sealed with the case, and their digest in the trail.

    Raises Forbidden, and Invalid ("case": not-ended) while anything may still be added to it.
    """
    decision = may_act(work.actor, ISSUERS, units_of(work, case), work.now)
    if not decision.allowed:
        raise Forbidden(decision.reason)
    if not state_of(work, case).final:
        raise Invalid({"case": "not-ended"})
    data = closed_file(work, case).model_dump_json(indent=1).encode()
    stored = keep_file(work, case, Upload(data, MEDIA_TYPE, f"{case.code}.json"), kind=EXPORT_KIND)
    export = CaseExport(case_id=case.id, file_id=stored.id, at=work.now, by=work.actor.id)
    work.session.add(export)
    work.session.flush()
    _record(work, Tag.CASE_EXPORTED, case, export, stored)
    return export


def read_export(work: Work, case: Case, export: CaseExport, stored: StoredFile) -> bytes:
    """The very bytes that were written out, with who took them in the trail."""
    data = read_file(work, stored)
    _record(work, Tag.EXPORT_READ, case, export, stored)
    return data


def closed_file(work: Work, case: Case) -> schemas.ClosedFile:
    """The file of a case, whole: every handed-in form in the decree's wording, every paper, every limit."""
    units = units_by_id(
        work,
        [
            case.responsible_unit_id,
            case.province_id,
            case.incident_unit_id,
            case.residence_unit_id,
        ],
    )
    facts = facts_of_case(work, case)
    lines = (*lines_of(work, case), *replaced_lines(work, case))
    return schemas.ClosedFile(
        secrecy=schemas.Secrecy(level=LEVEL, scope=SCOPE),
        produced=schemas.Produced(
            at=_utc(work.now),
            by_role=work.actor.role,
            office=_office(units[case.responsible_unit_id]),
        ),
        case=_summary(case, units),
        child={datum: entry["value"] for datum, entry in facts.items() if datum.startswith("child.")},
        documents=[_document(work, one, lines) for one in documents_of(work, case.id)],
        limits=_limits(work, case),
    )


def _summary(case: Case, units: dict[UUID, Unit]) -> schemas.CaseSummary:
    return schemas.CaseSummary(
        code=case.code,
        edition=case.edition,
        state=case.state,
        risk=case.risk,
        received_at=_utc(case.received_at),
        opened_at=_utc(case.opened_at),
        ended_at=_utc(case.changed_at),
        province=_office(units[case.province_id]),
        responsible=_office(units[case.responsible_unit_id]),
        incident=_office(units[case.incident_unit_id]) if case.incident_unit_id else None,
        residence=_office(units[case.residence_unit_id]) if case.residence_unit_id else None,
    )


def _document(work: Work, document: Document, lines: Sequence[Line]) -> schemas.FiledDocument:
    form = work.law_for(document.edition).forms[document.form]
    content = work.open(document, "content") or {}
    return schemas.FiledDocument(
        form=form.id,
        form_number=form.number,
        title=form.title.vi,
        by_product=form.by_product,
        article=form.article,
        serial=document.serial,
        edition=document.edition,
        handed_in_at=_utc(document.at),
        by_role=UNNAMED if document.form == "01" and document.author_role in INFORMANTS else document.author_role,
        answers=[
            schemas.Answer(field=one.id, question=one.label.vi, answer=shown, value=content.get(one.id))
            for _section, asked in answers(form, content, "vi")
            for one, shown in asked
            if one.group not in APART
        ],
        papers=[
            _paper(work, line, line.paper, line.version)
            for line in lines
            if line.issued and line.paper and line.version and line.paper.document_id == document.id
        ],
    )


def _paper(work: Work, line: Line, paper: Paper, version: PaperVersion) -> schemas.PrintedPaper:
    kept = version_content(work, version)
    serials = {one.id: one.serial for one in line.versions}
    return schemas.PrintedPaper(
        kind=line.kind.id,
        title=line.kind.title.vi,
        state="signed" if line.signed else "issued",
        number=number_words(line.kind, paper) or kept["printed"]["number"],
        day=paper.day.isoformat() if paper.day else None,
        version=version.serial,
        version_hash=kept["hash"],
        signed_copies=[
            schemas.Copy(
                media_type=stored.media_type,
                size=stored.size,
                sha256=sha256_of(work, stored),
                returned_at=_utc(scan.at),
                signs_version=serials[scan.version_id],
            )
            for scan in line.scans
            for stored in [work.session.get_one(StoredFile, scan.file_id)]
        ],
    )


def _limits(work: Work, case: Case) -> list[schemas.Limit]:
    law = work.law_for(case.edition)
    return [
        schemas.Limit(
            rule=clock.rule,
            title=law.deadlines[clock.rule].title.vi,
            article=law.deadlines[clock.rule].article,
            started_at=_utc(clock.started_at),
            due_at=_utc(clock.due_at),
            stopped_at=_utc(clock.stopped_at) if clock.stopped_at else None,
            state=clock.state,
        )
        for clock in clocks_of(work, case.id)
    ]


def _record(work: Work, tag: Tag, case: Case, export: CaseExport, stored: StoredFile) -> None:
    record(
        work,
        tag,
        case_id=case.id,
        object_type=EXPORT_KIND,
        object_id=export.id,
        reason=f"sha256 {sha256_of(work, stored)} · {LEVEL}. {SCOPE}",
    )


def _office(one: Unit) -> schemas.Office:
    return schemas.Office(code=one.code, name=one.name)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
