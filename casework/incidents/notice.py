"""The written notice of a suspected leak: filled in from what the office knows, a draft until somebody confirms it.

Once confirmed it is never changed; what is written afterwards is the next one, a draft again.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.errors import Invalid, LawFault, NotFound
from casework.incidents.models import EntryKind, Incident, IncidentNotice
from casework.incidents.queries import entries_of
from casework.incidents.service import LONGEST, check_open
from casework.law.entries import Entry, Readings
from casework.law.model import Field, Form, Section, Text
from casework.law.papers import PaperKind, faults_of, read_papers
from casework.work import Work

FILE = "notice.toml"
DETECTED = "detected_at"  # the one fact of the paper that nobody types: the hours count from it
WHAT = "what"


@dataclass(frozen=True)
class Asked:
    """One text of the notice; `fill` as notice.toml explains it."""

    id: str
    label: Text
    hint: Text | None
    lines: int
    fill: str


@dataclass(frozen=True)
class NoticePaper:
    """What is asked for the notice, and how it looks printed."""

    asked: tuple[Asked, ...]
    form: Form
    kind: PaperKind


@cache
def notice_paper() -> NoticePaper:
    """As committed (read once: it is part of the program). Raises LawFault for data that do not hold together."""
    return read_notice(tomllib.loads(resources.files("casework.incidents").joinpath(FILE).read_text("utf-8")))


def read_notice(raw: Mapping[str, Any]) -> NoticePaper:
    """Raises LawFault: a word this file does not know, a pattern that names nothing that is asked, not just one paper."""
    reading = Readings()
    root = Entry(reading, FILE, raw)
    root.word("source")
    asked = tuple(_asked(one) for one in root.entries("field", "field"))
    papers = read_papers(root)
    root.close()
    fields = tuple(Field(one.id, "text", one.label, "work", max_length=LONGEST, by_product=True) for one in asked)
    detected = Field(DETECTED, "datetime", Text("", ""), "work")
    faults = list(reading.faults)
    if len(papers) != 1 or WHAT not in {one.id for one in asked}:
        raise LawFault([*faults, f"{FILE}: one paper, and a field {WHAT!r}"])
    (kind,) = papers.values()
    section = Section(kind.id, kind.title, (detected, *fields))
    form = Form(kind.id, kind.title, kind.article, "", (section,), by_product=True)
    faults += faults_of({kind.id: replace(kind, form=form.id)}, {form.id: form})
    if faults:
        raise LawFault(faults)
    return NoticePaper(asked, form, kind)


def _asked(entry: Entry) -> Asked:
    return Asked(
        id=entry.word("id"),
        label=entry.title("label"),
        hint=entry.text("hint", required=False),
        lines=entry.get("lines", int, 1),
        fill=(entry.maybe("fill") or "").strip(),
    )


# ---------------------------------------------------------------- what stands in it


def notices_of(work: Work, incident: Incident) -> Sequence[IncidentNotice]:
    """Every version, newest first: at most the first of them is a draft."""
    return work.session.exec(
        select(IncidentNotice)
        .where(IncidentNotice.incident_id == incident.id)
        .order_by(col(IncidentNotice.serial).desc())
    ).all()


def latest_notice(work: Work, incident: Incident) -> IncidentNotice | None:
    return next(iter(notices_of(work, incident)), None)


def notice_named(work: Work, incident: Incident, serial: int | None) -> IncidentNotice | None:
    """That version, or the newest; None where nobody has written any yet. Raises NotFound for one there is not."""
    if serial is None:
        return latest_notice(work, incident)
    found = next((one for one in notices_of(work, incident) if one.serial == serial), None)
    if found is None:
        raise NotFound("notice")
    return found


def texts_of(work: Work, incident: Incident, notice: IncidentNotice | None) -> dict[str, str]:
    """Field → text: as it was written, or before that as far as the incident itself tells."""
    if notice is not None:
        written: dict[str, str] = work.open(notice, "content")
        return {one.id: written.get(one.id, "") for one in notice_paper().asked}
    entries, paper = entries_of(work, incident.id), notice_paper()
    known = {
        "grounds": "\n".join(line.text for line in paper.kind.grounds),
        "description": str(work.open(incident, "description") or ""),
        "steps": "\n".join(words for entry, words in entries if entry.kind == EntryKind.STEP and words),
        "told": "\n".join(words for entry, words in entries if entry.kind == EntryKind.TOLD and words),
    }
    return {one.id: known.get(one.fill, one.fill) for one in paper.asked}


def write_notice(
    work: Work, incident: Incident, typed: Mapping[str, str], *, confirm: bool = False, compared: bool = False
) -> IncidentNotice:
    """Keeps what was typed: in the draft there is, else in a new one. `confirm` makes it final; `compared`: the person says
    to have read it again and compared it with the law's own text.

    Raises Invalid: a text too long; confirmed without a word on what happened or without comparing; an incident that is closed.
    """
    check_open(incident)
    content = {one.id: typed.get(one.id, "").strip() for one in notice_paper().asked}
    faults = {name: "too-long" for name, text in content.items() if len(text) > LONGEST}
    if confirm and not content[WHAT]:
        faults[WHAT] = "missing"
    if confirm and not compared:
        faults["compared"] = "missing"
    if faults:
        raise Invalid(faults)
    work.session.exec(
        select(Incident.id).where(Incident.id == incident.id).with_for_update()
    ).one()  # one writer a time
    last = latest_notice(work, incident)
    if last is not None and last.confirmed_at is not None and work.open(last, "content") == content:
        return last
    notice = _draft(work, incident, last)
    notice.at, notice.by = work.now, work.actor.id
    work.seal(notice, content=content)
    if confirm:
        notice.confirmed_at, notice.confirmed_by = work.now, work.actor.id
    work.session.add(notice)
    work.session.flush()
    tag = Tag.INCIDENT_NOTICE_CONFIRMED if confirm else Tag.INCIDENT_NOTED
    record(work, tag, object_type="incident", object_id=incident.id, fields=["notice", str(notice.serial)])
    return notice


def _draft(work: Work, incident: Incident, last: IncidentNotice | None) -> IncidentNotice:
    if last is not None and last.confirmed_at is None:
        return last
    return IncidentNotice(incident_id=incident.id, serial=last.serial + 1 if last else 1, at=work.now)
