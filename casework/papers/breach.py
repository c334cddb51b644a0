"""The notice of a suspected leak as a paper: laid out and printed as the forms are, with its own kind and no case."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import asdict, dataclass, replace
from datetime import date

from casework.clock import local
from casework.incidents.models import Incident, IncidentNotice
from casework.incidents.notice import DETECTED, NoticePaper, notice_named, notice_paper, texts_of
from casework.papers.content import PaperContent
from casework.papers.facts import paragraphs
from casework.papers.layout import Sheet, lay_out
from casework.papers.rules import HASH_PRINTED
from casework.people.models import Unit, UnitKind
from casework.people.queries import unit
from casework.work import Work

CODE_WORDS = "Mã sự cố"
_KINDS_OF_PROVINCE = re.compile(r"^(tỉnh|thành phố)\s+", re.IGNORECASE)


@dataclass(frozen=True)
class Notice:
    """The sheet, and the day that its file carries."""

    sheet: Sheet
    day: date


def notice_sheet(work: Work, incident: Incident, serial: int | None = None) -> Notice:
    """One version of an incident's notice, else the newest, marked as a draft unless somebody has confirmed it. Nothing
    stands in it but what was typed for it, the moment of noticing, the office and the code. Raises NotFound."""
    paper = notice_paper()
    notice = notice_named(work, incident, serial)
    content = _content(work, incident, notice, paper)
    if notice is None or notice.confirmed_at is None:
        return Notice(lay_out(content, paper.kind), local(incident.opened_at).date())
    kind = replace(paper.kind, note=None)  # the note asks to compare: who confirmed it says to have done so
    day = local(notice.confirmed_at).date()
    content = replace(content, day=day, extra={**content.extra, "draft": False})
    final = replace(content, version_hash=_hash_of(lay_out(content, kind))[:HASH_PRINTED])
    return Notice(lay_out(final, kind), day)


def _content(work: Work, incident: Incident, notice: IncidentNotice | None, paper: NoticePaper) -> PaperContent:
    texts = texts_of(work, incident, notice)
    office = unit(work, incident.province_id)
    extra = {"code_words": CODE_WORDS, "draft": True}
    return PaperContent(
        kind=paper.kind.id,
        form=paper.form,
        values={**texts, DETECTED: incident.detected_at.isoformat()},
        commune=office.name,
        province=office.name,
        place=_KINDS_OF_PROVINCE.sub("", office.name),
        day=None,
        number=texts.get("number") or None,
        signer_post="",
        signer_name="",
        deputy=False,
        grounds=paragraphs(texts.get("grounds", "")),
        recipients=(),
        version_hash="",
        code=incident.code,
        extra=extra | _issuer(office),
    )


def _issuer(office: Unit) -> dict[str, str]:
    """A province's people's committee is the office of every form; a body above provinces goes by its own name."""
    return {} if office.kind == UnitKind.PROVINCE else {"office": office.name}


def _hash_of(sheet: Sheet) -> str:
    said = json.dumps(asdict(sheet), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(unicodedata.normalize("NFC", said).encode()).hexdigest()
