"""What happened on a case, from the trail: each event once, with who, when, why late, and the paper it left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import url_for
from flask_babel import gettext as _

from casework.audit.models import AuditEntry
from casework.audit.queries import entries_of_case
from casework.audit.tags import Tag
from casework.cases.models import Case, Document
from casework.cases.sight import contents_for
from casework.clock import local
from casework.law.answers import display_of
from casework.law.model import Action, Law
from casework.people.models import Unit
from casework.people.rules import Role
from casework.web import wording
from casework.web.notices import ALARM_TAGS, alarm_words
from casework.web.story import shortened
from casework.web.trailwords import limit_title, tag_title
from casework.work import Work

LENGTH = 300
SMS_BELONGS_WITHIN = timedelta(minutes=10)  # an SMS that left so soon after an event was about it
SAID_LENGTH = 240
JOINED = "case:report:joined"  # the law's tag of a further report
EVENT_TAGS = (
    Tag.CASE_OPENED,
    Tag.CLOCK_WARNED,
    Tag.CLOCK_BREACHED,
    Tag.LATE_REASON_GIVEN,
    Tag.NOTICE_SENT,
    *ALARM_TAGS,
)
REPORTING_ROLES = (Role.COLLABORATOR.value, Role.POLICE.value, Role.HEALTH.value)
# What of a paper is said on its line: how it concluded, what was found, and why it was late.
SAID = ("conclusion", "child_safe", "state", "until", "reason", "text", "outcome", "late_reason")
LABELLED = ("child_safe", "until", "late_reason")
GROUPS = ("buoc", "han", "ghi-nhan", "chuyen", "tin")


def group_titles() -> dict[str, str]:
    """The kinds of event a reader may narrow the timeline to: value in the address → words."""
    return {
        "buoc": _("Bước của quy trình"),
        "han": _("Hạn và nhắc hạn"),
        "ghi-nhan": _("Chuyến thăm, ghi nhận"),
        "chuyen": _("Chuyển công an, y tế"),
        "tin": _("Tin báo"),
    }


def events_of(work: Work, law: Law, case: Case, *, limit: int = LENGTH) -> list[AuditEntry]:
    """Entries that tell the case's course, newest first."""
    tags = [*EVENT_TAGS, *(action.tag for action in law.actions.values())]
    return entries_of_case(work, case.id, tags, limit)


def papers_said(work: Work, law: Law, case: Case, documents: Sequence[Document]) -> dict[UUID, str]:
    """Document → what its line on the timeline says. Opens the papers: for who may read the case."""
    opened = contents_for(work, case, documents)
    return {one.id: _said(law, one.form, said) for one, said in zip(documents, opened, strict=True)}


def timeline(
    law: Law,
    case: Case,
    events: Sequence[AuditEntry],
    units: Mapping[UUID, Unit],
    said: Mapping[UUID, str] | None = None,
) -> list[dict[str, Any]]:
    """Newest first. The same event told to several people at once is one line, and an SMS is told with what caused it."""
    items: list[dict[str, Any]] = []
    reminded: datetime | None = None
    for entry in events:
        if entry.tag == Tag.NOTICE_SENT:
            reminded = entry.at
            continue
        told = reminded is not None and reminded - entry.at <= SMS_BELONGS_WITHIN
        reminded = None
        item = _item(law, case, entry, units, said or {}, told)
        if not items or (items[-1]["title"], items[-1]["time_text"]) != (item["title"], item["time_text"]):
            items.append(item)
    return items


def who(entry: AuditEntry, units: Mapping[UUID, Unit]) -> str:
    """By whose post. Whose post would name them stays unknown: a village has one collaborator (article 24)."""
    if is_reporter(entry.actor_role, entry.tag == Tag.CASE_OPENED or entry.tag == JOINED):
        return _("Người báo tin")
    unit = units.get(entry.unit_id) if entry.unit_id else None
    return post(entry.actor_role, unit.name if unit else "")


def is_reporter(role: str, reporting: bool) -> bool:
    """An informant stays unknown, also to the commune."""
    return reporting and role in REPORTING_ROLES


def post(role: str, unit_name: str = "") -> str:
    """Who acted, by post and office: `Chủ tịch UBND, Xã Nà Lũng`. Short, for it stands on every line."""
    short = {Role.WORKER.value: _("Cán bộ bảo vệ trẻ em"), Role.CHAIR.value: _("Chủ tịch UBND")}
    title = short.get(role) or wording.role_title(role)
    return f"{title}, {unit_name}" if unit_name and unit_name not in title else title


def _item(
    law: Law,
    case: Case,
    entry: AuditEntry,
    units: Mapping[UUID, Unit],
    said: Mapping[UUID, str],
    told: bool,
) -> dict[str, Any]:
    title, kind, group = _event_words(law, entry)
    paper = entry.object_id if entry.object_type == "document" else None
    says = said.get(paper, "") if paper else ""
    return {
        "title": title,
        "kind": kind,
        "group": group,
        "time_text": wording.moment_text(entry.at),
        "time_iso": local(entry.at).isoformat(timespec="seconds"),
        "by": who(entry, units),
        "detail": "\n".join(part for part in (says, _("Đã nhắn SMS") if told else "") if part) or None,
        "url": url_for("cases.document", code=case.code, document_id=paper) if paper else None,
    }


def _event_words(law: Law, entry: AuditEntry) -> tuple[str, str, str]:
    """(title, look, group)."""
    rule = law.deadlines.get(entry.object_type or "")
    if entry.tag in ALARM_TAGS:
        return alarm_words(entry.tag, entry.fields, wording.law_text(rule.title) if rule else ""), "note", "han"
    if entry.tag == Tag.CASE_OPENED:
        return tag_title(entry.tag), "act", "tin"
    if entry.tag == Tag.LATE_REASON_GIVEN:
        return tag_title(entry.tag), "note", "han"
    if entry.tag in (Tag.CLOCK_WARNED, Tag.CLOCK_BREACHED) and rule:
        look = "note" if entry.tag == Tag.CLOCK_WARNED else "ok" if rule.period else "bad"
        return f"{limit_title(entry.tag, rule)}: {wording.law_text(rule.title)}", look, "han"
    action = next((one for one in law.actions.values() if one.tag == entry.tag), None)
    if action is None:  # a clock of a rule that the case's edition no longer has
        return _("Hạn theo quy định trước"), "note", "han"
    return wording.law_text(action.done), "ok" if action.liaison else "act", _group_of(action)


def _group_of(action: Action) -> str:
    if action.tag == JOINED:
        return "tin"
    if action.liaison or action.form == "referral":
        return "chuyen"
    return "ghi-nhan" if action.form in ("progress", "activity") else "buoc"


def _said(law: Law, form_id: str, content: Mapping[str, Any]) -> str:
    form = law.forms.get(form_id)
    if form is None:
        return ""
    fields = {one.id: one for one in form.fields}
    lines = []
    for name in SAID:
        if name not in content:
            continue
        field = fields.get(name)
        text = shortened(display_of(field, content[name], wording.language()) if field else content[name], SAID_LENGTH)
        label = wording.law_text(field.label).rstrip("?:") if field else ""
        if name == "late_reason":
            label = _("Lý do chậm")
        lines.append(f"{label}: {text}" if name in LABELLED and label else text)
    return "\n".join(lines)
