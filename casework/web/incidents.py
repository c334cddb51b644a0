"""Suspected leaks of personal data: anybody says so, administrators and supervisors follow the steps within the hours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.clock import VIETNAM, local
from casework.errors import Invalid, NotFound
from casework.incidents.models import EntryKind, Incident, IncidentEntry, IncidentMark, IncidentNotice
from casework.incidents.notice import notice_paper, notices_of, texts_of, write_notice
from casework.incidents.queries import entries_of, find_incident, marks_of, next_mark
from casework.incidents.queries import listing as incidents
from casework.incidents.rules import Step, course
from casework.incidents.service import (
    close_incident,
    do_step,
    followers,
    may_follow,
    note,
    open_incident,
)
from casework.papers.breach import Notice, notice_sheet
from casework.papers.presses import Presses
from casework.papers.word import word_of
from casework.people.models import Staff
from casework.people.queries import staff_by_id
from casework.people.rules import Role
from casework.web.access import open_to, open_to_staff
from casework.web.door import begin
from casework.web.papers import PDF_TYPE, WORD_TYPE, file_answer
from casework.web.wording import law_text, length_text, moment_text, role_title, short_moment
from casework.work import Work

bp = Blueprint("incidents", __name__, url_prefix="/su-co")

DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
HOUR = re.compile(r"(\d{1,2})[:hg](\d{2})")
FOLLOW = (Role.ADMINISTRATOR, Role.SUPERVISOR)


@bp.get("/moi")
@open_to_staff
def new() -> ResponseReturnValue:
    with begin() as work:
        here = local(work.now)
    return _new_page({"description": "", "day": f"{here:%d/%m/%Y}", "time": f"{here:%H:%M}"}, {})


@bp.post("/moi")
@open_to_staff
def make() -> ResponseReturnValue:
    typed = {name: request.form.get(name, "").strip() for name in ("description", "day", "time")}
    detected_at = _moment(typed)
    if detected_at is None:
        return _new_page(typed, {"day": _("Ghi ngày và giờ phát hiện, ví dụ 23/11/2026 và 14:30")})
    try:
        with begin() as work:
            code = open_incident(work, description=typed["description"], detected_at=detected_at).code
    except Invalid as invalid:
        return _new_page(typed, _words_of(invalid))
    flash(_("Đã ghi sự cố %(code)s và báo ngay cho quản trị và giám sát cấp tỉnh.", code=code), "success")
    return redirect(url_for("incidents.show", code=code), code=303)


@bp.get("")
@open_to_staff
def listing() -> ResponseReturnValue:
    with begin() as work:
        rows = [_row(work, one) for one in incidents(work, work.actor)]
    return render_template("incidents/listing.html", rows=rows)


@bp.get("/<code>")
@open_to_staff
def show(code: str) -> ResponseReturnValue:
    with begin() as work:
        page = _page(work, find_incident(work, code))
    return render_template("incidents/show.html", **page, typed={}, faults={})


@bp.post("/<code>/buoc")
@open_to(*FOLLOW)
def step(code: str) -> ResponseReturnValue:
    return _act(code, lambda work, one: do_step(work, one, request.form.get("step", ""), request.form.get("words", "")))


@bp.post("/<code>/ghi")
@open_to(*FOLLOW)
def write(code: str) -> ResponseReturnValue:
    kind = EntryKind.TOLD if request.form.get("kind") == EntryKind.TOLD else EntryKind.NOTE
    return _act(code, lambda work, one: note(work, one, kind, request.form.get("words", "")))


@bp.post("/<code>/dong")
@open_to(*FOLLOW)
def close(code: str) -> ResponseReturnValue:
    return _act(code, lambda work, one: close_incident(work, one, request.form.get("reason", "")))


@bp.get("/<code>/van-ban")
@open_to(*FOLLOW)
def paper(code: str) -> ResponseReturnValue:
    """The notice to the authority, filled in as far as the office knows: a person goes through it and confirms it."""
    with begin() as work:
        page = _paper_page(work, _followed(work, code))
    return render_template("incidents/paper.html", **page, faults={})


@bp.post("/<code>/van-ban")
@open_to(*FOLLOW)
def write_paper(code: str) -> ResponseReturnValue:
    typed = {one.id: request.form.get(one.id, "") for one in notice_paper().asked}
    confirm, compared = request.form.get("do") == "confirm", request.form.get("compared") == "yes"
    try:
        with begin() as work:
            write_notice(work, _followed(work, code), typed, confirm=confirm, compared=compared)
    except Invalid as invalid:
        with begin() as work:
            page = _paper_page(work, _followed(work, code), typed)
        return render_template("incidents/paper.html", **page, faults=_notice_faults(invalid)), 422
    flash(_("Đã xác nhận văn bản. In, ký, gửi, rồi ghi bước đã gửi.") if confirm else _("Đã lưu bản nháp."), "success")
    return redirect(url_for("incidents.paper", code=code), code=303)


@bp.get("/<code>/van-ban.pdf")
@open_to(*FOLLOW)
def paper_pdf(code: str) -> ResponseReturnValue:
    """The notice as PDF, marked as a draft until it is confirmed."""
    with begin() as work:
        found, law = _notice(work, code, "pdf"), work.law
    presses: Presses = current_app.extensions["presses"]
    return file_answer(presses.of(law).draw(found.sheet, found.day), PDF_TYPE, f"{code}-thong-bao.pdf")


@bp.get("/<code>/van-ban.docx")
@open_to(*FOLLOW)
def paper_word(code: str) -> ResponseReturnValue:
    with begin() as work:
        found = _notice(work, code, "docx")
    return file_answer(word_of(found.sheet), WORD_TYPE, f"{code}-thong-bao.docx")


def _notice(work: Work, code: str, how: str) -> Notice:
    incident = _followed(work, code)
    record(work, Tag.INCIDENT_READ, object_type="incident", object_id=incident.id, fields=["notice", how])
    return notice_sheet(work, incident, request.args.get("ban", None, int))


def _paper_page(work: Work, incident: Incident, typed: Mapping[str, str] | None = None) -> dict[str, Any]:
    record(work, Tag.INCIDENT_READ, object_type="incident", object_id=incident.id, fields=["notice"])
    versions = notices_of(work, incident)
    people = staff_by_id(work, [one.confirmed_by or one.by for one in versions])
    texts = typed or texts_of(work, incident, versions[0] if versions else None)
    return {
        "code": incident.code,
        "closed": incident.closed_at is not None,
        "due": moment_text(course().marks[-1].moment(incident.detected_at)),
        "detected": moment_text(incident.detected_at),
        "asked": [
            {
                "id": one.id,
                "label": law_text(one.label),
                "hint": law_text(one.hint) if one.hint else None,
                "lines": one.lines,
                "value": texts.get(one.id, ""),
            }
            for one in notice_paper().asked
        ],
        "is_draft": not versions or versions[0].confirmed_at is None,
        "versions": [_version(one, people) for one in versions],
    }


def _version(one: IncidentNotice, people: Mapping[Any, Staff]) -> dict[str, Any]:
    when = short_moment(one.confirmed_at or one.at)
    who = _who(people.get(one.confirmed_by or one.by))
    return {
        "serial": one.serial,
        "confirmed": one.confirmed_at is not None,
        "words": _("xác nhận %(when)s, %(who)s", when=when, who=who)
        if one.confirmed_at
        else _("bản nháp, sửa %(when)s, %(who)s", when=when, who=who),
    }


def _notice_faults(invalid: Invalid) -> dict[str, str]:
    words = {
        "too-long": _("Quá 4000 ký tự"),
        "missing": _("Ghi việc đã xảy ra"),
        "closed": _("Sự cố đã đóng"),
    }
    found = {name: words.get(fault, _("Sự cố đã đóng")) for name, fault in invalid.faults.items()}
    if "compared" in found:
        found["compared"] = _("Đánh dấu là đã đọc lại và đối chiếu, rồi mới xác nhận")
    return found


def _act(code: str, act: Any) -> ResponseReturnValue:
    try:
        with begin() as work:
            act(work, _followed(work, code))
    except Invalid as invalid:
        with begin() as work:
            page = _page(work, find_incident(work, code))
        typed = {name: request.form.get(name, "") for name in ("words", "reason")}
        return render_template("incidents/show.html", **page, typed=typed, faults=_words_of(invalid)), 422
    flash(_("Đã ghi."), "success")
    return redirect(url_for("incidents.show", code=code), code=303)


def _followed(work: Work, code: str) -> Incident:
    incident = find_incident(work, code)
    if not may_follow(work, work.actor, incident):
        raise NotFound("incident")
    return incident


def _new_page(typed: Mapping[str, str], faults: Mapping[str, str]) -> ResponseReturnValue:
    page = render_template("incidents/new.html", typed=typed, faults=faults, limit=course().limit)
    return page, 422 if faults else 200


def _moment(typed: Mapping[str, str]) -> datetime | None:
    day, hour = DAY.fullmatch(typed["day"]), HOUR.fullmatch(typed["time"])
    if day is None or hour is None:
        return None
    try:
        return datetime.combine(date(int(day[3]), int(day[2]), int(day[1])), time(int(hour[1]), int(hour[2])), VIETNAM)
    except ValueError:
        return None


def _words_of(invalid: Invalid) -> dict[str, str]:
    words = {
        "description": _("Ghi điều anh/chị đã thấy, không quá 4000 ký tự"),
        "detected_at": _("Giờ phát hiện không thể ở sau bây giờ"),
        "words": _("Ghi nội dung, không quá 4000 ký tự"),
        "reason": _("Ghi lý do đóng, không quá 4000 ký tự"),
        "step": _("Không có bước này"),
        "incident": _("Sự cố đã đóng"),
    }
    boxes = {"detected_at": "day", "step": "words", "incident": "words"}
    return {boxes.get(name, name): words[name] for name in invalid.faults}


def _row(work: Work, one: Incident) -> dict[str, Any]:
    due = next_mark(work, one.id)
    return {
        "code": one.code,
        "url": url_for("incidents.show", code=one.code),
        "opened": moment_text(one.opened_at),
        "state": _state(one),
        "next": short_moment(due) if due else "",
    }


def _state(one: Incident) -> str:
    if one.closed_at is not None:
        return _("đã đóng")
    return _("đã gửi thông báo") if one.filed_at is not None else _("đang xử lý")


def _page(work: Work, incident: Incident) -> dict[str, Any]:
    follows = may_follow(work, work.actor, incident)
    record(work, Tag.INCIDENT_READ, object_type="incident", object_id=incident.id)
    entries = entries_of(work, incident.id) if follows else []
    people = staff_by_id(work, [incident.opened_by, *(entry.by for entry, _words in entries)])
    done = {entry.step: entry for entry, _words in entries if entry.kind == EntryKind.STEP}
    limit = course().marks[-1].moment(incident.detected_at)
    return {
        "code": incident.code,
        "state": _state(incident),
        "closed": incident.closed_at is not None,
        "running": incident.closed_at is None and incident.filed_at is None,
        "left": _left(limit, work.now),
        "late": limit <= work.now,
        "limit": moment_text(limit),
        "article": course().article,
        "detected": moment_text(incident.detected_at),
        "opened": moment_text(incident.opened_at),
        "opener": _who(people.get(incident.opened_by)),
        "description": work.open(incident, "description"),
        "follows": follows,
        "marks": [_mark(one) for one in marks_of(work, incident.id)],
        "steps": [_step(one, done.get(one.id), people) for one in course().steps],
        "entries": [_entry(entry, words, people) for entry, words in entries],
        "alerted": [_who(one) for one in followers(work, incident.province_id)],
    }


def _left(limit: datetime, now: datetime) -> str:
    return _("quá %(length)s", length=length_text(now - limit)) if limit <= now else length_text(limit - now)


def _mark(one: IncidentMark) -> dict[str, Any]:
    if one.dropped_at is not None:
        state = _("không cần nữa")
    else:
        state = _("đã báo %(when)s", when=short_moment(one.fired_at)) if one.fired_at else _("sẽ báo")
    return {"title": _("%(hours)s giờ", hours=one.hours), "at": moment_text(one.due_at), "state": state}


def _step(one: Step, done: IncidentEntry | None, people: Mapping[Any, Staff]) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": law_text(one.title),
        "article": one.article,
        "done": f"{short_moment(done.at)}, {_who(people.get(done.by))}" if done else None,
    }


def _entry(entry: IncidentEntry, words: str, people: Mapping[Any, Staff]) -> dict[str, Any]:
    found = course().step(entry.step or "")
    titles = {
        EntryKind.STEP: law_text(found.title) if found else "",
        EntryKind.TOLD: _("Đã báo cho"),
        EntryKind.NOTE: _("Ghi chú"),
        EntryKind.CLOSED: _("Đóng sự cố"),
    }
    return {
        "title": titles[EntryKind(entry.kind)],
        "words": words,
        "at": moment_text(entry.at),
        "who": _who(people.get(entry.by)),
    }


def _who(staff: Staff | None) -> str:
    """A post and never a name: who may read this page need not know who holds it."""
    return role_title(staff.role) if staff else _("phần mềm")
