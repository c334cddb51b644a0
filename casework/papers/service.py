"""Printing, numbering and signing papers. A number is given once, under its register's lock; a print is kept to the letter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from casework.access.rules import may_act
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.models import Case, Document
from casework.cases.queries import documents_of, facts_of_case, latest_document, units_of
from casework.cases.rules import carers_of, fact
from casework.clock import local
from casework.errors import Forbidden, Invalid
from casework.files.models import StoredFile
from casework.files.rules import Upload
from casework.files.service import keep_file, read_file, sha256_of
from casework.law.model import Law
from casework.law.papers import PaperKind
from casework.papers.content import PaperContent
from casework.papers.models import Paper, PaperRegister, PaperState, PaperVersion, SignedScan
from casework.papers.queries import Line, line_of, lines_of, replaced_lines, version_content
from casework.papers.rules import (
    CHAIR_SIGNS,
    COST_ESTIMATE,
    FILE_INDEX,
    HOTLINE_ABBREVIATION,
    ISSUERS,
    PRINT_AN_ADDRESS,
    RECEIVER,
    content_of,
    harming_carer,
    hash_of,
    office_address,
    place_name,
    printed_of,
    secrecy_of,
    series_of,
    typed_hash,
)
from casework.people.models import Staff
from casework.people.queries import commune_by_code, on_duty, signer_of, unit
from casework.people.rules import Role
from casework.work import Work

SCAN_KIND = "signed-scan"


@dataclass(frozen=True)
class Choices:
    """What the person who issues decides: who signs (None: the first who may), and what differs from the form and from
    the edition's lists. `office_address` prints the office instead of the address where the child is taken in."""

    signer_id: UUID | None = None
    office_address: bool = False
    recipients: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Print:
    """What goes to the press, and what was written down of it."""

    content: PaperContent
    law: Law
    hash: str
    secrecy: str


@dataclass(frozen=True)
class Returned:
    """A signed copy that was kept. `latest` is false where it signs an earlier version than the one printed now."""

    scan: SignedScan
    latest: bool


# ---------------------------------------------------------------- reading


def look(work: Work, case: Case, line: Line, choices: Choices | None = None) -> Print:
    """The paper as it would be printed now, without keeping anything of it: its draft, or the version in force."""
    if line.issued and line.version is not None and choices is None:
        return _in_force(work, line.version)
    return _print_of(work, case, _draft(work, case, line, choices or Choices()), _law_of(work, case, line.document))


def signers_for(work: Work, case: Case, line: Line) -> list[Staff]:
    """Who may sign it, the likeliest first: who decided or filled in the form, then who holds the post now."""
    author = _author(work, line.document)
    if line.kind.right.id == RECEIVER and author is not None and _received_elsewhere(author):
        return [author]
    role = Role.CHAIR if line.kind.right.id in CHAIR_SIGNS else Role.WORKER
    decided = [author] if author and (author.role, author.unit_id) == (role, case.responsible_unit_id) else []
    held = on_duty(work, case.responsible_unit_id, role, work.now)
    return [*decided, *(one for one in held if one not in decided)]


def may_issue(work: Work, case: Case) -> bool:
    """The worker or the chair of the commune that holds the case."""
    return may_act(work.actor, ISSUERS, units_of(work, case), work.now).allowed


def goes_to_harmer(work: Work, case: Case, kind: str) -> str | None:
    """The relation of the parent or carer named as harming, if this paper goes to the parents or carer (27.1 h, 28.5)."""
    return harming_carer(kind, facts_of_case(work, case), carers_of(work.law_for(case.edition)))


# ---------------------------------------------------------------- printing


def print_paper(work: Work, case: Case, line: Line, *, how: str) -> Print:
    """What to print now, with its version kept and the print in the trail. `how`: pdf, docx or print.

    An unissued paper prints as a draft. An issued one prints what was issued; should the edition's own wording have been
    corrected since, that is another version of it, and a signed copy stays with the version it signs.
    """
    found = look(work, case, line)
    paper = line.paper
    if paper is None or line.version is None or version_content(work, line.version)["hash"] != found.hash:
        line = _locked(work, case, line)
        found = look(work, case, line)  # somebody may have issued it meanwhile
        paper = line.paper or _new_paper(work, case, line)
        _keep_version(work, case, paper, line, found)
    _record(work, Tag.PAPER_PRINTED, case, paper, found, fields=(how, paper.state))
    return found


def issue_paper(work: Work, case: Case, line: Line, choices: Choices) -> Paper:
    """Gives a paper its day, its signer and, where its kind has one, its number: once.

    Issued again before it is signed, it keeps number and day and gets a new version. Once the signed copy is back nothing
    of it changes: what is decided otherwise becomes a paper of its own that replaces it. Raises Forbidden.
    """
    decision = may_act(work.actor, ISSUERS, units_of(work, case), work.now)
    if not decision.allowed:
        raise Forbidden(decision.reason)
    line = _locked(work, case, line)
    paper, law = line.paper, _law_of(work, case, line.document)
    if paper is not None and line.issued:
        again = _print_of(work, case, _issued(work, case, line, choices, paper), law)
        if line.version is not None and version_content(work, line.version)["hash"] == again.hash:
            return paper
        if paper.state == PaperState.SIGNED:
            paper = _new_paper(work, case, line, replaces=paper)
    if paper is None:
        paper = _new_paper(work, case, line)
    if paper.issued_at is None:
        _number(work, line, paper)
    signer = _signer(work, case, line, choices)
    if signer is None:
        raise Invalid({"signer": "no-signer"})
    paper.signer_id = signer.id
    work.session.add(paper)
    found = _print_of(work, case, _issued(work, case, line, choices, paper), law)
    _keep_version(work, case, paper, replace(line, versions=line.versions if paper is line.paper else ()), found)
    _record(work, Tag.PAPER_ISSUED, case, paper, found)
    return paper


def _number(work: Work, line: Line, paper: Paper) -> None:
    """The next number of the office's series this year, unless the form already carries one from the office's own book,
    or is the hotline's.

    The register's row stays locked until the work is done: a number is taken for good or not at all, so none is missing.
    """
    today = local(work.now).date()
    paper.state, paper.issued_at, paper.day = PaperState.ISSUED, work.now, today
    series = series_of(line.kind)
    author = _author(work, line.document)
    if series is None or _own_number(work, line.document) or _received_elsewhere(author):
        return
    key = {"unit_id": paper.unit_id, "series": series, "year": today.year}
    work.session.connection().execute(insert(PaperRegister).values(**key, last=0).on_conflict_do_nothing())
    register = work.session.exec(
        select(PaperRegister)
        .where(*(col(getattr(PaperRegister, name)) == value for name, value in key.items()))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    register.last += 1
    work.session.add(register)
    paper.series, paper.year, paper.number = series, today.year, register.last


def _locked(work: Work, case: Case, line: Line) -> Line:
    """The line read anew under the case's lock: two people at one paper make one paper."""
    work.session.refresh(case, with_for_update=True)
    return line_of(work, case, line.kind.id, line.serial)


def _new_paper(work: Work, case: Case, line: Line, replaces: Paper | None = None) -> Paper:
    paper = Paper(
        case_id=case.id,
        kind=line.kind.id,
        document_id=line.document.id if line.document else None,
        unit_id=case.responsible_unit_id,
        state=PaperState.DRAFT,
        replaces_id=replaces.id if replaces else None,
        created_at=work.now,
    )
    work.session.add(paper)
    work.session.flush()
    return paper


def _keep_version(work: Work, case: Case, paper: Paper, line: Line, found: Print) -> None:
    """A further version, unless the latest is just this. Without a signed copy of its own it is not signed yet."""
    latest = line.version
    if latest is not None and version_content(work, latest)["hash"] == found.hash:
        return
    version = PaperVersion(
        case_id=case.id,
        paper_id=paper.id,
        serial=(latest.serial if latest else 0) + 1,
        edition=found.law.key,
        at=work.now,
        made_by=work.actor.id,
    )
    printed = printed_of(found.content)
    work.seal(version, content={"hash": found.hash, "printed": printed, "secrecy": found.secrecy})
    work.session.add(version)
    if paper.state == PaperState.SIGNED:
        paper.state = PaperState.ISSUED
        work.session.add(paper)
    work.session.flush()


def _record(work: Work, tag: Tag, case: Case, paper: Paper, found: Print, fields: tuple[str, ...] = ()) -> None:
    """In the trail with what article 24.3 asks: level of secrecy and scope, beside the hash of what left the office."""
    record(
        work,
        tag,
        case_id=case.id,
        object_type=f"paper-{paper.kind}",
        object_id=paper.id,
        fields=fields,
        reason=f"{found.hash} · {found.secrecy}",
    )


# ---------------------------------------------------------------- the signed copy


def return_scan(
    work: Work,
    case: Case,
    line: Line,
    upload: Upload,
    typed: str,
    *,
    older_accepted: bool = False,
    field: str = "version",
) -> Returned:
    """Keeps a signed copy with the version whose hash the person read from its foot.

    Raises Forbidden, or Invalid for `field`: hash-short, hash-unknown (no version of this paper), hash-other-paper (it
    is another paper's of this case), hash-older (an earlier version, not yet said to be meant), not-issued.
    """
    decision = may_act(work.actor, ISSUERS, units_of(work, case), work.now)
    if not decision.allowed:
        raise Forbidden(decision.reason)
    digits = typed_hash(typed, field=field)
    line = _locked(work, case, line)
    paper = line.paper
    if paper is None or not line.issued:
        raise Invalid({field: "not-issued"})
    version = _version_named(work, line, digits)
    if version is None:
        every = (*lines_of(work, case), *replaced_lines(work, case))
        others = (one for one in every if one.paper is not None and one.paper.id != paper.id)
        elsewhere = any(_version_named(work, one, digits) for one in others)
        raise Invalid({field: "hash-other-paper" if elsewhere else "hash-unknown"})
    latest = line.version is not None and version.id == line.version.id
    if not latest and not older_accepted:
        raise Invalid({field: "hash-older"})
    stored = keep_file(work, case, upload, kind=SCAN_KIND)
    scan = SignedScan(
        case_id=case.id, paper_id=paper.id, version_id=version.id, file_id=stored.id, at=work.now, by=work.actor.id
    )
    work.session.add(scan)
    if latest:
        paper.state = PaperState.SIGNED
        work.session.add(paper)
    work.session.flush()
    record(
        work,
        Tag.SCAN_RETURNED,
        case_id=case.id,
        object_type=f"paper-{paper.kind}",
        object_id=scan.id,
        fields=("latest" if latest else "earlier",),
        reason=f"{version_content(work, version)['hash']} · sha256 {sha256_of(work, stored)}",
    )
    return Returned(scan, latest)


def read_scan(work: Work, case: Case, scan: SignedScan, stored: StoredFile) -> bytes:
    """The signed copy's bytes, with who took it in the trail. Raises Tampered if it is not what was returned."""
    data = read_file(work, stored)
    record(work, Tag.SCAN_READ, case_id=case.id, object_type=SCAN_KIND, object_id=scan.id)
    return data


def _version_named(work: Work, line: Line, digits: str) -> PaperVersion | None:
    """Newest first: eight digits of two versions alike are one chance in four thousand million."""
    return next((one for one in reversed(line.versions) if version_content(work, one)["hash"].startswith(digits)), None)


# ---------------------------------------------------------------- what is printed


def _law_of(work: Work, case: Case, document: Document | None) -> Law:
    return work.law_for(document.edition if document else case.edition)


def _in_force(work: Work, version: PaperVersion) -> Print:
    kept, law = version_content(work, version), work.law_for(version.edition)
    found = hash_of(content_of(kept["printed"], law), law)
    return Print(content_of(kept["printed"], law, found), law, found, kept["secrecy"])


def _print_of(work: Work, case: Case, content: PaperContent, law: Law) -> Print:
    found = hash_of(content, law)
    kind = law.papers[content.kind]
    recipients = content.recipients or tuple(line.text for line in kind.recipients)
    return Print(content_of(printed_of(content), law, found), law, found, secrecy_of(kind, recipients))


def _draft(work: Work, case: Case, line: Line, choices: Choices) -> PaperContent:
    """Without number and day. A draft names no signer's post as deputy before somebody has chosen who signs."""
    content = _filled(work, case, line, choices)
    return replace(content, number=None, day=None, extra={**content.extra, "draft": True})


def _issued(work: Work, case: Case, line: Line, choices: Choices, paper: Paper) -> PaperContent:
    number = _own_number(work, line.document) or (str(paper.number) if paper.number else None)
    return replace(_filled(work, case, line, choices), number=number, day=paper.day)


def _filled(work: Work, case: Case, line: Line, choices: Choices) -> PaperContent:
    law = _law_of(work, case, line.document)
    office, province = unit(work, case.responsible_unit_id), unit(work, case.province_id)
    values = dict(_values(work, line.document))
    extra = _extra(work, case, line, law, values)
    if choices.office_address and line.kind.id in PRINT_AN_ADDRESS:
        address = office_address(office.name)
        values = {**values, "receiver_address": address} if line.kind.id == "07" else values
        extra["separation"] = {**extra.get("separation", {}), "receiver_address": address}
    chosen = _signer(work, case, line, choices)
    signer = signer_of(work, chosen.id) if chosen else None
    return PaperContent(
        kind=line.kind.id,
        form=law.forms[line.kind.form] if line.kind.form else None,
        values=values,
        commune=office.name,
        province=province.name,
        place=place_name(office.name),
        day=None,
        number=None,
        signer_post="",
        signer_name=signer.name if signer else "",
        deputy=signer.deputy if signer else False,
        grounds=choices.grounds,
        recipients=choices.recipients,
        version_hash="",
        code=case.code,
        extra=extra,
    )


def _signer(work: Work, case: Case, line: Line, choices: Choices) -> Staff | None:
    """Who was chosen, else the likeliest; None where nobody holds the post. Raises Invalid for one who may not sign it."""
    able = signers_for(work, case, line)
    if choices.signer_id is None:
        return next(iter(able), None)
    chosen = next((one for one in able if one.id == choices.signer_id), None)
    if chosen is None:
        raise Invalid({"signer": "no-signer"})
    return chosen


def _author(work: Work, document: Document | None) -> Staff | None:
    return work.session.get(Staff, document.author_id) if document and document.author_id else None


def _received_elsewhere(author: Staff | None) -> bool:
    """The hotline writes its own report, and numbers it. Whoever else reported stays unknown (article 24)."""
    return author is not None and author.role == Role.HOTLINE


def _values(work: Work, document: Document | None) -> Mapping[str, Any]:
    opened: Mapping[str, Any] = (work.open(document, "content") or {}) if document else {}
    return opened


def _own_number(work: Work, document: Document | None) -> str | None:
    """The number the chair wrote on the form, from the office's own book: then none is given here."""
    written = str(_values(work, document).get("number") or "").strip()
    return written or None


def _extra(work: Work, case: Case, line: Line, law: Law, values: Mapping[str, Any]) -> dict[str, Any]:
    facts = facts_of_case(work, case)
    extra: dict[str, Any] = {
        "child": {name: fact(facts, f"child.{name}") for name in ("name", "birth_date", "address")},
        "worker_name": _worker_name(work, case, line),
        "units": _communes_named(work, line, law, values),
    }
    author = _author(work, line.document)
    if line.kind.right.id == RECEIVER and author is not None and _received_elsewhere(author):
        extra |= {"office": unit(work, author.unit_id).name, "office_abbreviation": HOTLINE_ABBREVIATION}
    if decided := _decision(work, case, law, "07"):
        own = decided.pop("values")
        named = ("until", "from_whom", "from_whom_address", "receiver", "receiver_address")
        extra["separation"] = decided | {name: own.get(name) for name in named}
    if approved := _decision(work, case, law, "05"):
        extra["plan"] = {name: approved[name] for name in ("number", "day")}
    if line.kind.id == FILE_INDEX:
        extra["documents"] = index_rows(work, case)
    return extra


def _worker_name(work: Work, case: Case, line: Line) -> str:
    author = _author(work, line.document)
    if author is None or author.role != Role.WORKER:
        author = next(iter(on_duty(work, case.responsible_unit_id, Role.WORKER, work.now)), None)
    return signer_of(work, author.id).name if author else ""


def _communes_named(work: Work, line: Line, law: Law, values: Mapping[str, Any]) -> dict[str, str]:
    """Names of the communes that the form's answers hold by code."""
    form = law.forms[line.kind.form] if line.kind.form else None
    codes = [str(values[one.id]) for one in form.fields if one.kind == "commune" and values.get(one.id)] if form else []
    found = {code: commune_by_code(work, code) for code in codes}
    return {code: commune.name for code, commune in found.items() if commune is not None}


def _decision(work: Work, case: Case, law: Law, form: str) -> dict[str, Any] | None:
    """The case's last decision of a form, as later papers speak of it: its number, its day, its answers."""
    document = latest_document(work, case.id, form)
    if document is None:
        return None
    paper = work.session.exec(
        select(Paper)
        .where(Paper.document_id == document.id, Paper.kind == form, col(Paper.issued_at).is_not(None))
        .order_by(col(Paper.issued_at).desc())
        .limit(1)
    ).first()
    day = paper.day if paper and paper.day else local(document.at).date()
    number = _own_number(work, document) or (number_words(law.papers[form], paper) if paper else None)
    return {"number": number, "day": day.isoformat(), "values": _values(work, document)}


# ---------------------------------------------------------------- the index of the file


def number_words(kind: PaperKind, paper: Paper | None) -> str | None:
    """ "05/QĐ-UBND", or None for a paper without a number of this register."""
    return kind.numbered(paper.number) if paper is not None and paper.number is not None else None


def index_rows(work: Work, case: Case) -> list[dict[str, Any]]:
    """The lines of the file's index, oldest first: every handed-in form with the number and day it was issued under.

    How many sheets a paper has is for the pen: the office counts what lies in the folder.
    """
    law = work.law_for(case.edition)
    lines = {line.document.id: line for line in lines_of(work, case) if line.document and line.kind.id != COST_ESTIMATE}
    return [_index_row(work, law, document, lines.get(document.id)) for document in documents_of(work, case.id)]


def _index_row(work: Work, law: Law, document: Document, line: Line | None) -> dict[str, Any]:
    form = law.forms[document.form]
    paper = line.paper if line else None
    day = paper.day if paper and paper.day else local(document.at).date()
    return {
        "title": f"{form.number}. {form.title.vi}" if form.number else form.title.vi,
        "number": _own_number(work, document) or (number_words(line.kind, paper) if line else None) or "",
        "day": day.isoformat(),
        "pages": None,
        "note": "Đã có bản ký" if line and line.signed else "",
    }
