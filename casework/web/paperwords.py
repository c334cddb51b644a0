"""How papers read on a page: their names and addresses, where they stand, what was wrong with a scan."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import gettext as _

from casework.cases.models import Case
from casework.files.rules import MOST_BYTES
from casework.law.model import Law
from casework.law.papers import PaperKind
from casework.papers.models import Paper, PaperState
from casework.papers.queries import Line, version_content
from casework.papers.service import number_words
from casework.web import wording
from casework.web.uploads import MEBIBYTE
from casework.work import Work

# Addresses are Vietnamese words without accents; the decree's own forms go by their number.
SLUGS = {
    "minutes": "bien-ban",
    "cost-estimate": "du-toan",
    "extend-separation": "gia-han-cach-ly",
    "cancel-separation": "huy-cach-ly",
    "court-request": "de-nghi-toa-an",
    "file-index": "muc-luc",
}
KINDS = {slug: kind for kind, slug in SLUGS.items()}


def slug_of(kind: str) -> str:
    """How an address names a kind of paper."""
    return SLUGS.get(kind, kind)


def kind_of(slug: str) -> str:
    """The kind an address names; whether there is one is for the law to say."""
    return KINDS.get(slug, slug)


def file_name(kind: PaperKind) -> str:
    """ "mau-05", "bien-ban": no word of a person."""
    slug = slug_of(kind.id)
    return f"mau-{slug}" if slug.isdecimal() else slug


def title_of(law: Law, line: Line) -> tuple[str, str]:
    """(short name, what it says): ("Mẫu số 05 (2)", "Quyết định về việc …")."""
    form = law.forms.get(line.kind.form or "")
    words = wording.law_text(line.kind.title)
    number = "" if line.kind.by_product else wording.form_number(form)
    serial = f" ({line.serial})" if line.serial > 1 else ""
    return (f"{number}{serial}", words) if number else (f"{words}{serial}", "")


def row_of(work: Work, case: Case, line: Line) -> dict[str, Any]:
    """One paper on a page: what it is, where it stands, and what can be done with it."""
    law = work.law_for(case.edition)
    short, says = title_of(law, line)
    where: dict[str, Any] = {"code": case.code, "kind": slug_of(line.kind.id), "so": line.serial}
    serials = {one.id: one.serial for one in line.versions}
    form = law.forms.get(line.kind.form or "")
    return {
        "title": short,
        "says": says,
        "issued": line.issued,
        "signed": line.signed is not None,
        "number": _number(work, line) or "",
        "day": wording.day_text(line.paper.day) if line.paper else "",
        "state": state_words(line),
        "numbered": line.kind.number is not None,
        "issue_title": _("Cấp số và in") if line.kind.number else _("Ban hành và in"),
        "replaces": _replaced(work, line),
        "source": _("từ %(form)s, %(when)s", form=_form_name(form), when=wording.moment_text(line.document.at))
        if line.document and form
        else _("từ mọi giấy tờ của ca"),
        "by_product": line.kind.by_product,
        "article": line.kind.article,
        "scans": [
            {
                "url": url_for("papers.scan_bytes", code=case.code, scan_id=scan.id),
                "at": wording.moment_text(scan.at),
                "of": serials[scan.version_id],
                "older": line.version is not None and scan.version_id != line.version.id,
            }
            for scan in reversed(line.scans)
        ],
        "show_url": url_for("papers.show", **where),
        "print_url": url_for("papers.print_out", **where),
        "pdf_url": url_for("papers.pdf", **where),
        "word_url": url_for("papers.word", **where),
        "issue_url": url_for("papers.issue_form", **where),
        "scan_url": url_for("papers.scan_form", **where),
    }


def _form_name(form: Any) -> str:
    return wording.form_number(form) or wording.law_text(form.title)


def _number(work: Work, line: Line) -> str | None:
    """The number as it is printed: the register's, else the one the chair wrote on the form."""
    if not line.issued or line.version is None:
        return None
    own: str | None = version_content(work, line.version)["printed"]["number"]
    return number_words(line.kind, line.paper) or own


def _replaced(work: Work, line: Line) -> str | None:
    """The number of the signed paper that this one took the place of."""
    if line.paper is None or line.paper.replaces_id is None:
        return None
    return number_words(line.kind, work.session.get(Paper, line.paper.replaces_id)) or _("giấy không đánh số")


def state_words(line: Line) -> str:
    if not line.issued:
        return _("Chưa ban hành: bản in có chữ BẢN NHÁP")
    if line.paper is not None and line.paper.state == PaperState.SIGNED:
        return _("Đã có bản ký")
    return _("Đã ban hành, chờ bản ký")


def harmer_warning(law: Law, relation: str) -> str:
    """Before a paper that goes to the parents or carer where the harm is said to come from one of them."""
    return _(
        "Người bị cho là gây tổn hại: %(who)s. Giấy này theo Điều 28 khoản 5 và Điều 32 được gửi cho cha, mẹ, người chăm"
        " sóc; Điều 27 khoản 1 điểm h trừ người gây tổn hại cho trẻ. Hãy quyết định ai được nhận bản nào, và xem giấy có"
        " ghi nơi trẻ đang ở không.",
        who=wording.list_word(law, "harmer_relations", relation),
    )


def fault_words(fault: str) -> str:
    """What to do about it, beside the box."""
    words = {
        "file-missing": _("Chọn tệp bản ký đã quét hoặc chụp."),
        "file-too-large": _("Tệp lớn hơn %(most)d MB. Quét lại ở độ phân giải thấp hơn.", most=MOST_BYTES // MEBIBYTE),
        "file-type": _("Tệp này không phải PDF, JPEG hoặc PNG. Quét hoặc chụp lại rồi nộp."),
        "file-cut": _("Tệp PDF bị cắt, không trọn vẹn. Quét hoặc tải lại rồi nộp."),
        "file-broken": _("Ảnh không mở được. Chụp hoặc quét lại rồi nộp."),
        "hash-short": _("Nhập 8 ký tự đầu của mã phiên bản in ở chân giấy (chữ số và a–f)."),
        "hash-unknown": _(
            "Mã này không phải của giấy này. Xem lại mã ở chân giấy, hoặc giấy đã ký không phải in từ đây."
        ),
        "hash-other-paper": _("Mã này là của một giấy khác trong ca. Mở đúng giấy đó rồi nộp bản ký."),
        "hash-older": _("Bản ký này thuộc bản in cũ, không phải bản in hiện nay. Đánh dấu ô bên dưới nếu vẫn nộp."),
        "not-issued": _("Giấy chưa được ban hành. Cấp số và in trước, rồi ký."),
        "no-signer": _("Chọn người ký. Nếu không có ai, ghi lịch trực của Chủ tịch hoặc người ký thay trước."),
    }
    return words.get(fault, fault)
