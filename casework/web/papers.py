"""The papers of a case: what can be printed, under which number it was issued, the signed copy, the closed file's export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.models import Case
from casework.cases.service import record_read
from casework.cases.sight import find_whole_case
from casework.errors import Invalid
from casework.files.rules import ENDINGS, MOST_BYTES, Upload
from casework.files.rules import read_scan as check_scan
from casework.papers.content import PaperContent
from casework.papers.export import export_case as write_out
from casework.papers.export import may_export, read_export
from casework.papers.presses import Presses
from casework.papers.queries import (
    Line,
    exports_of,
    find_export,
    find_scan,
    line_of,
    lines_of,
    replaced_lines,
    version_content,
)
from casework.papers.rules import HASH_PRINTED, HASH_TYPED, PRINT_AN_ADDRESS, office_address, typed_hash
from casework.papers.service import (
    Choices,
    goes_to_harmer,
    issue_paper,
    look,
    may_issue,
    print_paper,
    read_scan,
    return_scan,
    signers_for,
)
from casework.papers.word import docx
from casework.people.queries import signer_of, unit
from casework.people.rules import Role
from casework.web import casebook, wording
from casework.web.access import open_to
from casework.web.door import begin
from casework.web.factors import step_up
from casework.web.headers import HEADERS
from casework.web.paperwords import fault_words, file_name, harmer_warning, kind_of, row_of, slug_of
from casework.web.uploads import MEBIBYTE, takes_files
from casework.work import Work

bp = Blueprint("papers", __name__, url_prefix="/ca/<code>")

READERS = (Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
ISSUERS = (Role.WORKER, Role.CHAIR)
WEIGHED = "da-can-nhac"  # the warning before a paper that goes to who is named as harming was read
PDF_TYPE = "application/pdf"
WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
BODY_LIMIT = MOST_BYTES + 12 * MEBIBYTE  # so that a scan somewhat too large is refused beside its own box


# ---------------------------------------------------------------- the list


@bp.get("/giay-to")
@open_to(*READERS)
def register(code: str) -> ResponseReturnValue:
    with begin() as work:
        case = find_whole_case(work, code)
        rows = [row_of(work, case, line) for line in lines_of(work, case)]
        page = {
            **casebook.frame_of(work, casebook.look_at(work, case), "register"),
            "issued": [row for row in rows if row["issued"]],
            "ready": [row for row in rows if not row["issued"]],
            "replaced": [row_of(work, case, line) for line in replaced_lines(work, case)],
            "may_issue": may_issue(work, case),
            "may_export": may_export(work, case),
            "exports": [
                {
                    "at": wording.moment_text(export.at),
                    "url": url_for("papers.export_bytes", code=code, export_id=export.id),
                }
                for export, _stored in exports_of(work, case)
            ],
        }
        record_read(work, case, what="papers")
    return render_template("papers_pages/register.html", **page)


# ---------------------------------------------------------------- one paper


@bp.get("/mau/<kind>/xem")
@open_to(*READERS)
def show(code: str, kind: str) -> ResponseReturnValue:
    """What would be printed, in words, and the interruption before it goes to somebody named as harming."""
    with begin() as work:
        case = find_whole_case(work, code)
        line = _line(work, case, kind)
        found = look(work, case, line)
        warning = _warning(work, case, line)
        page = {
            **casebook.frame_of(work, casebook.look_at(work, case), "register"),
            "row": row_of(work, case, line),
            "warning": warning,
            "secrecy": found.secrecy,
            "hash": found.hash[:HASH_PRINTED],
            "may_issue": may_issue(work, case),
            "urls": _print_urls(code, line, {WEIGHED: "1"} if warning else {}),
            "document_url": url_for("cases.document", code=code, document_id=line.document.id)
            if line.document
            else None,
        }
        record(
            work,
            Tag.DOCUMENT_READ,
            case_id=case.id,
            object_type=f"paper-{line.kind.id}",
            object_id=line.document.id if line.document else case.id,
        )
    return render_template("papers_pages/show.html", **page)


def _print_urls(code: str, line: Line, more: Mapping[str, str]) -> dict[str, str]:
    where: dict[str, Any] = {"code": code, "kind": slug_of(line.kind.id), "so": line.serial, **more}
    return {one: url_for(f"papers.{one}", **where) for one in ("print_out", "pdf", "word")}


@bp.get("/mau/<kind>/in")
@open_to(*READERS)
def print_out(code: str, kind: str) -> ResponseReturnValue:
    """The paper in the browser's own viewer, one key from the printer."""
    return _printed(code, kind, "print")


@bp.get("/mau/<kind>.pdf")
@open_to(*READERS)
def pdf(code: str, kind: str) -> ResponseReturnValue:
    return _printed(code, kind, "pdf")


@bp.get("/mau/<kind>.docx")
@open_to(*READERS)
def word(code: str, kind: str) -> ResponseReturnValue:
    return _printed(code, kind, "docx")


def _printed(code: str, kind: str, how: str) -> ResponseReturnValue:
    with begin() as work:
        case = find_whole_case(work, code)
        line = _line(work, case, kind)
        if _warning(work, case, line) and request.args.get(WEIGHED) != "1":
            return redirect(url_for("papers.show", code=code, kind=kind, so=request.args.get("so")), code=303)
        found = print_paper(work, case, line, how=how)
    data = docx(found.content, found.law) if how == "docx" else _presses().of(found.law).pdf(found.content)
    name = f"{code}-{file_name(line.kind)}"
    if how == "print":
        return file_answer(data, PDF_TYPE, f"{name}.pdf", inline=True)
    return file_answer(data, WORD_TYPE if how == "docx" else PDF_TYPE, f"{name}.{how}")


# ---------------------------------------------------------------- number and day


@bp.get("/mau/<kind>/cap-so")
@open_to(*ISSUERS)
def issue_form(code: str, kind: str) -> ResponseReturnValue:
    with begin() as work:
        case = find_whole_case(work, code)
        page = _issue_page(work, case, _line(work, case, kind), None, {})
        record_read(work, case, what="paper-issue")
    return render_template("papers_pages/issue.html", **page)


@bp.post("/mau/<kind>/cap-so")
@open_to(*ISSUERS)
def issue(code: str, kind: str) -> ResponseReturnValue:
    """Gives number and day and goes on to the printed paper."""
    try:
        with begin() as work:
            case = find_whole_case(work, code)
            line = _line(work, case, kind)
            issue_paper(work, case, line, _choices(line))
    except Invalid as refused:
        with begin() as work:
            case = find_whole_case(work, code)
            page = _issue_page(work, case, _line(work, case, kind), request.form, refused.faults)
            record_read(work, case, what="paper-issue")
        return render_template("papers_pages/issue.html", **page), 422
    where: dict[str, Any] = {"code": code, "kind": kind, "so": line.serial, WEIGHED: "1"}
    return redirect(url_for("papers.print_out", **where), code=303)


def _choices(line: Line) -> Choices:
    signer = request.form.get("signer", "")
    try:
        signer_id = UUID(signer) if signer else None
    except ValueError:
        raise Invalid({"signer": "no-signer"}) from None
    return Choices(
        signer_id=signer_id,
        office_address=line.kind.id in PRINT_AN_ADDRESS and request.form.get("address") == "office",
        recipients=_lines_typed("recipients", tuple(one.text for one in line.kind.recipients)),
        grounds=_lines_typed("grounds", ()),
    )


def _lines_typed(name: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    """What was typed, a line each; the edition's own list is left to the edition."""
    typed = tuple(line.strip() for line in request.form.get(name, "").splitlines() if line.strip())
    return () if typed == usual else typed


def _issue_page(
    work: Work, case: Case, line: Line, typed: Mapping[str, str] | None, faults: Mapping[str, str]
) -> dict[str, Any]:
    now, recorded = look(work, case, line).content, look(work, case, line, Choices()).content
    signers = [
        {"id": str(one.id), "title": _signer_title(work, one.id), "unit": unit(work, one.unit_id).name}
        for one in signers_for(work, case, line)
    ]
    warning = _warning(work, case, line)
    recipients = now.recipients or tuple(one.text for one in line.kind.recipients)
    written = now.grounds or tuple(str(now.values.get("legal_grounds") or "").splitlines())
    grounds = written or tuple(one.text for one in line.kind.grounds)
    asks_address = line.kind.id in PRINT_AN_ADDRESS
    office = office_address(unit(work, case.responsible_unit_id).name)
    # What was chosen when it was issued stays chosen; before that, the office where the decision goes to who harms.
    as_office = _address(now) == office if line.issued else warning is not None
    signer = str(line.paper.signer_id) if line.paper and line.paper.signer_id else next(iter(signers), {}).get("id", "")
    return {
        **casebook.frame_of(work, casebook.look_at(work, case), "register"),
        "row": row_of(work, case, line),
        "warning": warning,
        "signers": signers,
        "faults": {name: fault_words(fault) for name, fault in faults.items()},
        "typed": typed
        or {
            "signer": signer,
            "recipients": "\n".join(recipients),
            "grounds": "\n".join(grounds),
            "address": "office" if as_office else "recorded",
        },
        "asks_recipients": bool(line.kind.recipients),
        "asks_grounds": bool(line.kind.grounds),
        "asks_address": asks_address,
        "office_address": office,
        "recorded_address": _address(recorded) if asks_address else "",
        "secrecy": look(work, case, line).secrecy,
    }


def _address(content: PaperContent) -> str:
    """Where the child is taken in, as this content prints it."""
    own, order = content.values.get("receiver_address"), content.extra.get("separation", {}).get("receiver_address")
    return str((own if content.kind == "07" else order) or "")


def _signer_title(work: Work, staff_id: UUID) -> str:
    signer = signer_of(work, staff_id)
    return _("%(name)s (ký thay Chủ tịch)", name=signer.name) if signer.deputy else signer.name


# ---------------------------------------------------------------- the signed copy


@bp.get("/mau/<kind>/ban-ky")
@open_to(*ISSUERS)
def scan_form(code: str, kind: str) -> ResponseReturnValue:
    with begin() as work:
        case = find_whole_case(work, code)
        page = _scan_page(work, case, _line(work, case, kind), {})
        record_read(work, case, what="paper-scan")
    return render_template("papers_pages/scan.html", **page)


@bp.post("/mau/<kind>/ban-ky")
@open_to(*ISSUERS)
@takes_files(BODY_LIMIT)
def scan(code: str, kind: str) -> ResponseReturnValue:
    try:
        upload = _checked_upload()
        with begin() as work:
            case = find_whole_case(work, code)
            returned = return_scan(
                work,
                case,
                _line(work, case, kind),
                upload,
                request.form.get("version", ""),
                older_accepted=request.form.get("older") == "yes",
            )
    except Invalid as refused:
        with begin() as work:
            case = find_whole_case(work, code)
            page = _scan_page(work, case, _line(work, case, kind), refused.faults)
            record_read(work, case, what="paper-scan")
        return render_template("papers_pages/scan.html", **page), 422
    flash(
        _("Đã lưu bản ký.")
        if returned.latest
        else _("Đã lưu bản ký của bản in cũ. Bản in hiện nay vẫn chưa có bản ký."),
        "success" if returned.latest else "warning",
    )
    return redirect(url_for("papers.register", code=code), code=303)


def _checked_upload() -> Upload:
    """The file that was sent. Raises Invalid with everything that is wrong at once, the typed hash included."""
    faults: dict[str, str] = {}
    sent = request.files.get("scan")
    upload = None
    try:
        upload = check_scan(sent.read() if sent else b"", (sent.filename if sent else "") or "", field="scan")
    except Invalid as refused:
        faults |= refused.faults
    try:
        typed_hash(request.form.get("version", ""), field="version")
    except Invalid as refused:
        faults |= refused.faults
    if upload is None or faults:
        raise Invalid(faults)
    return upload


def _scan_page(work: Work, case: Case, line: Line, faults: Mapping[str, str]) -> dict[str, Any]:
    return {
        **casebook.frame_of(work, casebook.look_at(work, case), "register"),
        "row": row_of(work, case, line),
        "faults": {name: fault_words(fault) for name, fault in faults.items()},
        "older": faults.get("version") == "hash-older",
        "typed": {"version": request.form.get("version", "")},
        "digits": HASH_TYPED,
        "versions": [
            {
                "serial": version.serial,
                "at": wording.moment_text(version.at),
                "hash": version_content(work, version)["hash"][:HASH_PRINTED],
                "latest": version is line.version,
            }
            for version in reversed(line.versions)
        ],
    }


@bp.get("/ban-ky/<uuid:scan_id>")
@open_to(*READERS)
def scan_bytes(code: str, scan_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        case = find_whole_case(work, code)
        kept, paper, stored = find_scan(work, case, scan_id)
        data = read_scan(work, case, kept, stored)
        kind = work.law_for(case.edition).papers[paper.kind]
    return file_answer(data, stored.media_type, f"{code}-{file_name(kind)}-ban-ky.{ENDINGS[stored.media_type]}")


# ---------------------------------------------------------------- the closed file


@bp.post("/xuat-ho-so")
@open_to(*ISSUERS)
@step_up
def export(code: str) -> ResponseReturnValue:
    """Writes the closed file out for the national children's database; it is then fetched from the list."""
    with begin() as work:
        case = find_whole_case(work, code)
        write_out(work, case)
    flash(_("Đã xuất hồ sơ. Tệp có trong danh sách dưới đây."), "success")
    return redirect(url_for("papers.register", code=code), code=303)


@bp.get("/xuat-ho-so/<uuid:export_id>.json")
@open_to(*ISSUERS)
@step_up
def export_bytes(code: str, export_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        case = find_whole_case(work, code)
        found, stored = find_export(work, case, export_id)
        data = read_export(work, case, found, stored)
    return file_answer(data, stored.media_type, f"{code}-ho-so.json")


# ---------------------------------------------------------------- parts


def _line(work: Work, case: Case, slug: str) -> Line:
    """The line an address names: its kind, and with `so` which form of that kind. Raises NotFound."""
    return line_of(work, case, kind_of(slug), request.args.get("so", None, int))


def _warning(work: Work, case: Case, line: Line) -> str | None:
    relation = goes_to_harmer(work, case, line.kind.id)
    return harmer_warning(work.law_for(case.edition), relation) if relation else None


def _presses() -> Presses:
    found: Presses = current_app.extensions["presses"]
    return found


def file_answer(data: bytes, media_type: str, name: str, *, inline: bool = False) -> Response:
    """A file to keep or, `inline`, to look at; never shown as a page of this site: a scan is somebody else's bytes."""
    answer = Response(data, mimetype=media_type)
    answer.headers["Content-Disposition"] = f"{'inline' if inline else 'attachment'}; filename={name}"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    if not inline:
        answer.headers["Content-Security-Policy"] = f"{HEADERS['Content-Security-Policy']}; sandbox"
    answer.headers["Cache-Control"] = "no-store"
    return answer
