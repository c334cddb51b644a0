"""Receiving: the one-page intake, what waits to be accepted, and bodies from other systems nobody could read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.drafts import drop_draft, find_draft, read_draft, save_draft
from casework.cases.exclusions import units_of_conflict
from casework.cases.models import Case
from casework.cases.queries import state_of
from casework.cases.service import record_read
from casework.clock import local
from casework.deadlines.queries import read_clock, running_of
from casework.intake.models import UnreadReport
from casework.intake.queries import (
    Receipt,
    accepted_receipts,
    calls_closed_since,
    own_receipt,
    own_reports,
    readable_until,
    similar_cases,
    taken_down,
    waiting_receipts,
    waiting_unread,
)
from casework.intake.rules import REPORTER_FIELDS, believable
from casework.intake.schemas import NO_COMMUNE, readable_parts, received_at_of, submitted_from
from casework.intake.service import (
    TypedReport,
    check_account,
    close_call,
    read_typed,
    receive_typed,
    settle_unread,
    unread_report,
    was_sent,
)
from casework.law.deadlines import due
from casework.law.forms import FAULTS, answers
from casework.law.model import Form
from casework.people.models import Unit
from casework.people.queries import (
    Place,
    commune_by_code,
    commune_candidates,
    duty_of_units,
    find_places,
    on_duty,
    province_for,
    unit,
    units_by_id,
)
from casework.people.rules import Role
from casework.people.service import person_of
from casework.web.access import keeps_draft, open_to
from casework.web.door import begin, the_viewer
from casework.web.lawform import posted
from casework.web.wording import article_name, clock_chip, language, law_text, length_text, role_title, short_moment
from casework.work import Work

bp = Blueprint("operator", __name__)

CANDIDATES = 8  # so many communes are named when what was typed may mean several
RECEIVERS = (Role.HOTLINE, Role.WORKER, Role.CHAIR)
REVIEWERS = (Role.HOTLINE, Role.SUPERVISOR)
PAGE = "intake"
LONGEST_CALL = timedelta(hours=24)  # a page opened longer ago than this says nothing about when the call began
QUICK_FIELDS = (
    "danger_now", "incident_commune", "incident_place", "child_whereabouts",
    "child_name", "child_age", "child_birth_date", "child_sex",
    "kinds", "harmer_relation", "harmer_lives_with_child", "accused_works_for", "narrative", "reporter_phone", "reporter_name",
)  # fmt: skip
KIND_KEYS = ("violence", "sexual", "neglect", "exploitation", "trafficking", "abandonment", "other")

Typed = Mapping[str, Sequence[str]]


# ---------------------------------------------------------------- the intake page


@bp.get("/tiep-nhan/moi")
@open_to(*RECEIVERS)
def new() -> ResponseReturnValue:
    with begin() as work:
        typed, saved_at = _own_draft(work)
        page = _intake(work, typed, saved_at=saved_at)
    return render_template("operator/new.html", **page)


@bp.post("/tiep-nhan/moi")
@open_to(*RECEIVERS)
@keeps_draft(lambda **_: PAGE)
def save() -> ResponseReturnValue:
    typed = posted()
    looking = "_look" in request.form
    with begin() as work:
        report = read_typed(work, typed, opened_at=_opened_at(typed, work.now))
        faults = _faults(report)
        if faults or looking:
            save_draft(work, PAGE, typed)
            page = _intake(work, typed, faults={} if looking else faults)
            return render_template("operator/new.html", **page), 200 if looking else 422
        into, gone = _chosen(work, report)
        received = receive_typed(work, report, once=_once(typed), into=into)
        drop_draft(work, PAGE)
    if gone:
        flash(_("Ca đã chọn không còn khớp với tin này, nên tin được ghi riêng."), "warning")
    return redirect(url_for("operator.receipt", code=received.report.code), code=303)


@bp.post("/tiep-nhan/nhap")
@open_to(*RECEIVERS)
@keeps_draft(lambda **_: PAGE)
def autosave() -> ResponseReturnValue:
    typed = posted()
    with begin() as work:
        # A save that was still on its way when the form was sent must not come back as the next call's draft.
        if was_sent(work, _once(typed)):
            return jsonify({})
        save_draft(work, PAGE, typed)
        return jsonify({"saved_at": f"{local(work.now):%H:%M:%S}"})


@bp.post("/tiep-nhan/nhap/bo")
@open_to(*RECEIVERS)
def drop() -> ResponseReturnValue:
    with begin() as work:
        drop_draft(work, PAGE)
    return redirect(url_for("operator.new"), code=303)


@bp.get("/tiep-nhan/xa")
@open_to(*RECEIVERS, *REVIEWERS)
def communes() -> ResponseReturnValue:
    """What the combobox offers: [{code, title, detail}]; who types a former name is told what it is now."""
    with begin() as work:
        found = find_places(work, request.args.get("q", "")[:100])
        named = [one.commune.province_id for one in found]
        around = units_by_id(work, named + [one.formerly.district_id for one in found if one.formerly])
    return jsonify(
        [{"code": one.commune.code, "title": one.commune.name, "detail": _where(one, around)} for one in found]
    )


def _where(place: Place, around: Mapping[UUID, Unit]) -> str:
    """The province, and for a place found by its former name what became of it."""
    province = around.get(place.commune.province_id) if place.commune.province_id else None
    lies = province.name if province else ""
    if place.formerly is None:
        return lies
    district = around.get(place.formerly.district_id) if place.formerly.district_id else None
    old = ", ".join(one.name for one in (place.formerly, district) if one)
    if place.shared:
        words = _("một phần %(old)s (cũ) nay là %(now)s", old=old, now=place.commune.name)
    else:
        words = _("%(old)s (cũ) nay là %(now)s", old=old, now=place.commune.name)
    return " · ".join(part for part in (words, lies) if part)


@bp.post("/tiep-nhan/trung")
@open_to(*RECEIVERS)
def look() -> ResponseReturnValue:
    """The panel beside the form, for what is typed so far. A post, so that no name stands in an address."""
    typed = posted()
    with begin() as work:
        panel = _panel(work, read_typed(work, typed, opened_at=_opened_at(typed, work.now)))
    return render_template("operator/panel.html", **panel)


@bp.post("/tiep-nhan/dong")
@open_to(*RECEIVERS)
def close() -> ResponseReturnValue:
    with begin() as work:
        close_call(work, request.form.get("kind", ""))
        drop_draft(work, PAGE)
    flash(_("Đã đóng cuộc gọi, không phải ca."), "success")
    return redirect(url_for("operator.new"), code=303)


@bp.get("/tiep-nhan/<code>")
@open_to(*RECEIVERS, *REVIEWERS)
def receipt(code: str) -> ResponseReturnValue:
    """That the report is in, where it went and what runs now: no content."""
    with begin() as work:
        page = _receipt(work, own_receipt(work, code))
    return render_template("operator/receipt.html", **page)


@bp.get("/tiep-nhan/<code>/xem-lai")
@open_to(*RECEIVERS, *REVIEWERS)
def read_back(code: str) -> ResponseReturnValue:
    """What the person wrote, for half an hour; from then on this address too has the receipt alone."""
    with begin() as work:
        found = taken_down(work, code)
        if found.until is None or found.form is None:
            page = {**_receipt(work, found.receipt), "too_late": True}
            return render_template("operator/receipt.html", **page)
        record_read(work, found.receipt.case, what="intake", object_id=found.receipt.report.id)
        page = {
            "report": found.receipt.report,
            "recorded": f"{local(found.receipt.report.recorded_at):%H:%M}",
            "until": f"{local(found.until):%H:%M}",
            "left": length_text(found.until - work.now),
            "sections": _answered(work, found.form, found.values or {}),
            "language": language(),
        }
    return render_template("operator/read_back.html", **page)


def _answered(work: Work, form: Form, values: Mapping[str, Any]) -> list[Any]:
    """What was answered and nothing else, for the open questions would hide it; a commune by its name."""
    named = {
        one.id: place.name
        for one in form.fields
        if one.kind == "commune" and (place := commune_by_code(work, str(values.get(one.id, ""))))
    }
    sections = [
        (section, [(one, said) for one, said in lines if said is not None])
        for section, lines in answers(form, {**values, **named}, language())
    ]
    return [(section, lines) for section, lines in sections if lines]


def _receipt(work: Work, found: Receipt) -> dict[str, Any]:
    running = [] if found.kept_from_me else running_of(work, [found.case.id]).get(found.case.id, [])
    clocks = [read_clock(work, one) for one in running]
    state = state_of(work, found.case)
    return {
        "receipt": found,
        "recorded": f"{local(found.report.recorded_at):%H:%M}",
        "clocks": [{**(clock_chip(one) or {}), "article_name": article_name(one.rule.article)} for one in clocks],
        "told": _receiver(work, _holder(found.case)),
        "commune_known": found.case.incident_unit_id is not None,
        "only_received": found.kept_from_me,
        "next": law_text(state.next),
        "decides": law_text(state.decides),
        "again": _time_left(work, found),
        "too_late": False,
    }


def _time_left(work: Work, receipt: Receipt) -> str | None:
    """How long the person may still read what they wrote; None: not theirs, or over."""
    until = readable_until(work, receipt)
    return length_text(until - work.now) if until else None


# ---------------------------------------------------------------- the shift's queue


@bp.get("/tiep-nhan")
@open_to(*RECEIVERS)
def queue() -> ResponseReturnValue:
    """Codes, communes, states and clocks. The hotline sees every report that waits; a commune's office its own."""
    everything = the_viewer().role == Role.HOTLINE
    with begin() as work:
        midnight = datetime.combine(local(work.now).date(), time.min, local(work.now).tzinfo)
        initial = work.law.initial_state.id
        if everything:
            waiting, accepted = waiting_receipts(work), accepted_receipts(work, midnight)
        else:
            own = own_reports(work)
            own = [one for one in own if not one.kept_from_me]
            waiting = [one for one in reversed(own) if one.case.state == initial]
            accepted = [one for one in own if one.case.state != initial]
        draft = find_draft(work, PAGE)
        page = {
            "waiting": _rows(work, waiting, call=everything),
            "accepted": _rows(work, accepted),
            "draft_at": short_moment(draft.saved_at) if draft else None,
            "closed_today": calls_closed_since(work, midnight),
            "everything": everything,
        }
    return render_template("operator/queue.html", **page)


def _rows(work: Work, receipts: Sequence[Receipt], *, call: bool = False) -> list[dict[str, Any]]:
    running = running_of(work, [one.case.id for one in receipts])
    units = units_by_id(work, [one.case.responsible_unit_id for one in receipts])
    duty = (
        duty_of_units(work, {one.case.responsible_unit_id for one in receipts}, Role.WORKER, work.now) if call else {}
    )
    first = {unit_id: holders[0] for unit_id, holders in duty.items()}
    opened = dict(zip(first, work.open_all(list(first.values()), "person"), strict=True))
    soon = timedelta(minutes=work.law.deadlines["acknowledge"].amount)
    rows = []
    for one in receipts:
        waited = work.now - one.report.recorded_at
        clocks = running.get(one.case.id, [])
        rows.append(
            {
                "code": one.report.code,
                "case": one.case.code,
                "at": short_moment(one.report.recorded_at),
                "unit": units[one.case.responsible_unit_id].name,
                "commune_known": one.case.incident_unit_id is not None,
                "state": law_text(state_of(work, one.case).title),
                "waited": {
                    "state": "soon" if waited > soon else "hold",
                    "words": _("Chờ %(w)s", w=length_text(waited)),
                },
                "clock": clock_chip(read_clock(work, clocks[-1])) if clocks else None,
                "mine": one.report.staff_id == work.actor.id,
                "again": _time_left(work, one),
                "phone": (opened.get(one.case.responsible_unit_id) or {}).get("phone"),
            }
        )
    return rows


# ---------------------------------------------------------------- bodies nobody could read


@bp.get("/tiep-nhan/can-xem-lai")
@open_to(*REVIEWERS)
def unread() -> ResponseReturnValue:
    with begin() as work:
        rows = [
            {
                "code": one.code,
                "at": short_moment(one.received_at),
                "waited": length_text(work.now - one.received_at),
                "faults": [_fault_words(fault) for fault in one.faults],
            }
            for one in waiting_unread(work)
        ]
    return render_template("operator/unread.html", rows=rows)


@bp.get("/tiep-nhan/can-xem-lai/<review>")
@open_to(*REVIEWERS)
def review(review: str) -> ResponseReturnValue:
    with begin() as work:
        kept = _waiting(work, review)
        if kept is None:
            return _settled_already()
        body = _read_body(work, kept)
        typed = read_draft(work, _review_page(review)) or body.typed
        page = _intake(work, typed, started_at=kept.received_at)
        record(work, Tag.REVIEW_QUEUE_READ, object_type="unread_report", object_id=kept.id)
        shown = _review(kept, body)
    return render_template("operator/review.html", **page, **shown)


@bp.post("/tiep-nhan/can-xem-lai/<review>")
@open_to(*REVIEWERS)
@keeps_draft(lambda review: _review_page(review))
def settle(review: str) -> ResponseReturnValue:
    typed = posted()
    with begin() as work:
        kept = _waiting(work, review)
        if kept is None:
            return _settled_already()
        if "_no_report" in request.form:
            settle_unread(work, kept, None)
            drop_draft(work, _review_page(review))
            flash(_("Đã ghi: không phải tin báo."), "success")
            return redirect(url_for("operator.unread"), code=303)
        body = _read_body(work, kept)
        report = read_typed(work, {**body.withheld, **typed}, opened_at=body.received_at)
        faults = _faults(report)
        if faults:
            save_draft(work, _review_page(review), typed)
            page = _intake(work, typed, faults=faults, started_at=kept.received_at)
            record(work, Tag.REVIEW_QUEUE_READ, object_type="unread_report", object_id=kept.id)
            return render_template("operator/review.html", **page, **_review(kept, body)), 422
        received = receive_typed(work, report, once=kept.id)
        settle_unread(work, kept, received.report)
        drop_draft(work, _review_page(review))
    return redirect(url_for("operator.receipt", code=received.report.code), code=303)


@dataclass(frozen=True)
class _Body:
    """A kept body as this reader may see it. `withheld` are the reporter's answers, kept from all but the hotline."""

    shown: str | None
    typed: dict[str, list[str]]
    withheld: dict[str, list[str]]
    received_at: datetime


def _read_body(work: Work, kept: UnreadReport) -> _Body:
    text = str(work.open(kept, "body") or "")
    parts = readable_parts(text)
    typed, _rest = submitted_from(parts, work.law) if parts else ({}, {})
    if typed.get("incident_commune") == [NO_COMMUNE]:
        del typed["incident_commune"]
    named = received_at_of(parts.received_at, work.now) if parts and parts.received_at else None
    received_at = named if named and believable(named, work.now) else kept.received_at
    if the_viewer().role == Role.HOTLINE:
        return _Body(_pretty(text), typed, {}, received_at)
    withheld = {name: typed.pop(name) for name in REPORTER_FIELDS if name in typed}
    return _Body(_pretty(text, without="reporter"), typed, withheld, received_at)


def _pretty(text: str, *, without: str | None = None) -> str | None:
    """The body in lines. With `without`, that part is left out, and a body it cannot be left out of is not shown."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None if without else text
    if without and not isinstance(body, dict):
        return None
    if without:
        body.pop(without, None)
    return json.dumps(body, ensure_ascii=False, indent=2)


def _review(kept: UnreadReport, body: _Body) -> dict[str, Any]:
    return {
        "review": kept.code,
        "received": short_moment(kept.received_at),
        "body": body.shown,
        "body_faults": [_fault_words(one) for one in kept.faults],
    }


def _waiting(work: Work, code: str) -> UnreadReport | None:
    kept = unread_report(work, code)
    return kept if kept.settled_at is None else None


def _settled_already() -> ResponseReturnValue:
    flash(_("Tin này đã có người xử lý."), "info")
    return redirect(url_for("operator.unread"), code=303)


def _review_page(code: str) -> str:
    return f"review:{code}"


def _fault_words(fault: Mapping[str, str]) -> str:
    known = FAULTS.get(fault["fault"])
    words = law_text(known) if known else fault["fault"]
    return f"{fault['field']}: {words}" if fault["field"] else words


# ---------------------------------------------------------------- parts


def _own_draft(work: Work) -> tuple[Typed, datetime | None]:
    """What this person left unfinished and when, else an empty form of this moment."""
    typed = read_draft(work, PAGE)
    if typed is not None and was_sent(work, _once(typed)):
        drop_draft(work, PAGE)
        typed = None
    draft = find_draft(work, PAGE) if typed is not None else None
    if typed is not None and draft is not None:
        return typed, draft.saved_at
    blank = {"once": [str(uuid4())], "opened_at": [local(work.now).isoformat(timespec="seconds")]}
    if work.actor.role == Role.HOTLINE:
        blank["channel"] = ["phone"]
    return blank, None


def _intake(
    work: Work,
    typed: Typed,
    *,
    faults: Mapping[str, str] | None = None,
    saved_at: datetime | None = None,
    started_at: datetime | None = None,
) -> dict[str, Any]:
    """Everything operator/new.html and operator/review.html draw the rows from."""
    form = work.law.forms["01"]
    started = started_at or _opened_at(typed, work.now)
    report = read_typed(work, typed, opened_at=started)
    rule = work.law.deadlines["emergency"]
    rest = [one for one in form.fields if one.id not in QUICK_FIELDS]
    found = dict(faults or {})
    return {
        "form": form,
        "rest": rest,
        "rest_open": any(one.id in found or _written(typed, one.id) for one in rest),
        "shown": {"once": [str(uuid4())], **typed},
        "faults": found,
        "fault_texts": {**FAULTS, "no-account": _("Chọn câu 1, hoặc ghi ít nhất một câu về việc đang xảy ra")},
        "articles": work.law.articles,
        "started_iso": local(started).isoformat(timespec="seconds"),
        "started": f"{local(started):%H:%M:%S}",
        "saved_at": short_moment(saved_at),
        "due": f"{local(due(rule, started, work.calendar).due_at):%H:%M, %d/%m}",
        "rule": rule,
        "kinds": [
            {"value": kind, "title": _("Khác") if kind == "other" else law_text(option.text), "key": str(place)}
            for place, kind in enumerate(KIND_KEYS, start=1)
            if (option := work.law.option("kinds", kind))
        ],
        "relations": [(one.id, law_text(one.text)) for one in work.law.lists["harmer_relations"]],
        "non_cases": [(one.id, law_text(one.text)) for one in work.law.lists["non_case"]],
        "commune_title": report.commune.name if report.commune else None,
        "language": language(),
        **_panel(work, report),
    }


def _written(typed: Typed, field_id: str) -> bool:
    """Whether somebody wrote an answer here; the channel is filled in by the page itself."""
    names = [name for name in typed if name == field_id or name.startswith(f"{field_id}-")]
    return field_id != "channel" and any(text.strip() for name in names for text in typed[name])


def _panel(work: Work, report: TypedReport) -> dict[str, Any]:
    """Who will receive it and which cases it may repeat: codes and reasons, never content."""
    found = similar_cases(work, report.commune.id, report.values) if report.commune else []
    if found:
        record(work, Tag.SEARCHED, object_type="similar_case", fields=("incident_commune", "child_name", "child_age"))
    why = {"name": _("tên gần giống"), "age": _("tuổi gần")}
    asked = report.commune is not None or "commune" in report.as_sent
    kept_from = units_of_conflict(work, str(report.values.get("accused_works_for") or ""), report.commune)
    holder = None if report.commune in kept_from else report.commune
    return {
        "commune": report.commune,
        "unknown_commune": "commune" in report.as_sent,
        "candidates": _candidates(work, str(report.as_sent.get("commune") or "")),
        "told": _receiver(work, holder.id if holder else None) if asked else None,
        "similar": [
            {
                "code": one.case.code,
                "at": short_moment(one.case.received_at),
                "state": law_text(state_of(work, one.case).title),
                "why": ", ".join(why[reason] for reason in one.reasons),
                "open": not state_of(work, one.case).final,
            }
            for one in found
        ],
        "into": request.form.get("_into"),
    }


def _candidates(work: Work, words: str) -> list[str]:
    """The communes that what was typed may mean, where it is more than one: a former commune that was split, or a name
    that several bear."""
    found = commune_candidates(work, words)[:CANDIDATES] if words else []
    provinces = units_by_id(work, [one.province_id for one in found])
    return [f"{one.name}, {provinces[one.province_id].name}" if one.province_id else one.name for one in found]


def _receiver(work: Work, unit_id: UUID | None) -> dict[str, Any]:
    """The post a report goes to: unit and role; its phone for the hotline alone. No unit: the provincial desk."""
    office: Unit = unit(work, unit_id) if unit_id else province_for(work, work.actor)
    role = Role.WORKER if unit_id else Role.SUPERVISOR
    holders = on_duty(work, office.id, role, work.now) if work.actor.role == Role.HOTLINE else ()
    phones = [person_of(work, one).get("phone") for one in holders[:1]]
    return {"unit": office.name, "role": role_title(role), "phone": phones[0] if phones else None}


def _holder(case: Case) -> UUID | None:
    """The commune that holds a case; None while the province does, for want of a commune or for a conflict of interest."""
    return None if case.responsible_unit_id == case.province_id else case.responsible_unit_id


def _chosen(work: Work, report: TypedReport) -> tuple[Case | None, bool]:
    """The case the operator chose to add this report to, and whether one was chosen that may not be."""
    code = request.form.get("_into")
    if not code:
        return None, False
    offered = similar_cases(work, report.commune.id, report.values) if report.commune else []
    open_ones = (one.case for one in offered if not state_of(work, one.case).final)
    case = next((one for one in open_ones if one.code == code), None)
    return case, case is None


def _faults(report: TypedReport) -> dict[str, str]:
    """Who answered whether there is danger now has said enough to send help: the rest can follow."""
    silent = {} if "danger_now" in report.values else check_account(report.values)
    return {**report.faults, **{field: "no-account" for field in silent if field not in report.faults}}


def _opened_at(typed: Typed, now: datetime) -> datetime:
    """When the page was opened, which is when the call began; now where that cannot be believed."""
    try:
        opened = datetime.fromisoformat(next(iter(typed.get("opened_at", ())), ""))
    except ValueError:
        return now
    return opened if opened.tzinfo is not None and now - LONGEST_CALL <= opened <= now else now


def _once(typed: Typed) -> UUID:
    """The form's own number. A form that lost it is a new one: better twice than never."""
    try:
        return UUID(next(iter(typed.get("once", ())), ""))
    except ValueError:
        return uuid4()
